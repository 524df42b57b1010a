"""Axes of charts: where ticks go, and where values fall."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence

import msgspec

from loradiag.outputs.facts import short_number
from loradiag.outputs.page.markup import Markup, element, join

_MOST = sys.float_info.max / 4
"""What lies beyond is held there, so that the length of no axis is infinite."""

_LEAST_STEP = 1e-300
"""Steps between ticks that are smaller would not be exact: few digits are left to such numbers."""


class Axis(msgspec.Struct, frozen=True):
    """A scale from values ``low`` … ``high`` to coordinates ``start`` … ``end``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The coordinate of a value; values outside are held at the border."""
        low, high = _held(self.low), _held(self.high)
        low, high, value = (math.log10(v) if self.log else v for v in (low, high, _held(max(value, low))))
        share = (min(value, high) - low) / (high - low) if high > low else 0.5
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Round values within the axis: powers of ten (with their 2 and 5 where there are few), or even steps."""
        low, high = _held(self.low), _held(self.high)
        if not self.log:
            return _even(low, high)
        found = _decades(low, high)
        # Values close together may lie between two decades, where even steps read as well.
        return found if len(found) > 1 or low < 1e-9 else _even(low, high)


def _held(value: float) -> float:
    return min(max(value, -_MOST), _MOST)


def log_axis(values: Iterable[float], start: float, end: float) -> Axis | None:
    """A logarithmic axis around positive ``values``; None if there are none."""
    positive = [value for value in values if value > 0]
    if not positive:
        return None
    return Axis(min(positive) / 1.15, max(positive) * 1.15, start, end, log=True)


def linear_axis(values: Sequence[float], start: float, end: float) -> Axis:
    """A linear axis around ``values`` with some air."""
    low, high = _held(min(values)), _held(max(values))
    span = high - low
    # Values that differ in their last digits only are one value on paper.
    air = span * 0.12 if span > abs(high) * 1e-12 else abs(high) * 0.1 or 1.0
    return Axis(max(low - air, 0.0) if low >= 0 else low - air, high + air, start, end)


def _decades(low: float, high: float) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(exponents) <= 5 else (1,)
    skip = max(len(exponents) // 8, 1)
    ticks = [float(f"{factor}e{exponent}") for exponent in exponents[::skip] for factor in factors]
    return [tick for tick in ticks if low <= tick <= high]


def _even(low: float, high: float) -> list[float]:
    span = high - low
    if span <= 0:
        return [low]
    rough = span / 5
    if rough < max(_LEAST_STEP, abs(low) * 1e-14, abs(high) * 1e-14):
        return [low, high]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step)
    ticks = (float(f"{index * step:.15g}") for index in range(first, math.floor(high / step) + 1))
    return [tick for tick in ticks if low <= tick <= high]


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _label(tick: float) -> str:
    """A tick in few characters; powers of ten that would be long are written as such."""
    if not math.isfinite(tick):
        return f"{tick:g}"
    if tick and not 1e-3 <= abs(tick) < 1e5:
        mantissa, _, exponent = f"{tick:e}".partition("e")
        power = "10" + str(int(exponent)).translate(_RAISED)
        return power if float(mantissa) == 1 else f"{float(mantissa):g}·{power}"
    if abs(tick) >= 1000:
        return f"{tick:,.0f}"
    return short_number(tick) if abs(tick) >= 0.01 else f"{tick:g}"


def horizontal_lines(axis: Axis, left: float, right: float) -> Markup:
    """Grid lines with their labels, for a vertical axis."""
    parts = []
    for tick in axis.ticks():
        y = axis.at(tick)
        parts.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="rule"))
        parts.append(element("text", _label(tick), x=left - 8, y=y + 4, text_anchor="end"))
    return join(parts)


def whole_ticks(axis: Axis, y: float) -> Markup:
    """Labels of whole numbers under a horizontal axis that begins at 1."""
    ticks = sorted({1, *(round(tick) for tick in axis.ticks())} - {0})
    return join(element("text", f"{tick:,}", x=axis.at(tick), y=y, text_anchor="middle") for tick in ticks)


def below(axis: Axis, y: float, always: Sequence[float] = ()) -> Markup:
    """Labels under a horizontal axis: of the values that must have one, and of ticks that do not run into those."""
    kept: list[float] = []
    for value in (*always, *axis.ticks()):
        if all(abs(axis.at(value) - axis.at(other)) >= 28 for other in kept):
            kept.append(value)
    return join(element("text", _label(value), x=axis.at(value), y=y, text_anchor="middle") for value in kept)
