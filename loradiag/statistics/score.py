"""Intervals for 0/1 metrics that have a width even where nothing was seen to change."""

from __future__ import annotations

from math import sqrt

from loradiag.statistics.checks import at_least

_STEPS = 80
"""Halvings of an interval of length 2 at most: more than float64 can tell apart."""


def score_interval(lost: float, won: float, n: float, z: float) -> tuple[float, float]:
    """Return Tango's score interval for the difference of two paired proportions, (won − lost)/n.

    It holds the differences Δ that a score test does not reject: |won − lost − nΔ| ≤ z·√(n(2q + Δ(1 − Δ))), with q the
    likeliest share lost if Δ were true (Tango, Statistics in Medicine 17, 1998, 891–908). Chosen before Newcombe's
    square-and-add method 10 (same volume, 2635–2650) since it needs the discordant pairs alone, and so can be given counts
    that were scaled down for clusters; and before mean ± t·SE, which has no width where no document flips, and so misses a
    true loss of 2% in one of three samples of 50. With no flip it is ±z²/(n + z²), about ±3.8/n for 95%.

    Args:
        lost: Documents that went from 1 to 0; need not be whole.
        won: Documents that went from 0 to 1.
        n: All documents.
        z: Quantile of the normal distribution: 1.96 for 95%.

    Returns:
        Its ends, within −1 and 1.

    Raises:
        ValueError: A count is negative, or there are more flips than documents.
    """
    lost, won = at_least(lost, 0, "lost"), at_least(won, 0, "won")
    if not n > 0 or lost + won > n * (1 + 1e-12):
        raise ValueError(f"{lost:g} lost and {won:g} won of {n:g} documents")
    return -_upper(won, lost, n, z), _upper(lost, won, n, z)


def _upper(lost: float, won: float, n: float, z: float) -> float:
    """The largest Δ that is not rejected. What is rejected only grows with Δ, so halving finds it."""
    low, high = (won - lost) / n, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if won - lost - n * middle + z * _deviation(lost, won, n, middle) >= 0:
            low = middle
        else:
            high = middle
    return high


def _deviation(lost: float, won: float, n: float, difference: float) -> float:
    """The standard deviation of won − lost, were the difference true: q is the root of a quadratic equation."""
    spare = difference * (1 - difference)
    linear = (2 * n - won + lost) * difference - won - lost
    likeliest = (sqrt(max(linear**2 + 8 * n * lost * spare, 0.0)) - linear) / (4 * n)
    return sqrt(max(n * (2 * likeliest + spare), 0.0))
