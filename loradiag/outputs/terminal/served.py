"""What is served, in a terminal: what was asked, a line an adapter, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from loradiag.core.report import Report
from loradiag.core.served import Served
from loradiag.outputs.served import FIGURES, MARKS, named, rows, statements, status, summary
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import GAP, columns, fitting, plain
from loradiag.outputs.terminal.marks import ROUTE
from loradiag.outputs.terminal.summary import labelled, summed_up

_STATUS, _NAMES = 26, 26
_ROWS = 40
"""Lines at first sight; with ``--verbose`` all."""


def served(report: Report, style: Style) -> Iterable[RenderableType]:
    """The section; nothing where nothing is served."""
    found = report.measurements.served
    if found is None:
        return
    yield ""
    yield Text("served", style="bold")
    yield labelled(statements(found))
    yield ""
    yield _table(found, style)
    yield from _examples(found, style)
    yield ""
    yield summed_up(summary(found))


def _table(found: Served, style: Style) -> Table:
    # The worst first: of many, those that are well are cut off.
    ranked = sorted(rows(found), key=lambda row: ("fail", "inconclusive", "pass").index(status(row)[0]))
    shown = rows(found) if style.verbose or len(ranked) <= _ROWS else ranked[:_ROWS]
    every = columns(shown, [(figure.title, figure.worth, figure.say) for figure in FIGURES])
    names = [named(row.name, _NAMES - 7) + (" (base)" if row.role == "base" else "") for row in shown]
    room = style.width - max(4, *map(len, names)) - _STATUS - 2 * GAP
    kept = fitting([column for column in every if any(cell != "–" for cell in column.cells)], room)
    table = plain()
    table.add_column("name", no_wrap=True, max_width=_NAMES)
    for column in kept:
        table.add_column(column.title, justify="right", no_wrap=True)
    table.add_column("status", overflow="fold")
    for index, row in enumerate(shown):
        tone, said = status(row)
        cells = (column.cells[index] for column in kept)
        table.add_row(Text(names[index]), *cells, Text(f"{MARKS[tone]} {said}", style=ROUTE[tone]))
    if len(shown) < len(ranked):
        table.caption = f"{len(ranked) - len(shown):,} more: --verbose"
    return table


def _examples(found: Served, style: Style) -> Iterable[RenderableType]:
    """Answers that changed, where texts were asked for or all is shown."""
    for row in rows(found):
        for example in row.examples:
            if not style.verbose and example.alone.text is None:
                continue
            whose = f", which is what {named(example.equals)} says" if example.equals is not None else ""
            yield Text(f"  {named(row.name)}, prompt {example.prompt:,}{whose}", style="dim")
            for label, part in (("alone", example.alone), ("under load", example.loaded)):
                said = f"{part.sha256}, {part.characters:,} characters" if part.text is None else named(part.text, 300)
                yield Text(f"    {label}: {said}")
