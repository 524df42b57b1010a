"""Which requests of a window count: each conversation once, and each text once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from loradiag.statistics.checks import Indexes
from loradiag.traffic.reading import Rows


def once(rows: Rows, positions: Indexes, *, earliest: bool = False) -> Indexes:
    """Return those positions that count, in their order.

    Requests of a conversation, and copies of one text, are no independent draws: a client that repeats itself must not look
    like drift. Of each the one with the least key is kept, which is a draw at random, since keys are hashes.

    Args:
        rows: All requests.
        positions: Of a window, rising.
        earliest: Whether of each the first in time is kept instead: which that is does not change with what comes later.
    """
    drawn = positions if earliest else positions[np.argsort(rows.key[positions], kind="stable")]
    for label in (rows.conversation, rows.text_hash):
        drawn = drawn[_first(label[drawn])]
    return np.sort(drawn)


def _first(labels: npt.NDArray[np.uint64]) -> Indexes:
    """Where each label stands first, and wherever there is none, in order."""
    _, first = np.unique(labels, return_index=True)
    return np.union1d(first, np.flatnonzero(labels == 0)).astype(np.int64)
