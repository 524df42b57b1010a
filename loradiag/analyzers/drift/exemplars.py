"""Novel requests to look at: some of each kind, those of the largest kinds first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from loradiag.baselines.reading import Baseline
from loradiag.core.lazy import require
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
    cluster = require("sklearn.cluster", "drift")
    wide = np.asarray(vectors, dtype=np.float64)
    distances = np.clip(1.0 - wide @ wide.T, 0.0, 2.0)
    np.fill_diagonal(distances, 0.0)
    even = (distances + distances.T) / 2
    options = {"metric": "precomputed", "linkage": "average"}
    made: Indexes = cluster.AgglomerativeClustering(
        n_clusters=None, distance_threshold=max(1.0 - apart, 1e-6), **options
    ).fit_predict(even)
    if made.max() >= max(most, 1):
        made = cluster.AgglomerativeClustering(n_clusters=max(most, 1), **options).fit_predict(even)
    sizes = np.bincount(made)
    rank = np.empty(sizes.size, dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(sizes.size)
    ranked: Indexes = rank[made]
    return ranked


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
