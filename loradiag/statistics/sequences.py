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

_AT_ONCE = 4096


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
    means = np.linspace(0.0, 1.0, _GRID)
    stakes = _stakes(scaled, alpha)
    up, down = np.zeros(_GRID), np.zeros(_GRID)
    line = math.log(2 / alpha)
    wanted, found, done = list(at), [], 0
    while wanted:
        end = min(done + _AT_ONCE, wanted[0])
        rows, bets = scaled[done:end, None], stakes[done:end, None]
        away = rows - means[None, :]
        with np.errstate(divide="ignore"):
            more = np.minimum(bets, _MOST / np.maximum(means, 1e-12)) * away
            less = np.minimum(bets, _MOST / np.maximum(1 - means, 1e-12)) * away
        rising, falling = up + np.cumsum(np.log1p(more), axis=0), down + np.cumsum(np.log1p(-less), axis=0)
        up, down, done = rising[-1], falling[-1], end
        if done == wanted[0]:
            found.append(_interval(done, float(scaled[:done].mean()), means, np.maximum(up, down) < line, low, high))
            wanted.pop(0)
    return found


def _stakes(scaled: Floats, alpha: float) -> Floats:
    """What is bet on each observation, known before it comes: large where the variance so far is small."""
    n = np.arange(1, scaled.size + 1)
    mean = (0.5 + np.cumsum(scaled)) / (n + 1)
    spread = (0.25 + np.cumsum((scaled - mean) ** 2)) / (n + 1)
    before = np.concatenate([[0.25], spread[:-1]])
    result: Floats = np.sqrt(2 * math.log(2 / alpha) / (before * n * np.log(n + 1)))
    return result


def _interval(n: int, mean: float, means: Floats, left: np.ndarray, low: float, high: float) -> Interval:
    """The means that are left, with a step of the grid beyond them, so that none between two of it is lost."""
    kept = np.flatnonzero(left)
    step = 1.0 / (_GRID - 1)
    if kept.size:
        ends = max(0.0, float(means[kept[0]]) - step), min(1.0, float(means[kept[-1]]) + step)
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
