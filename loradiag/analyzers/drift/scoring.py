"""Requests beside the references of a baseline: how near the nearest is, and which topic they belong to."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.baselines.reading import Baseline
from loradiag.baselines.topics import assign
from loradiag.embeddings.encoder import Halves
from loradiag.statistics.checks import Indexes
from loradiag.traffic.reading import Lake, Rows

Singles = npt.NDArray[np.float32]


class Scores(msgspec.Struct, frozen=True):
    """What was found of requests, by their positions among all [n]; NaN and -1 where none was looked at.

    Attributes:
        cosine: To the nearest reference.
        neighbour: Its row in the index.
        topic: The nearest centre.
    """

    cosine: Singles
    neighbour: npt.NDArray[np.int32]
    topic: npt.NDArray[np.int16]


def nothing(count: int) -> Scores:
    """Return scores of requests none of which was looked at."""
    return Scores(
        np.full(count, np.nan, dtype=np.float32), np.full(count, -1, dtype=np.int32), np.full(count, -1, dtype=np.int16)
    )


def score(
    lake: Lake, rows: Rows, positions: Indexes, baseline: Baseline, progress: Callable[[int, int], None]
) -> Scores:
    """Score the requests at ``positions``; embeddings are read as they are needed and forgotten."""
    found = nothing(rows.key.size)
    done = 0
    for places, vectors in lake.embeddings(rows, positions):
        cosine, neighbour = baseline.search.nearest(vectors)
        found.cosine[places], found.neighbour[places] = cosine, neighbour
        found.topic[places] = assign(vectors, baseline.centres)
        done += len(places)
        progress(done, positions.size)
    return found


def vectors_of(lake: Lake, rows: Rows, positions: Indexes) -> Halves:
    """Return the embeddings [k, d] of some requests, in the order of ``positions``, which must rise."""
    parts = list(lake.embeddings(rows, positions))
    if not parts:
        return np.zeros((0, 0), dtype=np.float16)
    places = np.concatenate([where for where, _ in parts])
    both: Halves = np.concatenate([vectors for _, vectors in parts])
    return both[np.argsort(places, kind="stable")]
