"""Which references are searched, and which are held out to calibrate with."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

Indexes = npt.NDArray[np.int64]

LEAST = 100
"""Conversations without which there is no baseline: half of them are held out, and of 50 the 5% quantile is two or three."""

ENOUGH = 500
"""Held-out conversations from which on the quantile is known well enough: to a tenth of its rank."""

MOST = 5000
"""More would cost time and say little: the share below the quantile is then known to 0.3 points."""

SHARE = 0.2


class Split(msgspec.Struct, frozen=True):
    """Rows of references: ``index`` are searched; ``calibration`` has one row of each held-out conversation."""

    index: Indexes
    calibration: Indexes


def split(records: Indexes, seed: int) -> Split:
    """Hold out whole conversations, a fifth of them but at least 500 and at most 5,000; of fewer than 1,000 one half.

    A held-out conversation counts once, by one of its requests that is drawn at random, since those of one conversation are
    no independent draws. Traffic is counted in the same way.

    Args:
        records: The conversation of each reference [n].
        seed: Of the draw.
    """
    generator = np.random.default_rng(seed)
    distinct, codes = np.unique(records, return_inverse=True)
    wanted = min(max(int(distinct.size * SHARE), ENOUGH), MOST, distinct.size // 2)
    held = np.zeros(distinct.size, dtype=bool)
    held[generator.permutation(distinct.size)[:wanted]] = True
    rows = np.flatnonzero(held[codes])
    shuffled = rows[generator.permutation(rows.size)]
    _, first = np.unique(codes[shuffled], return_index=True)
    return Split(np.flatnonzero(~held[codes]), np.sort(shuffled[first]))
