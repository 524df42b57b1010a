"""Whether differences are as likely to point one way as the other: a permutation test."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from loradiag.statistics.checks import Floats, vector, whole
from loradiag.statistics.clusters import group
from loradiag.statistics.resampling import BLOCK, SEED

PERMUTATIONS = 10_000
_EXACT = 14
"""Up to 2^14 patterns of signs are all looked at."""


def sign_flip_p(
    differences: npt.ArrayLike,
    clusters: Iterable[Hashable] | None = None,
    permutations: int = PERMUTATIONS,
    seed: int = SEED,
) -> float:
    """Test, two-sidedly, whether base and adapter could change places without anybody noticing.

    If they could, each cluster's sum of differences might as well have the other sign. p is the share of patterns of signs
    whose total is at least as far from 0 as the one seen: of all patterns for up to 14 clusters whose sum is not 0, else
    (k + 1)/(N + 1) of N random ones, which is never 0 and never too small (Phipson and Smyth 2010). For a 0/1 metric without
    clusters the exact p is McNemar's. Where both models are divided by the same weights (nats over tokens), this tests
    their perplexities too.

    Args:
        differences: Of each document, adapter − base [n].
        clusters: What each document's source is called: a cluster's differences change their sign together.
        permutations: Random patterns where there are too many to look at all.
        seed: Of the random numbers.

    Returns:
        p; 1 where every cluster's sum is 0.

    Raises:
        ValueError: A difference is not finite, labels do not fit, or ``permutations`` is no positive whole number.
    """
    values = vector(differences, "differences")
    permutations = whole(permutations, 1, "permutations")
    sums = group(clusters, values.size).sums(values)
    sums = sums[sums != 0]  # their sign does not matter, so leaving them out changes no share
    if sums.size == 0:
        return 1.0
    # Totals of the same numbers in another order differ by rounding; they must count as equal.
    far = abs(float(np.sum(sums))) - 1e-12 * float(np.sum(np.abs(sums)))
    if sums.size <= _EXACT:
        flips = (np.arange(2**sums.size)[:, None] >> np.arange(sums.size)) & 1
        return float(np.mean(_totals(flips, sums) >= far))
    beyond = sum(int(np.sum(_totals(flips, sums) >= far)) for flips in _random(sums.size, permutations, seed))
    return (beyond + 1) / (permutations + 1)


def _totals(flips: npt.NDArray[np.integer], sums: Floats) -> Floats:
    return np.abs(np.sum(sums) - 2 * (flips.astype(np.float64) @ sums))


def _random(width: int, permutations: int, seed: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Zeros and ones [rows, width], in blocks. Drawn 64 at a time, so that their size does not change what is drawn."""
    generator = np.random.default_rng(seed)
    words, rows = -(-width // 64), max(1, BLOCK // width)
    for start in range(0, permutations, rows):
        drawn = generator.integers(0, 2**64, size=(min(rows, permutations - start), words), dtype=np.uint64)
        yield np.unpackbits(drawn.view(np.uint8), axis=1)[:, :width]
