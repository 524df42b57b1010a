"""Curves over steps in a line of text: a shade a column, on an axis of steps that several lines share."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loradiag.core.numbers import median

SHADES = "▁▂▃▄▅▆▇█"
BLANK, BROKEN = " ", "!"


class Axis(msgspec.Struct, frozen=True):
    """From steps ``low`` … ``high`` to ``width`` columns."""

    low: int
    high: int
    width: int

    def column(self, step: int) -> int:
        """The column of a step."""
        if self.high <= self.low:
            return 0
        share = (min(max(step, self.low), self.high) - self.low) / (self.high - self.low)
        return min(int(share * self.width), self.width - 1)


def spark(points: Sequence[tuple[int, float | None]], axis: Axis) -> str:
    """The line: the median of each column, a mark where a value is not finite, a blank where there is none."""
    columns: list[list[float]] = [[] for _ in range(axis.width)]
    broken = [False] * axis.width
    for step, value in points:
        if value is None:
            broken[axis.column(step)] = True
        else:
            columns[axis.column(step)].append(value)
    values = [median(column) for column in columns]
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    return "".join(
        BROKEN if value is None and bad else BLANK if value is None else _shade(value, low, high)
        for value, bad in zip(values, broken, strict=True)
    )


def _shade(value: float, low: float, high: float) -> str:
    share = (value - low) / (high - low) if high > low else 0.5
    return SHADES[min(int(share * len(SHADES)), len(SHADES) - 1)]


def ruler(axis: Axis, marks: Sequence[tuple[int, str]]) -> str:
    """A line with a mark at each of some steps; where two fall together, the later of them is shown."""
    line = [" "] * axis.width
    for step, mark in marks:
        line[axis.column(step)] = mark
    return "".join(line).rstrip()
