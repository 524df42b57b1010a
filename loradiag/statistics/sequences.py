"""Intervals that hold at all times at once: whoever looks after every observation, and stops when he likes, may believe them.

Two kinds of confidence sequences for the mean of independent observations. Of bounded ones an exact one, by betting: for each
value m that the mean may have, capital is staked against it, and those remain of which it is below 1/a (Waudby-Smith and
Ramdas, "Estimating means of bounded random variables by betting", Journal of the Royal Statistical Society B 86, 2024, the
hedged capital process). Of others an asymptotic one, which needs a variance and enough observations (Waudby-Smith, Arbour,
Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 52,
2024).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from loradiag.statistics.checks import Floats, inside, vector

BURN_IN = 50
"""Observations below which the asymptotic interval is not to be trusted."""

_TIGHT = 500
"""Observations at which it is tightest."""

_GRID = 1001
_MOST = 0.5
"""Of the capital against a mean that can be lost at once."""

_AT_ONCE = 1 << 18
"""Observations that are reckoned with at once, for the sake of memory."""


class Interval(msgspec.Struct, frozen=True):
    """After ``n`` observations: their mean, and the interval for the true one."""

    n: int
    mean: float
    low: float
    high: float


def bounded_sequence(
    values: Floats, alpha: float, at: Sequence[int], low: float = 0.0, high: float = 1.0
) -> list[Interval]:
    """Return exact intervals for the mean of bounded observations, after some numbers of them.

    Observations need not be independent, but each must have the same mean given those before. What was left out at one time may
    come back later: taking only what remains at all times would be as valid, and mislead where the mean is not constant.

    Args:
        values: Observations in their order [n], within the bounds.
        alpha: The chance that the true mean is ever outside.
        at: Rising numbers of observations, at most n.
        low: The least that an observation can be.
        high: The most.

    Raises:
        ValueError: An observation is out of bounds.
    """
    inside(alpha, "alpha")
    scaled = (vector(values, "values") - low) / (high - low)
    if scaled.min() < -1e-12 or scaled.max() > 1 + 1e-12:
        raise ValueError(f"values must lie between {low:g} and {high:g}")
    stakes, line = _stakes(scaled, alpha), math.log(2 / alpha)
    # The larger a mean, the less is won by staking that it is too low, and the more by staking that it is too high: what is
    # left is one stretch of the grid, whose ends lie near those of the look before.
    too_low, too_high = _Capital(scaled, stakes, line), _Capital(1 - scaled, stakes, line)
    first, last, found = 0, 0, []
    for n in at:
        first, last = too_low.first_left(n, first), too_high.first_left(n, last)
        found.append(_interval(n, float(scaled[:n].mean()), first, _GRID - 1 - last, low, high))
    return found


class _Capital:
    """The logarithm of the capital staked on each mean of the grid being too low, reckoned for those that are asked for."""

    def __init__(self, scaled: Floats, stakes: Floats, line: float) -> None:
        self._scaled, self._stakes, self._line = scaled, stakes, line
        self._known: dict[int, tuple[int, float]] = {}

    def first_left(self, n: int, near: int) -> int:
        """The first place of the grid whose capital is below the line after n observations; the grid's size if there is none.

        Args:
            n: Observations, no fewer than before.
            near: A place that is not far from it.
        """
        below, above, step, place = -1, _GRID, 1, min(near, _GRID - 1)
        while above - below > 1:
            if self._after(n, place) < self._line:
                above = place
            else:
                below = place
            if below < 0:
                place = max(above - step, 0)
            elif above == _GRID:
                place = min(below + step, _GRID - 1)
            else:
                place = (below + above) // 2
            step *= 2
        return above

    def _after(self, n: int, place: int) -> float:
        done, total = self._known.get(place, (0, 0.0))
        mean = place / (_GRID - 1)
        most = _MOST / max(mean, 1e-12)
        for start in range(done, n, _AT_ONCE):
            part = slice(start, min(start + _AT_ONCE, n))
            total += float(np.log1p(np.minimum(self._stakes[part], most) * (self._scaled[part] - mean)).sum())
        self._known[place] = n, total
        return total


def _stakes(scaled: Floats, alpha: float) -> Floats:
    """What is bet on each observation, known before it comes: large where the variance so far is small."""
    n = np.arange(1, scaled.size + 1)
    mean = (0.5 + np.cumsum(scaled)) / (n + 1)
    spread = (0.25 + np.cumsum((scaled - mean) ** 2)) / (n + 1)
    before = np.concatenate([[0.25], spread[:-1]])
    result: Floats = np.sqrt(2 * math.log(2 / alpha) / (before * n * np.log(n + 1)))
    return result


def _interval(n: int, mean: float, first: int, last: int, low: float, high: float) -> Interval:
    """From one place of the grid to another, with a step beyond them, so that none between two is lost."""
    step = 1.0 / (_GRID - 1)
    if first <= last:
        ends = max(0.0, (first - 1) * step), min(1.0, (last + 1) * step)
    else:  # the true mean lies between two values of the grid
        ends = max(0.0, mean - step), min(1.0, mean + step)
    return Interval(n, low + mean * (high - low), low + ends[0] * (high - low), low + ends[1] * (high - low))


def normal_sequence(values: Floats, alpha: float, at: Sequence[int], tight: int = _TIGHT) -> list[Interval]:
    """Return asymptotic intervals for the mean of observations, after some numbers of them.

    After n observations with standard deviation s the radius is s·√(2(nρ² + 1)/(n²ρ²)·ln(√(nρ² + 1)/α)), their theorem 2.2.

    Args:
        values: Observations in their order [n].
        alpha: The chance that the true mean is ever outside, after enough observations.
        at: Rising numbers of observations, of which those below fifty are passed over.
        tight: At which number the intervals are to be tightest.
    """
    numbers = vector(values, "values")
    apart = numbers - numbers[0]  # the variance of numbers far from 0 would drown in their squares
    sums, squares = np.cumsum(apart), np.cumsum(apart**2)
    found = []
    for n in at:
        if n < BURN_IN:
            continue
        mean = float(sums[n - 1] / n)
        spread = math.sqrt(max(0.0, float(squares[n - 1] / n) - mean**2))
        reach = radius(n, spread, alpha, tight)
        mean += float(numbers[0])
        found.append(Interval(n, mean, mean - reach, mean + reach))
    return found


def radius(n: float, spread: float, alpha: float, tight: int = _TIGHT) -> float:
    """Return the half width of :func:`normal_sequence` after n observations of a standard deviation."""
    inside(alpha, "alpha")
    told = -2 * math.log(alpha)
    scale = (told + math.log(told + 1)) / tight  # ρ²
    grown = n * scale + 1
    return spread * math.sqrt(2 * grown / (n**2 * scale) * math.log(math.sqrt(grown) / alpha))


def looks(n: int, most: int = 200) -> list[int]:
    """Return numbers of observations to look at for a drawing: every one of few, evenly on a logarithmic scale of many."""
    if n <= most:
        return list(range(1, n + 1))
    steps = np.unique(np.round(np.geomspace(10, n, most)).astype(int))
    return [int(step) for step in steps]
