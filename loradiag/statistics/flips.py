"""Which documents changed."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.statistics.checks import Floats, is_binary, pair, whole


class Flips(msgspec.Struct, frozen=True, kw_only=True):
    """Documents of a 0/1 metric: indexes of those ``lost`` (1 → 0) and ``won`` (0 → 1), how many stayed right and wrong."""

    lost: list[int]
    won: list[int]
    right: int
    wrong: int


class Moves(msgspec.Struct, frozen=True, kw_only=True):
    """Documents of any metric: how many fell, rose and stayed, and indexes of the largest falls and rises, largest first."""

    fallen: int
    risen: int
    unchanged: int
    falls: list[int]
    rises: list[int]


def flips(base: npt.ArrayLike, adapter: npt.ArrayLike) -> Flips:
    """Find the documents whose 0/1 value flipped. Indexes ascend.

    Raises:
        ValueError: Lengths differ, or a value is neither 0 nor 1.
    """
    before, after = pair(base, adapter)
    if not is_binary(before, after):
        raise ValueError("base and adapter must hold nothing but 0 and 1; see largest_moves for other metrics")
    return Flips(
        lost=np.flatnonzero(before > after).tolist(),
        won=np.flatnonzero(before < after).tolist(),
        right=int(np.sum((before == 1) & (after == 1))),
        wrong=int(np.sum((before == 0) & (after == 0))),
    )


def largest_moves(base: npt.ArrayLike, adapter: npt.ArrayLike, count: int = 10) -> Moves:
    """Find the documents whose value fell and rose most. Of equal moves, the earlier document comes first.

    Args:
        base: The base model's values [n].
        adapter: The adapter's.
        count: The most indexes either way.

    Raises:
        ValueError: Lengths differ, a value is not finite, or ``count`` is no whole number.
    """
    before, after = pair(base, adapter)
    count = whole(count, 0, "count")
    changes = after - before
    return Moves(
        fallen=int(np.sum(changes < 0)),
        risen=int(np.sum(changes > 0)),
        unchanged=int(np.sum(changes == 0)),
        falls=_deepest(changes, count),
        rises=_deepest(-changes, count),
    )


def _deepest(changes: Floats, count: int) -> list[int]:
    order = np.argsort(changes, kind="stable")[:count]
    return [int(index) for index in order if changes[index] < 0]
