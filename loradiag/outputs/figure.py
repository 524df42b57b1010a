"""A column of a table of figures, the same for every output and every kind of row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

Row = TypeVar("Row")


class Figure(msgspec.Struct, Generic[Row], frozen=True):
    """One figure of every row.

    Attributes:
        title: Above the column.
        meaning: What a pointer is told, and a list of meanings.
        worth: Of columns the one that is worth least gives way first where there is no room.
        value: What the column is sorted by; None where a row has none. A column of which no row has one may be left out.
        say: How the figure is written, safe to show.
    """

    title: str
    meaning: str
    worth: int
    value: Callable[[Row], float | None]
    say: Callable[[Row], str]
