"""Requests of two adapters matched in time, so that days on which traffic was other, or was split otherwise, do not matter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from loradiag.analyzers.drift.counting import once
from loradiag.analyzers.drift.wanted import DAY
from loradiag.traffic.reading import Rows

Indexes = npt.NDArray[np.int64]


def counted(rows: Rows) -> Indexes:
    """Return the positions of dated requests that count, each conversation and each text once a day, in the order of time."""
    dated = np.flatnonzero(rows.time >= 0)
    cuts = np.flatnonzero(np.diff(rows.time[dated] // DAY)) + 1
    parts = [once(rows, part) for part in np.split(dated, cuts) if part.size]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def pairs_of(old: Indexes, new: Indexes) -> tuple[Indexes, Indexes]:
    """Match requests of the same day: each of the rarer side with the nearest unused one of the other.

    Args:
        old: Times in microseconds, rising [n].
        new: Times in microseconds, rising [m].

    Returns:
        Places among ``old`` and among ``new`` [k], in the order in which pairs were complete.
    """
    found: list[tuple[int, int]] = []
    for days in _common_days(old, new):
        first, second = days
        if first.size <= second.size:
            found += [(int(first[a]), int(second[b])) for a, b in _nearest(old[first], new[second])]
        else:
            found += [(int(first[b]), int(second[a])) for a, b in _nearest(new[second], old[first])]
    if not found:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    places = np.array(found, dtype=np.int64)
    order = np.argsort(np.maximum(old[places[:, 0]], new[places[:, 1]]), kind="stable")
    return places[order, 0], places[order, 1]


def _common_days(old: Indexes, new: Indexes) -> Iterator[tuple[Indexes, Indexes]]:
    sides = old // DAY, new // DAY
    for day in np.intersect1d(*sides):
        yield np.flatnonzero(sides[0] == day), np.flatnonzero(sides[1] == day)


def _nearest(few: Indexes, many: Indexes) -> Iterator[tuple[int, int]]:
    """Each of few with one of many, in order: the nearest that leaves enough for those that follow."""
    place = 0
    for number, time in enumerate(few.tolist()):
        last = many.size - (few.size - number)
        while place < last and abs(int(many[place + 1]) - time) <= abs(int(many[place]) - time):
            place += 1
        yield number, place
        place += 1
