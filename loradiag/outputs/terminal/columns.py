"""Tables of a terminal's width: where it is narrow, the columns that tell least give way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec
from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from loradiag.core.text import plural, printable

GAP = 3
"""Blanks that rich puts between two columns of :func:`plain`."""

LEAST_NAME = 32
"""Columns that names get before figures do, where they need as many; in a wide terminal a third of it."""

Row = TypeVar("Row")


class Column(msgspec.Struct, frozen=True):
    """A column of figures. Of ``worth`` the least goes first where there is no room."""

    title: str
    cells: list[str]
    worth: int

    @property
    def width(self) -> int:
        """The room that it takes, with its gap."""
        return max(map(cell_len, (self.title, *self.cells))) + GAP


def columns(rows: Sequence[Row], told: Iterable[tuple[str, int, Callable[[Row], str]]]) -> list[Column]:
    """Columns from titles, their worth, and what each says of a row."""
    return [Column(title, [say(row) for row in rows], worth) for title, worth, say in told]


def fitting(every: Sequence[Column], room: int) -> list[Column]:
    """The columns that fit, in their order."""
    kept = list(every)
    while len(kept) > 1 and sum(column.width for column in kept) > room:
        kept.remove(min(kept, key=lambda column: column.worth))
    return kept


def packed(every: Sequence[Column], room: int) -> list[Column]:
    """The columns that tell most, and narrow ones in what room is left."""
    kept = fitting(every, room)
    for column in sorted(every, key=lambda column: -column.worth):
        if column not in kept and sum(other.width for other in (*kept, column)) <= room:
            kept.append(column)
    return [column for column in every if column in kept]


def plain() -> Table:
    """An empty table with a line under its head and nothing else."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False, header_style="dim")


def named(names: Sequence[str], every: Sequence[Column], width: int) -> Table:
    """A table of modules. Names keep their ends, which tell them apart."""
    shown = [printable(name) for name in names]
    longest = max(map(cell_len, shown), default=0)
    kept = fitting(every, width - min(longest, max(LEAST_NAME, width // 3)))
    room = max(width - sum(column.width for column in kept), LEAST_NAME)
    table = plain()
    table.add_column("module", no_wrap=True)
    for column in kept:
        table.add_column(column.title, justify="right", no_wrap=True)
    for index, name in enumerate(shown):
        table.add_row(Text(end_of(name, room)), *(column.cells[index] for column in kept))
    return table


def end_of(text: str, width: int) -> str:
    """Cut the beginning of ``text`` so that it is at most ``width`` characters wide."""
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"


def more(total: int, shown: int, noun: str = "module") -> Iterable[Text]:
    """How many rows are left out, if any."""
    if total > shown:
        yield Text(f"  and {plural(total - shown, noun)} more: --verbose shows all", style="dim")
