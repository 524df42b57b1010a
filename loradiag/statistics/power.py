"""How small a difference can be shown. How many documents a question takes: :mod:`loradiag.core.margins`."""

from __future__ import annotations

from loradiag.statistics.checks import at_least, inside
from loradiag.statistics.quantiles import normal


def minimum_detectable(error: float, level: float = 0.95, power: float = 0.8) -> float | None:
    """Return the smallest true difference that would be shown: (z_level + z_power) · standard error.

    Args:
        error: Standard error of the difference; where documents are clustered, of the mean over clusters.
        level: Of the one-sided bound that has to exclude 0: .95 is z = 1.645.
        power: How often it shall be shown.

    Returns:
        The difference, in units of the metric. None for an error of 0, which no more than hints that the true one is small.

    Raises:
        ValueError: An argument is out of range.
    """
    reach = normal(inside(level, "level")) + normal(inside(power, "power"))
    return reach * at_least(error, 0, "error") or None
