"""The table of windows in a terminal: figures, the share of novel requests beside what is expected, and what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from loradiag.core.drift import Drift, DriftWindow
from loradiag.core.report import Report
from loradiag.core.windows import NOVELTY
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import GAP, Column, columns, packed, plain
from loradiag.outputs.terminal.forest import BEYOND, LINE, MARGIN, ZERO, Scale
from loradiag.outputs.terminal.marks import ROUTE
from loradiag.outputs.terminal.scores import CELLS, WIDE, WIDE_CELLS
from loradiag.outputs.windowfigures import BELOW, TO, figures, least_cosine, rate_words
from loradiag.outputs.windowfigures import ROUTE as ROUTE_TITLE
from loradiag.outputs.windows import MARKS, TONES, WORDS, are_days, began, first

POINTS = {"steady": "●", "novel": "×", "shifted": "△", "novel+shifted": "⊠", "insufficient": "○", "unjudged": "•"}
"""The shape of a status, so that it can be told without colour."""

COLORS = {"pass": "green", "fail": "red", "inconclusive": "yellow", "unfinished": "dim"}

_STRIP_WORTH = 15
_INTERVAL = "95% interval"
_LEAST_HIGH = 0.2
"""The scale of shares reaches so far at least."""


def tables(report: Report, found: Drift, style: Style) -> Iterable[RenderableType]:
    """The table; on demand others below it for the figures that it had no room for."""
    rows = found.windows if style.verbose else first(found.windows)
    by_day = are_days(found.windows)
    names = [began(row, by_day=by_day) for row in rows]
    on = scale(found, WIDE_CELLS if style.width > WIDE else CELLS)
    words = [status(row) for row in rows]
    every = _columns(report, found, rows, on, every=style.verbose)
    room = style.width - max(map(cell_len, (*names, "from"))) - GAP
    kept = packed(every, room - max(word.cell_len for word in words))
    yield _table(names, rows, kept, on, words)
    yield from _legend(report, found, kept, on)
    rest = [column for column in every if column not in kept] if style.verbose else []
    while rest:
        further = packed(rest, room)
        yield ""
        yield _table(names, rows, further, on, None)
        rest = [column for column in rest if column not in further]


def status(row: DriftWindow) -> Text:
    """The mark and the word."""
    return Text(f"{MARKS[row.status]} {WORDS[row.status]}", style=ROUTE[TONES[row.status]])


def scale(found: Drift, cells: int) -> Scale | None:
    """A scale of shares for all windows; None where none has a share."""
    shares = [row.novelty_high or row.novelty_share for row in found.windows if row.novelty_share is not None]
    if not shares:
        return None
    most = max(share or 0.0 for share in shares)
    high = max(most * 1.05, 2 * found.baseline.novel_rate, _LEAST_HIGH)
    return Scale(0.0, min(high, 1.0), cells)


def strip(row: DriftWindow, on: Scale, expected: float, least: float | None) -> str:
    """The interval of a share of novel requests, the share expected, and the least that matters."""
    cells = [" "] * on.cells
    cells[on.at(expected)] = ZERO
    if least is not None and on.at(least) != on.at(expected):
        cells[on.at(least)] = MARGIN
    if row.novelty_share is None:
        return ""
    if row.novelty_low is not None and row.novelty_high is not None:
        for index in range(on.at(row.novelty_low), on.at(row.novelty_high) + 1):
            cells[index] = {ZERO: "┼", MARGIN: "╫"}.get(cells[index], LINE)
        if row.novelty_high > on.high:
            cells[-1] = BEYOND[1]
    cells[on.at(row.novelty_share)] = POINTS[row.status]
    return "".join(cells)


def _columns(
    report: Report, found: Drift, rows: Sequence[DriftWindow], on: Scale | None, *, every: bool
) -> list[Column]:
    told = [(figure.title, figure.worth, figure.say) for figure in figures(report, found, every=every)]
    made = [_aligned(column) for column in columns(rows, told)]
    if on is not None:
        least = _least(report)
        strips = [strip(row, on, found.baseline.novel_rate, least).ljust(on.cells) for row in rows]
        titles = [column.title for column in made]
        place = titles.index(_INTERVAL) + 1 if _INTERVAL in titles else len(made)
        made.insert(place, Column(_title(on), strips, _STRIP_WORTH))
    return made


def _aligned(column: Column) -> Column:
    """Numbers under each other where some have a mark behind them."""
    if not any(cell.endswith(BELOW) for cell in column.cells):
        return column
    return Column(column.title, [cell if cell.endswith(BELOW) else f"{cell} " for cell in column.cells], column.worth)


def _least(report: Report) -> float | None:
    return report.policy.thresholds.get(NOVELTY, {}).get("least_share")


def _title(on: Scale) -> str:
    """Both ends, as wide as the strip."""
    high = rate_words(round(on.high, 2))
    return f"0%{high:>{on.cells - 2}}"


def _table(
    names: Sequence[str],
    rows: Sequence[DriftWindow],
    kept: Sequence[Column],
    on: Scale | None,
    words: Sequence[Text] | None,
) -> Table:
    table = plain()
    table.add_column("from", no_wrap=True)
    for column in kept:
        table.add_column(column.title, justify=_side(column, on), no_wrap=True)
    if words is not None:
        table.add_column("status", no_wrap=True)
    for index, row in enumerate(rows):
        cells = [_cell(column, index, row, on) for column in kept]
        table.add_row(Text(names[index]), *cells, *([words[index]] if words is not None else []))
    return table


def _side(column: Column, on: Scale | None) -> Literal["left", "right"]:
    """Strips keep the blanks at their ends, which rich would cut from the right."""
    return "left" if column.title in (TO, ROUTE_TITLE) or (on is not None and column.title == _title(on)) else "right"


def _cell(column: Column, index: int, row: DriftWindow, on: Scale | None) -> Text:
    if on is not None and column.title == _title(on):
        return Text(column.cells[index], style=COLORS[TONES[row.status]])
    return Text(column.cells[index])


def _legend(report: Report, found: Drift, kept: Sequence[Column], on: Scale | None) -> Iterable[Text]:
    """What the marks mean, as far as they are there."""
    titles = [column.title for column in kept]
    parts = []
    if on is not None and _title(on) in titles:
        least = _least(report)
        bears = "" if least is None else f", {MARGIN} {rate_words(least)}, from which it matters"
        parts.append(
            f"strip: novel requests; {ZERO} the {rate_words(found.baseline.novel_rate)} expected{bears}, "
            f"{LINE} 95% interval"
        )
    if any(BELOW in cell for column in kept if column.title == "cosine" for cell in column.cells):
        parts.append(f"{BELOW} below {least_cosine(report):g}, a convention that decides nothing")
    if parts:
        yield Text("; ".join(parts), style="dim")
