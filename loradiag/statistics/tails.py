"""How often so much would be seen beyond a threshold that was itself drawn: exact tails of new values among old ones.

Of n held-out values the r-th smallest is the threshold. A further value of their kind lies below it with a chance of
r/(n + 1), exactly (conformal prediction: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005). But new
values are held against the same threshold, so that the number of m that lie below is no binomial one: it is beta-binomial
with r and n − r + 1, in other words negative hypergeometric.
"""

from __future__ import annotations

import numpy as np

from loradiag.statistics.checks import Floats, inside, vector, whole


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
