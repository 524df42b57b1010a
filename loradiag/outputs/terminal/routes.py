"""Merge drift in a terminal: what was measured, the table of routes, and how to deploy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from loradiag.core.merge import Merge, Route
from loradiag.core.report import Report
from loradiag.core.text import listed, shorten
from loradiag.outputs.deploying import advice
from loradiag.outputs.merging import CHANGES, changes, since, statements
from loradiag.outputs.routefigures import figures
from loradiag.outputs.routes import ASKED, MARKS, WORDS, called, codes, left_out, measured
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import GAP, Column, columns, fitting, plain
from loradiag.outputs.terminal.marks import ROUTE
from loradiag.outputs.terminal.summary import labelled, summed_up
from loradiag.outputs.terminal.survival import survival

_NOTES = "notes"
_CODES = 2
"""Codes in one cell; the others are counted."""


def routes(report: Report, style: Style) -> Iterable[RenderableType]:
    """The section; nothing where routes were not measured."""
    merge = report.measurements.merge
    if merge is None:
        return
    yield ""
    yield Text("merge drift", style="bold")
    yield labelled(statements(merge))
    if measured(merge):
        yield ""
        yield _table(report, merge, style)
        if any(row.gated for row in measured(merge)):
            yield Text(f"{ASKED} asked for: must keep the adapter", style="dim")
    for reason, names in left_out(merge):
        yield Text(f"{MARKS['not-applicable']} not applicable: {listed(names, 20)} ({reason})", style="dim")
    yield from _since(merge, style)
    if style.verbose:
        yield from survival(merge, style)
    yield ""
    yield summed_up(advice(report))


def _table(report: Report, merge: Merge, style: Style) -> Table:
    rows = measured(merge)
    words = {row.route: _status(report, row) for row in rows}
    notes = {row.route: _few(codes(report, row).noted) for row in rows}
    told = [(figure.title, figure.worth, figure.say) for figure in figures(merge, every=style.verbose)]
    every = columns(rows, told)
    if any(notes.values()):
        every.append(Column(_NOTES, [notes[row.route] for row in rows], 0))
    gated = any(row.gated for row in rows)
    names = [_name(row, merge, gated=gated) for row in rows]
    taken = max(len("route"), *(name.cell_len for name in names))
    taken += max(word.cell_len for word in words.values()) + 2 * GAP
    kept = fitting(every, style.width - taken)
    table = plain()
    table.add_column("route", no_wrap=True)
    for column in kept:
        if column.title != _NOTES:
            table.add_column(column.title, justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    if kept[-1].title == _NOTES:
        table.add_column(_NOTES, no_wrap=True, style="dim")
    for index, row in enumerate(rows):
        cells: list[Text | str] = [column.cells[index] for column in kept]
        cells.insert(len(cells) - (kept[-1].title == _NOTES), words[row.route])
        table.add_row(names[index], *cells)
    return table


def _name(row: Route, merge: Merge, *, gated: bool) -> Text:
    """The name with its mark; bold if it is the route to take."""
    mark = (f"{ASKED} " if row.gated else "  ") if gated else ""
    return Text(mark).append(called(row.route), "bold" if row.route == merge.recommended else "")


def _status(report: Report, row: Route) -> Text:
    color = ROUTE.get(row.status, "dim")
    word = Text(f"{MARKS.get(row.status, '?')} {WORDS.get(row.status, '?')}", style=color)
    decided = _few(codes(report, row).decided)
    return word.append(f" {decided}", "default") if decided else word


def _few(names: Sequence[str]) -> str:
    more = len(names) - _CODES
    shown = " ".join(shorten(name, 8) for name in names[:_CODES])
    return f"{shown} +{more}" if more > 0 else shown


def _since(merge: Merge, style: Style) -> Iterable[RenderableType]:
    """What changed since an earlier report."""
    found = changes(merge)
    if merge.prior is None:
        return
    yield ""
    yield Text("compared with ", style="bold").append(since(merge.prior), "not bold")
    filled = [(name, title) for name, title in CHANGES if any(getattr(change, name) for change in found)]
    every = [
        Column(title, [getattr(change, name) or "–" for change in found], worth)
        for worth, (name, title) in zip((4, 5, 3, 1, 6), filled, strict=False)
    ]
    if not every:
        yield Text("  it has none of these routes", style="dim")
        return
    kept = fitting(every, style.width - max(len(change.route) for change in found) - GAP)
    table = plain()
    table.add_column("route", no_wrap=True)
    for column in kept:
        table.add_column(column.title, justify="right", no_wrap=True)
    for index, change in enumerate(found):
        table.add_row(Text(change.route), *(column.cells[index] for column in kept))
    yield table
