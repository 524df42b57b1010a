"""How small a difference a number of documents can show. How many a question takes: :mod:`loradiag.core.margins`."""

from __future__ import annotations

from math import sqrt

from loradiag.statistics.checks import at_least, inside, whole
from loradiag.statistics.quantiles import normal


def minimum_detectable(
    spread: float, n: int, level: float = 0.95, power: float = 0.8, design_effect: float = 1.0
) -> float | None:
    """Return the smallest true difference that ``n`` documents would show: (z_level + z_power) · spread · √(deff/n).

    Args:
        spread: Standard deviation of the documents' differences.
        n: Documents.
        level: Of the one-sided bound that has to exclude 0: .95 is z = 1.645.
        power: How often it shall be shown.
        design_effect: How many times clusters multiply the variance of the mean.

    Returns:
        The difference, in units of the metric. None for a spread of 0, which no more than hints that the true one is small.

    Raises:
        ValueError: An argument is out of range.
    """
    at_least(spread, 0, "spread")
    documents = whole(n, 1, "n") / at_least(design_effect, 0, "design_effect")
    return _reach(level, power) * spread / sqrt(documents) if spread > 0 else None


def _reach(level: float, power: float) -> float:
    return normal(inside(level, "level")) + normal(inside(power, "power"))
