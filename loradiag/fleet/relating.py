"""Which adapters of a fleet are related: proposed by their sketches, and then compared exactly."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

LIKELY = 0.2
"""Cosine of two sketches from which a pair is compared: those of unrelated updates have a standard deviation of 0.045,
so that some two of a million such pairs are compared for nothing."""

MOST = 2_000
"""Pairs that are compared exactly, the likeliest first; copies by their hash need no comparison and are not among them."""

_BLOCK = 2_048


def likely(
    sketches: Sequence[npt.NDArray[np.float32] | None], groups: Sequence[str], hashes: Sequence[Hashable | None]
) -> list[tuple[int, int]]:
    """Return pairs of places whose sketches are alike, of one group each, the likeliest first.

    Of those whose content is the same only the first is paired with others.

    Args:
        sketches: Of each adapter, at length 1 [SIZE]; None of those that have none.
        groups: Only adapters of one group are paired.
        hashes: Of their content.
    """
    first = {digest: place for place, digest in reversed(list(enumerate(hashes))) if digest}
    by_group: dict[str, list[int]] = {}
    for place, (sketch, group, digest) in enumerate(zip(sketches, groups, hashes, strict=True)):
        if sketch is not None and sketch.any() and first.get(digest, place) == place:
            by_group.setdefault(group, []).append(place)
    found = [pair for places in by_group.values() for pair in _alike(places, sketches)]
    found.sort(reverse=True)
    return [(a, b) for _, a, b in found[:MOST]]


def _alike(
    places: Sequence[int], sketches: Sequence[npt.NDArray[np.float32] | None]
) -> Iterator[tuple[float, int, int]]:
    matrix = np.stack([sketch for place in places if (sketch := sketches[place]) is not None])
    for start in range(0, len(places), _BLOCK):
        cosines = matrix[start : start + _BLOCK] @ matrix.T
        rows, columns = np.nonzero(cosines >= LIKELY)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if start + row < column:
                yield float(cosines[row, column]), places[start + row], places[column]


def copies(hashes: Sequence[Hashable | None]) -> list[tuple[int, int]]:
    """Return pairs of places whose content is the same: the first with each of the others."""
    first: dict[Hashable, int] = {}
    found = []
    for place, digest in enumerate(hashes):
        if digest is not None and first.setdefault(digest, place) != place:
            found.append((first[digest], place))
    return found
