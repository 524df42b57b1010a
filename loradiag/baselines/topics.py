"""Clusters of references: what the mix of traffic is counted by."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from loradiag.core.lazy import require

Singles = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]
Vectors = npt.NDArray[Any]

MOST = 20
"""Topics by default: enough to see a mix change, and few enough that 200 requests have ten of each."""

_LEAST_MEMBERS = 25
_SAMPLE = 20_000
"""References that clusters are found on."""

_ROWS = 65_536


def find_centres(references: Vectors, most: int, seed: int) -> Singles:
    """Return the unit centres [k, d] of k-means over unit vectors [n, d], k at most ``most`` and a 25th of n.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    cluster = require("sklearn.cluster", "drift")
    generator = np.random.default_rng(seed)
    count = max(1, min(most, len(references) // _LEAST_MEMBERS))
    rows = np.sort(generator.permutation(len(references))[:_SAMPLE])
    sample = np.asarray(references[rows], dtype=np.float32)
    found = cluster.KMeans(count, n_init=4, random_state=seed).fit(sample)
    centres = found.cluster_centers_.astype(np.float32)
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    unit: Singles = centres / np.maximum(lengths, np.float32(1e-12))
    return unit


def assign(vectors: Vectors, centres: Singles) -> npt.NDArray[np.int16]:
    """Return the number of the nearest centre [n] of unit vectors [n, d]."""
    topics = np.empty(len(vectors), dtype=np.int16)
    for start in range(0, len(vectors), _ROWS):
        part = np.asarray(vectors[start : start + _ROWS], dtype=np.float32)
        topics[start : start + len(part)] = (part @ centres.T).argmax(axis=1)
    return topics


def nearest_to(centres: Singles, references: Vectors) -> Indexes:
    """Return the row of the reference nearest to each centre [k]."""
    best = np.full(len(centres), -np.inf, dtype=np.float32)
    found = np.zeros(len(centres), dtype=np.int64)
    for start in range(0, len(references), _ROWS):
        products = centres @ np.asarray(references[start : start + _ROWS], dtype=np.float32).T
        places = products.argmax(axis=1)
        values = products[np.arange(len(centres)), places]
        nearer = values > best
        best[nearer], found[nearer] = values[nearer], places[nearer] + start
    return found
