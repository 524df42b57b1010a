"""Traffic in Markdown: what it comes to, windows, topics, novel requests and answers, fit for a comment."""

from __future__ import annotations

from loradiag.core.drift import Drift
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.outputs import shifts
from loradiag.outputs.flips import cut
from loradiag.outputs.mdadvice import advised
from loradiag.outputs.mdtext import code, folded, prose, table
from loradiag.outputs.novel import SHORT, change, like, parts, topics
from loradiag.outputs.style import Style
from loradiag.outputs.traffic import routes_said, summary, topic_name
from loradiag.outputs.trafficfacts import statements
from loradiag.outputs.windowfigures import ROUTE, TO, figures
from loradiag.outputs.windows import MARKS, WORDS, first, most_shifted, strangest, when

WINDOWS = 120
"""Windows with ``--verbose``: a comment on GitHub holds 65,536 characters."""

_WORDY = ("logged", "p mix", "p MMD")
"""Columns that are shown with ``--verbose``."""


def traffic(report: Report, style: Style) -> list[str]:
    """The blocks; none where traffic was not checked."""
    found = report.measurements.drift
    if found is None:
        return []
    blocks = ["### Traffic", advised(summary(report, found))]
    blocks += _windows(report, found, style)
    blocks.append(table(("", ""), [(prose(label), prose(text)) for label, text in statements(found)]))
    blocks += _topics(found)
    blocks += _requests(found)
    blocks += _answers(report, found, style)
    return blocks


def _windows(report: Report, found: Drift, style: Style) -> list[str]:
    rows = found.windows[-WINDOWS:] if style.verbose else first(found.windows)
    if not rows:
        return []
    every = [figure for figure in figures(report, found, every=style.verbose) if figure.title != TO]
    told = [figure for figure in every if style.verbose or figure.title not in _WORDY]
    heads = (figure.title if figure.title == ROUTE else f"#{figure.title}" for figure in told)
    lines = [
        [prose(when(row)), *(prose(figure.say(row)) for figure in told), f"{MARKS[row.status]} {WORDS[row.status]}"]
        for row in rows
    ]
    blocks = [table(("window", *heads, "status"), lines)]
    if len(rows) < len(found.windows):
        which = "newest" if style.verbose else "newest and gravest"
        blocks.append(f"Showing the {len(rows):,} {which} of {plural(len(found.windows), 'window')}.")
    meanings = [f"- **{prose(figure.title)}**: {prose(figure.meaning)}" for figure in told]
    return [*blocks, folded("What the figures are", ["\n".join(meanings)])]


def _topics(found: Drift) -> list[str]:
    window = most_shifted(found.windows)
    if window is None:
        return []
    rows = topics(window)
    texts = any(row.text for row in rows)
    lines = []
    for row in rows:
        said = [prose(cut(row.text or "", SHORT))] if texts else []
        lines.append([topic_name(row), prose(change(row)), code(like(row.example)), *said])
    heads = ("topic", "#expected → now", "#like record", *(["text"] if texts else []))
    return [folded(f"Topics that changed most, {prose(when(window))}", [table(heads, lines)])]


def _requests(found: Drift) -> list[str]:
    window = strangest(found.windows)
    if window is None or not window.exemplars:
        return []
    told = parts(window.exemplars)
    heads = [f"#{part.title}" if part.right else part.title for part in told]
    lines = [
        [code(part.say(row)) if part.title == "request" else prose(part.say(row)) for part in told]
        for row in window.exemplars
    ]
    blocks = [table(heads, lines)]
    if found.others and window.routes:
        blocks.append(f"Novel requests belong to: {prose(routes_said(window))}.")
    return [folded(f"Novel requests, {prose(when(window))}", blocks)]


def _answers(report: Report, found: Drift, style: Style) -> list[str]:
    rows = found.predictions
    if not rows:
        return []
    told = shifts.figures(found, every=style.verbose)
    lines = []
    for row in rows:
        became = shifts.standing(report, row)
        cells = [prose(figure.say(row)) for figure in told]
        lines.append([prose(shifts.called(row)), *cells, f"{became.mark} {became.word}"])
    heads = ("answers", *(f"#{figure.title}" for figure in told), "status")
    meanings = [f"- **{prose(figure.title)}**: {prose(figure.meaning)}" for figure in told]
    return [table(heads, lines), folded("What these figures are", ["\n".join(meanings)])]
