"""Requests of two adapters matched in time, so that days on which traffic was other, or was split otherwise, do not matter.

Pairs are made as requests come, and never made anew: whoever looks after every request sees one sequence that grows, which is
what intervals that hold at all times are about.
"""

from __future__ import annotations

import numpy as np

from loradiag.analyzers.drift.counting import once
from loradiag.analyzers.drift.wanted import DAY
from loradiag.statistics.checks import Indexes
from loradiag.traffic.reading import Rows


def counted(rows: Rows) -> Indexes:
    """Return the positions of dated requests that count, the first of each conversation and text of a day, in order of time."""
    dated = np.flatnonzero(rows.time >= 0)
    cuts = np.flatnonzero(np.diff(rows.time[dated] // DAY)) + 1
    parts = [once(rows, part, earliest=True) for part in np.split(dated, cuts) if part.size]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def pairs_of(old: Indexes, new: Indexes) -> tuple[Indexes, Indexes]:
    """Match requests of the same day: each that comes with the latest of the other side that is still alone.

    So none of the day's rarer side is left over, and what was matched stays so, whatever comes later.

    Args:
        old: Times in microseconds, rising [n].
        new: Times in microseconds, rising [m].

    Returns:
        Places among ``old`` and among ``new`` [k], in the order in which pairs were complete.
    """
    times = np.concatenate([old, new])
    places = np.concatenate([np.arange(old.size), np.arange(new.size)])
    sides = np.repeat([0, 1], [old.size, new.size])
    order = np.argsort(times, kind="stable")
    found: list[tuple[int, int]] = []
    alone: list[int] = []
    whose, today = 0, -1
    for day, side, place in zip(*((row[order]).tolist() for row in (times // DAY, sides, places)), strict=True):
        if day != today or not alone:
            alone, whose, today = [place], side, day
        elif side == whose:
            alone.append(place)
        else:
            partner = alone.pop()
            found.append((partner, place) if side else (place, partner))
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
