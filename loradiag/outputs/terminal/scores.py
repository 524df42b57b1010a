"""The table of scores in a terminal: figures, strips and statuses, as wide as it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec
from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from loradiag.core.forgetting import Score
from loradiag.core.report import Report
from loradiag.core.text import shorten
from loradiag.outputs.questions import MARKS, TONES, WORDS, codes
from loradiag.outputs.scorefigures import figures
from loradiag.outputs.scores import BETTER, LESS, WORSE, gain
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import GAP, Column, columns, packed, plain
from loradiag.outputs.terminal.forest import LINE, MARGIN, ZERO, Scale, scale, strip
from loradiag.outputs.terminal.marks import ROUTE

CELLS, WIDE_CELLS, WIDE = 15, 21, 150
"""Cells of the forest strip: in a terminal of up to ``WIDE`` columns, and in a wider one."""

COLORS = {"safe": "green", "forgot": "red", "inconclusive": "yellow", "unjudged": "dim"}
"""Of strips. Their points differ in shape as well."""

_LEAST_NAME = 22
_WORTH = 15
_DIFFERENCES = ("difference", "since unmerged")
_INTERVAL, _NOTES = "95% interval", "notes"


class Line(msgspec.Struct, frozen=True):
    """A row of the table: a score with its name, or a heading (without a score)."""

    name: str
    style: str
    score: Score | None = None


def tables(report: Report, lines: Sequence[Line], style: Style) -> Iterable[RenderableType]:
    """The table; on demand others below it for the figures that it had no room for."""
    scores = [line.score for line in lines if line.score is not None]
    on = scale((score for score in scores if score.role != "domain"), WIDE_CELLS if style.width > WIDE else CELLS)
    words = [_status(report, line.score) for line in lines]
    every = _columns(report, lines, on, every=style.verbose)
    left = style.width - max(word.cell_len for word in words) - 2 * GAP
    longest = max(cell_len(line.name) for line in lines)
    least = min(longest, max(_LEAST_NAME, style.width // 4))
    kept = packed(every, left - least)
    yield _table(lines, words, kept, on, left)
    yield from _legend(scores, kept, on)
    rest = [column for column in every if column not in kept] if style.verbose else []
    while rest:
        further = packed(rest, style.width - GAP - least)
        yield ""
        yield _table(lines, None, further, on, style.width - GAP)
        yield from _legend(scores, further, on)
        rest = [column for column in rest if column not in further]


def _table(
    lines: Sequence[Line], words: Sequence[Text] | None, kept: Sequence[Column], on: Scale | None, left: int
) -> Table:
    longest = max(cell_len(line.name) for line in lines)
    room = min(longest, max(left - sum(column.width for column in kept), _LEAST_NAME))
    last = 1 if kept[-1].title == _NOTES else 0
    table = plain()
    table.add_column("task", no_wrap=True)
    for column in kept[: len(kept) - last]:
        table.add_column(column.title, justify=_side(column, on), no_wrap=True)
    if words is not None:
        table.add_column("status", no_wrap=True)
    for column in kept[len(kept) - last :]:
        table.add_column(column.title, no_wrap=True, style="dim")
    for index, line in enumerate(lines):
        cells = [_cell(column, index, line, on) for column in kept]
        if words is not None:
            cells.insert(len(cells) - last, words[index])
        table.add_row(Text(shorten(line.name, room), style=line.style), *cells)
    return table


def _columns(report: Report, lines: Sequence[Line], on: Scale | None, *, every: bool) -> list[Column]:
    """The figures, with the strip after the interval, and the codes of notes."""
    scores = [line.score for line in lines if line.score is not None]
    told = [(figure.title, figure.worth, _of_line(figure.say)) for figure in figures(scores, every=every)]
    found = [_aligned(column) for column in columns(lines, told)]
    if on is not None:
        strips = [strip(line.score, on) if line.score and line.score.role != "domain" else "" for line in lines]
        titles = [column.title for column in found]
        place = titles.index(_INTERVAL) + 1 if _INTERVAL in titles else len(found)
        found.insert(place, Column(on.title, [text.ljust(on.cells) for text in strips], _WORTH))
    notes = [" ".join(codes(report, line.score).noted) if line.score else "" for line in lines]
    return [*found, *([Column(_NOTES, notes, 0)] if any(notes) else [])]


def _side(column: Column, on: Scale | None) -> Literal["left", "right"]:
    """Strips keep the blanks at their ends, which rich would cut from the right."""
    return "left" if column.title == "metric" or (on is not None and column.title == on.title) else "right"


def _of_line(say: Callable[[Score], str]) -> Callable[[Line], str]:
    return lambda line: say(line.score) if line.score is not None else ""


def _aligned(column: Column) -> Column:
    """Numbers under each other where some have a mark behind them."""
    if column.title not in _DIFFERENCES:
        return column
    marked = any(cell.endswith((BETTER, WORSE)) for cell in column.cells)
    cells = [cell if not marked or cell.endswith((BETTER, WORSE)) else f"{cell}  " for cell in column.cells]
    return Column(column.title, cells, column.worth)


def _cell(column: Column, index: int, line: Line, on: Scale | None) -> Text:
    text, score = column.cells[index], line.score
    if score is None:
        return Text("")
    if on is not None and column.title == on.title:
        return Text(text, style=COLORS[score.status])
    if column.title == _DIFFERENCES[0]:
        turned = gain(score, score.difference) or 0.0
        return Text(text, style="red" if turned < 0 else "green" if turned > 0 else "")
    return Text(text)


def _status(report: Report, score: Score | None) -> Text:
    """The mark and the word, and codes that decide besides; nothing where nothing is judged."""
    if score is None or score.role == "domain" or not score.primary:
        return Text("")
    word = Text(f"{MARKS[score.status]} {WORDS[score.status]}", style=ROUTE[TONES[score.status]])
    decided = codes(report, score).decided
    return word.append(f" ✗ {' '.join(decided)}", ROUTE["fail"]) if decided else word


def _legend(scores: Sequence[Score], kept: Sequence[Column], on: Scale | None) -> Iterable[Text]:
    """What the marks mean, as far as they are there."""
    titles = [column.title for column in kept]
    parts = [f"{BETTER} better, {WORSE} worse"] if _DIFFERENCES[0] in titles else []
    if "metric" in titles and any(not score.higher_is_better for score in scores):
        parts.append(f"{LESS} less is better")
    if on is not None and on.title in titles:
        parts.append(f"strip: % of the base's score; {MARGIN} margin, {ZERO} no change, {LINE} 95% interval")
    if parts:
        yield Text("; ".join(parts), style="dim")
