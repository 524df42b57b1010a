"""What stands around a section's table, in a terminal: its labelled statements before, what it comes to after."""

from __future__ import annotations

from collections.abc import Iterable

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loradiag.outputs.advice import Advice
from loradiag.outputs.routes import MARKS
from loradiag.outputs.terminal.marks import ROUTE


def labelled(statements: Iterable[tuple[str, str]]) -> Padding:
    """Statements under each other, each behind its label."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for label, text in statements:
        grid.add_row(label, Text(text))
    return Padding(grid, (0, 0, 0, 2))


def summed_up(found: Advice) -> Table:
    """The lines of an advice, under each other."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(MARKS[found.tone], style=ROUTE[found.tone]), Text(found.text, style="bold"))
    for line in found.more:
        grid.add_row("", Text(line, style="dim"))
    return grid
