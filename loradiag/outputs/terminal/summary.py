"""What it comes to, in a terminal: a mark, the sentence, and what is to be known besides."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from loradiag.outputs.advice import Advice
from loradiag.outputs.routes import MARKS
from loradiag.outputs.terminal.marks import ROUTE


def summed_up(found: Advice) -> Table:
    """The lines of an advice, under each other."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(MARKS[found.tone], style=ROUTE[found.tone]), Text(found.text, style="bold"))
    for line in found.more:
        grid.add_row("", Text(line, style="dim"))
    return grid
