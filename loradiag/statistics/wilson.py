"""Intervals for shares of yes and no, from the share and the number of answers alone."""

from __future__ import annotations

import math

Z95 = 1.959963984540054
"""Standard deviations that hold 95% of a normal distribution."""


def wilson(share: float, n: int, z: float = Z95) -> tuple[float, float]:
    """Return Wilson's score interval (1927) of a share.

    Args:
        share: In [0, 1].
        n: Independent answers that it is of, at least 1.
        z: Standard deviations on either side.
    """
    squared = z * z / n
    middle = share + squared / 2
    reach = z * math.sqrt(share * (1 - share) / n + squared / (4 * n))
    return max((middle - reach) / (1 + squared), 0.0), min((middle + reach) / (1 + squared), 1.0)
