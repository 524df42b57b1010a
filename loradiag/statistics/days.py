"""Two periods compared day by day: requests of a day have more in common than requests of different days."""

from __future__ import annotations

from math import sqrt

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.statistics.checks import Floats, negligible

LEAST_DAYS = 3
"""Days on either side below which the spread between days cannot be told."""


class Change(msgspec.Struct, frozen=True):
    """The means of both periods, each day counted once; ``difference`` is current − reference.

    ``low``, ``high`` and ``p`` are None where either side has fewer than three days.
    """

    reference: float
    current: float
    difference: float
    low: float | None
    high: float | None
    p: float | None


def day_means(values: Floats, days: npt.NDArray[np.int64]) -> Floats:
    """Return the mean of the values of each day [number of distinct days], in the order of days."""
    _, codes = np.unique(days, return_inverse=True)
    return np.bincount(codes, weights=values) / np.bincount(codes)


def compare_days(reference: Floats, current: Floats, level: float = 0.95) -> Change:
    """Compare the mean of days of one period with that of another by Welch's t-test over days.

    Each day is one value, so that a day on which everything is a little different is one observation and not a thousand
    (the cluster as the unit of analysis: Donner and Klar, Design and Analysis of Cluster Randomization Trials, 2000).

    Args:
        reference: A mean a day [a].
        current: A mean a day [b].
        level: Of the interval.

    Raises:
        ValueError: A side has no day.
    """
    if not reference.size or not current.size:
        raise ValueError("both periods need at least one day")
    means = float(reference.mean()), float(current.mean())
    difference = means[1] - means[0]
    if min(reference.size, current.size) < LEAST_DAYS:
        return Change(*means, difference, None, None, None)
    parts = [float(side.var(ddof=1)) / side.size for side in (reference, current)]
    error = sqrt(sum(parts))
    if negligible(error, reference, current):
        # Means of the same number over 3 and over 4 days differ in the last place.
        difference = 0.0 if negligible(abs(difference), reference, current) else difference
        return Change(*means, difference, difference, difference, 0.0 if difference else 1.0)
    from scipy.stats import t

    freedom = sum(parts) ** 2 / sum(
        part**2 / (side.size - 1) for part, side in zip(parts, (reference, current), strict=True)
    )
    reach = float(t.ppf((1 + level) / 2, freedom)) * error
    p = 2 * float(t.sf(abs(difference) / error, freedom))
    return Change(*means, difference, difference - reach, difference + reach, min(p, 1.0))


def cliffs_delta(reference: Floats, current: Floats) -> float:
    """Return Cliff's δ = P(current > reference) − P(current < reference), from −1 to 1 (Cliff, 1993), by ranks.

    Args:
        reference: Values [a].
        current: Values [b].
    """
    ordered = np.sort(reference)
    above = np.searchsorted(ordered, current, side="left").sum(dtype=np.float64)
    below = (reference.size - np.searchsorted(ordered, current, side="right")).sum(dtype=np.float64)
    return float((above - below) / (reference.size * current.size))
