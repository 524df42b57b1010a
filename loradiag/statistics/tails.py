"""How often so much would be seen beyond a threshold that was itself drawn: exact tails of new values among old ones.

Of n held-out values the r-th smallest is the threshold. A further value of their kind lies below it with a chance of
r/(n + 1), exactly (conformal prediction: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005). But new
values are held against the same threshold, so that the number of m that lie below is no binomial one: it is beta-binomial
with r and n − r + 1, in other words negative hypergeometric.
"""

from __future__ import annotations

import numpy as np

from loradiag.statistics.checks import Floats, Indexes, inside, vector, whole


def rank_of(rate: float, n: int) -> int:
    """Return the rank r of the threshold: the largest for which a new value lies below with a chance of at most ``rate``.

    Raises:
        ValueError: So few held-out values have no such threshold.
    """
    inside(rate, "rate")
    rank = int(np.floor(rate * (whole(n, 1, "n") + 1) + 1e-9))
    if rank < 1:
        raise ValueError(
            f"{n} held-out values have no quantile of {rate}: at least {int(np.ceil(1 / rate)) - 1} are needed"
        )
    return rank


def beyond_p(count: int, m: int, rank: int, n: int) -> float:
    """Return the chance that ``count`` or more of ``m`` new values lie beyond the ``rank``-th of ``n`` held-out ones.

    At least k of m do where fewer than r of the k + r − 1 most extreme of all m + n values are held-out ones, which is
    hypergeometric. False alarms never exceed their level, if all values are exchangeable and without ties.

    Raises:
        ValueError: A count is impossible.
    """
    count, m, n = whole(count, 0, "count"), whole(m, 0, "m"), whole(n, 1, "n")
    rank = whole(rank, 1, "rank")
    if count > m or rank > n:
        raise ValueError(f"{count} of {m} beyond rank {rank} of {n}")
    if count == 0:
        return 1.0
    from scipy.stats import hypergeom

    return min(1.0, float(hypergeom.cdf(rank - 1, m + n, n, count + rank - 1)))


def conformal_p(values: Floats, held_out: Floats) -> Floats:
    """Return the conformal p-value of each value: (1 + #{held-out ≤ value})/(n + 1), small for values that are too small.

    Args:
        values: New values [m].
        held_out: Held-out values [n], at least one; in any order.

    Raises:
        ValueError: There are no held-out values, or they are not finite.
    """
    ordered = np.sort(vector(held_out, "held_out"))
    return (1.0 + np.searchsorted(ordered, values, side="right")) / (ordered.size + 1)


def share_interval(count: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact two-sided interval of a share (Clopper and Pearson, Biometrika 26, 1934, 404–413).

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
