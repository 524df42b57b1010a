"""Novel requests to look at: some of each kind, those of the largest kinds first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from loradiag.baselines.reading import Baseline
from loradiag.embeddings.encoder import Halves
from loradiag.statistics.checks import Indexes

_SAMPLE = 1000

MOST = 400
"""Novel requests that are put into groups: every pair of them is compared."""


def groups_of(vectors: Halves, apart: float, most: int) -> Indexes:
    """Return the group of each novel request [n], numbered from 0 by falling size.

    Groups are those of agglomerative clustering by the mean cosine between their members.

    Args:
        vectors: Unit vectors [n, d].
        apart: The mean cosine below which groups are kept apart, see :func:`kinship`.
        most: Groups at most: where there would be more, the nearest are put together all the same.
    """
    if len(vectors) < 2:
        return np.zeros(len(vectors), dtype=np.int64)
    from scipy.cluster.hierarchy import linkage

    wide = np.asarray(vectors, dtype=np.float64)
    distances = np.clip(1.0 - wide @ wide.T, 0.0, 2.0)
    even = (distances + distances.T) / 2
    tree = linkage(even[np.triu_indices(len(even), 1)], "average")  # by rising distance
    close = int(np.sum(tree[:, 2] < max(1.0 - apart, 1e-6)))
    made = _joined(tree[: max(close, len(wide) - max(most, 1)), :2].astype(np.int64), len(wide))
    sizes = np.bincount(made)
    rank = np.empty(sizes.size, dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(sizes.size)
    ranked: Indexes = rank[made]
    return ranked


def _joined(pairs: Indexes, n: int) -> Indexes:
    """Return the group of each of n [n], in the order of their first members, once pairs [k, 2] are joined.

    As in scipy's trees the i-th pair is called n + i from then on.
    """
    members = {row: [row] for row in range(n)}
    for number, (first, second) in enumerate(pairs.tolist()):
        members[n + number] = members.pop(first) + members.pop(second)
    made = np.empty(n, dtype=np.int64)
    for group, rows in enumerate(sorted(members.values(), key=min)):
        made[rows] = group
    return made


def kinship(baseline: Baseline) -> float:
    """Return how alike held-out requests of one topic are: the mean cosine of pairs of them."""
    vectors = np.asarray(baseline.calibration[:_SAMPLE], dtype=np.float32)
    topics = np.asarray(baseline.topics[:_SAMPLE])
    alike = topics[:, None] == topics[None, :]
    np.fill_diagonal(alike, False)
    return float((vectors @ vectors.T)[alike].mean(dtype=np.float64)) if alike.any() else 0.5


def pick(groups: Indexes, cosines: npt.NDArray[np.float32], most: int) -> Indexes:
    """Return rows to show: of each group its farthest request first, then the next of each, until there are enough."""
    order = np.lexsort((cosines, groups))
    turn = np.empty(groups.size, dtype=np.int64)
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    turn[order] = np.arange(groups.size) - np.repeat(starts, np.diff(np.append(starts, groups.size)))
    return np.lexsort((cosines, groups, turn))[:most]
