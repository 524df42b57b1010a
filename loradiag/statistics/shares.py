"""Exact intervals and bounds of shares (Clopper and Pearson, Biometrika 26, 1934, 404–413)."""

from __future__ import annotations

import numpy as np

from loradiag.statistics.checks import Floats, Indexes, inside, whole


def share_interval(count: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval of a share of which ``count`` of ``n`` were seen.

    Raises:
        ValueError: There are more than ``n``, none to count among, or ``level`` is not between 0 and 1.
    """
    count, n = whole(count, 0, "count"), whole(n, 1, "n")
    if count > n:
        raise ValueError(f"{count} of {n}")
    low, high = share_intervals(np.array([count]), np.array([n]), level)
    return float(low[0]), float(high[0])


def share_intervals(counts: Indexes, n: Indexes, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the lower and the upper ends of :func:`share_interval` for many shares at once [k].

    Raises:
        ValueError: Some count is negative or more than its ``n``, some ``n`` is below 1, or ``level`` is not between 0 and 1.
    """
    if counts.size and (int(counts.min()) < 0 or int(n.min()) < 1 or bool((counts > n).any())):
        raise ValueError("counts: each from 0 to its n, which is at least 1")
    from scipy.special import betaincinv

    tail = (1 - inside(level, "level")) / 2
    low: Floats = np.where(counts == 0, 0.0, betaincinv(np.maximum(counts, 1), n - counts + 1, tail))
    high: Floats = np.where(counts == n, 1.0, betaincinv(counts + 1, np.maximum(n - counts, 1), 1 - tail))
    return low, high


def upper_bound(count: int, n: int, level: float = 0.95) -> float:
    """Return the one-sided upper bound of a share.

    The largest share of which ``count`` or fewer of ``n`` are seen with a chance of 1 − ``level``: a quantile of the beta
    distribution with count + 1 and n − count.

    Raises:
        ValueError: There are more than ``n``, none to count among, or ``level`` is not between 0 and 1.
    """
    count, n = whole(count, 0, "count"), whole(n, 1, "n")
    inside(level, "level")
    if count > n:
        raise ValueError(f"{count} of {n}")
    if count == n:
        return 1.0
    from scipy.special import betaincinv

    return float(betaincinv(count + 1, n - count, level))
