"""Several differences as one: an interval for their weighted sum from the interval of each."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt


def combined_interval(
    weights: Sequence[float], estimates: Sequence[float], intervals: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """Return the interval of Σ w·x for independent estimates x.

    MOVER, the method of variance estimates recovery (Zou and Donner, Statistics in Medicine 27, 2008, 1693–1702). The
    lower end is Σ w·x − √Σ (w·(x − l))², the upper Σ w·x + √Σ (w·(u − x))². Each part keeps what its own interval
    knows: that it is no symmetrical one, or has a width where nothing was seen to change. For normal intervals it is
    the usual one.

    Args:
        weights: Of each part, at least 0.
        estimates: Of each part.
        intervals: Of each part, all at one level, which is that of the result.

    Raises:
        ValueError: Their numbers differ, a weight is negative, or an estimate lies outside its interval by more than
            rounding.
    """
    parts = list(zip(weights, estimates, intervals, strict=True))
    if any(weight < 0 for weight in weights):
        raise ValueError("weights must not be negative")
    if any(x < low - 1e-9 or x > high + 1e-9 for _, x, (low, high) in parts):
        raise ValueError("an estimate lies outside its interval")
    middle = sum(weight * x for weight, x, _ in parts)
    below = sqrt(sum((weight * (x - low)) ** 2 for weight, x, (low, _) in parts))
    above = sqrt(sum((weight * (high - x)) ** 2 for weight, x, (_, high) in parts))
    return middle - below, middle + above
