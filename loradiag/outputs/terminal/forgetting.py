"""Forgetting in a terminal: what it comes to, what was asked, the table of scores, and on demand the documents that changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.text import Text

from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.forgetting import statements, summary, tally
from loradiag.outputs.questions import (
    LEARNED,
    asked,
    called,
    flat,
    learned,
    others,
    parts,
    served,
)
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.flips import flips
from loradiag.outputs.terminal.scores import Line, tables
from loradiag.outputs.terminal.summary import labelled, summed_up
from loradiag.outputs.terminal.sweep import memory, sweep


def forgetting(report: Report, style: Style) -> Iterable[RenderableType]:
    """The section; nothing where no task was asked."""
    found = report.measurements.forgetting
    if found is None:
        return
    yield ""
    yield Text("forgetting", style="bold")
    yield labelled(statements(report, found))
    lines = _lines(found, style)
    scores = [line.score for line in lines if line.score is not None]
    if scores:
        yield ""
        yield from tables(report, lines, style)
    if not style.verbose:
        yield from _folded(found)
    yield from _reasons(scores)
    if style.verbose:
        yield from flips(found)
    yield from sweep(found, style)
    yield from memory(found, style)
    yield ""
    yield summed_up(summary(report, found))


def _lines(found: Forgetting, style: Style) -> list[Line]:
    """The rows: what was asked, on demand the parts of groups and other metrics, and what was learned."""
    blocks = [("", asked(found))]
    if style.verbose:
        blocks += [("parts of groups", parts(found)), ("other metrics", others(found))]
    blocks.append((LEARNED, learned(found)))
    lines: list[Line] = []
    for title, questions in blocks:
        if questions and title:
            lines.append(Line(title, "dim italic"))
        for rows in questions:
            lines += [_line(score, first=score is rows[0]) for score in rows]
    return lines


def _line(score: Score, *, first: bool) -> Line:
    name = f"  {served(score)}" if score.route is not None and not first else f"{called(score.task)} {served(score)}"
    return Line(name.rstrip(), "bold" if score.role == "group" and score.primary else "", score)


def _folded(found: Forgetting) -> Iterable[Text]:
    """One line for the parts of groups."""
    rows = flat(parts(found))
    if rows:
        told = tally(rows)
        names = {score.task for score in rows}
        worst = f"; most: {told.worst}" if told.worst else ""
        yield Text(f"{plural(len(names), 'part')} of groups: {told.counts}{worst}: --verbose", style="dim")


def _reasons(scores: Sequence[Score]) -> Iterable[Text]:
    """Why figures are missing."""
    reasons: dict[str, list[str]] = {}
    for score in scores:
        if score.reason:
            reasons.setdefault(shorten(printable(score.reason), 200), []).append(called(score.task))
    for reason, names in reasons.items():
        yield Text(f"{listed(list(dict.fromkeys(names)), 4)}: {reason}", style="dim")
