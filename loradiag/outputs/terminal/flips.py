"""Documents on which base and adapter differ, in a terminal: what was asked, what is right, and both answers."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loradiag.core.forgetting import Example, Forgetting, Score
from loradiag.outputs.flips import answers, change, headline, shown, ways

_COLORS = {"lost": "red", "won": "green", "worse": "red", "better": "green"}


def flips(found: Forgetting) -> Iterable[RenderableType]:
    """Every task with its documents; nothing where none are in the report."""
    scores = shown(found)
    if scores:
        yield ""
        yield Text("documents that changed", style="bold")
    for score in scores:
        yield Text(f"  {headline(score)}", style="italic")
        yield Padding(_table(score), (0, 0, 0, 4))


def _table(score: Score) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for word, examples in ways(score):
        for example in examples:
            _rows(grid, score, word, example)
    return grid


def _rows(grid: Table, score: Score, word: str, example: Example) -> None:
    """The document's number and what became of it; then a line for each thing that is known."""
    head = Text(f"#{example.document:,} ").append(word, _COLORS[word])
    said = [("", change(score, example)), *answers(example)]
    for index, (label, text) in enumerate([pair for pair in said if pair[1]]):
        grid.add_row(head if index == 0 else "", label, Text(text))
