"""Signs of single entries of two updates, on a sample of them: a block of rows and columns drawn once for each shape."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from loradiag.linalg.directions import Directions
from loradiag.linalg.widen import Array

SIDE = 96
"""Rows and columns of the block."""

KEPT = 0.2
"""The share of entries, by size, that counts: the largest fifth, as TIES keeps it (Yadav et al. 2023, arXiv 2306.01708)."""

_SEED = 20230602


class Signs(NamedTuple):
    """Where entries of a block are among the largest, and there, whether they are positive: [n] each, of booleans."""

    large: npt.NDArray[np.bool_]
    positive: npt.NDArray[np.bool_]


def signs(update: Directions) -> Signs | None:
    """Return the signs of an update on its block; None of an update that is zero."""
    if not update.sigma.size:
        return None
    rows, columns = sample(update.left.shape[0]), sample(update.right.shape[0])
    scaled: Array = update.left.rows(rows) * (update.sigma / update.sigma[0])
    block = (scaled @ update.right.rows(columns).T).ravel()
    size = np.abs(block)
    place = int((1 - KEPT) * size.size)
    return Signs(size >= np.partition(size, place)[place], block > 0)


def conflict(first: Signs, second: Signs) -> tuple[int, int]:
    """Return how many entries are large in both, and how many of these have opposite signs."""
    both = first.large & second.large
    return int(both.sum()), int((first.positive ^ second.positive)[both].sum())


@lru_cache(maxsize=256)
def sample(extent: int) -> npt.NDArray[np.int64]:
    """Return ``SIDE`` places of ``extent``, or all; always the same ones."""
    if extent <= SIDE:
        return np.arange(extent)
    return np.sort(np.random.default_rng([_SEED, extent]).choice(extent, SIDE, replace=False))
