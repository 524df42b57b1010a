"""Which clusters a resample draws, in blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from loradiag.statistics.checks import Indexes

RESAMPLES = 2000
SEED = 20251101
BLOCK = 1 << 20
"""Counts in memory at a time: 8 MiB of them."""


def draws(clusters: int, resamples: int = RESAMPLES, seed: int = SEED, block: int = BLOCK) -> Iterator[Indexes]:
    """Draw as many clusters as there are, with replacement, again and again.

    The blocks, put together, depend on neither their size nor on earlier calls. (Counting uniform draws gives what a
    multinomial generator gives, ten times as fast.)

    Args:
        clusters: How many there are.
        resamples: How many times to draw.
        seed: Of the random numbers.
        block: The most counts in one array, if a row is not longer than that.

    Yields:
        How often each cluster is drawn [rows, clusters], until there were ``resamples`` rows.
    """
    generator = np.random.default_rng(seed)
    rows = max(1, block // clusters)
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        drawn = generator.integers(0, clusters, size=(size, clusters))
        drawn += clusters * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters)
