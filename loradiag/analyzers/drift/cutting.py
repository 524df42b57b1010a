"""Requests cut into windows, the newest first; small ones are put together with those before them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from loradiag.analyzers.drift.counting import once
from loradiag.analyzers.drift.wanted import Wanted
from loradiag.statistics.checks import Indexes
from loradiag.traffic.reading import Rows


class Cut(msgspec.Struct, frozen=True):
    """One window.

    Attributes:
        start: Microseconds; None where no request of it has a time.
        end: The first microsecond after it, or the time of its last request where it is cut by number.
        logged: Requests in it.
        counted: Positions of those that count and are embedded.
        pooled: Windows that it was put together from.
    """

    start: int | None
    end: int | None
    logged: int
    counted: Indexes
    pooled: int


def cut(rows: Rows, wanted: Wanted) -> list[Cut]:
    """Cut requests into windows, in the order of time; at most as many as are wanted.

    Windows of time begin at multiples of their length in UTC. One with fewer than the floor is put together with those
    before it. Windows of a number of requests are counted back from the newest.
    """
    found = []
    for window in _newest_first(rows, wanted):
        found.append(window)
        if len(found) == wanted.last:
            break
    return found[::-1]


def _newest_first(rows: Rows, wanted: Wanted) -> Iterator[Cut]:
    kind = wanted.window.kind
    if kind == "all":
        every = np.arange(rows.key.size)
        if every.size:
            yield _cut(rows, every)
        return
    dated = np.flatnonzero(rows.time >= 0)
    yield from _by_time(rows, dated, wanted) if kind == "time" else _by_count(rows, dated, wanted)


def _by_time(rows: Rows, dated: Indexes, wanted: Wanted) -> Iterator[Cut]:
    size = wanted.window.size
    numbers = rows.time[dated] // size
    last = int(numbers[-1]) if numbers.size else 0
    while numbers.size:
        first, counted = _far_enough(rows, dated, numbers, last, wanted)
        begin = int(np.searchsorted(numbers, first))
        end = int(np.searchsorted(numbers, last, side="right"))
        yield Cut(first * size, (last + 1) * size, end - begin, counted, last - first + 1)
        numbers, dated = numbers[:begin], dated[:begin]
        last = int(numbers[-1]) if numbers.size else 0


def _far_enough(rows: Rows, dated: Indexes, numbers: Indexes, last: int, wanted: Wanted) -> tuple[int, Indexes]:
    """The first window to put together with the last, so that there are enough requests, and those that count."""
    end = int(np.searchsorted(numbers, last, side="right"))
    first = last
    while True:
        begin = int(np.searchsorted(numbers, first))
        counted = _counted(rows, dated[begin:end])
        if counted.size >= wanted.floor or not begin or last - int(numbers[begin - 1]) >= wanted.pool:
            return first, counted
        first = int(numbers[begin - 1])


def _by_count(rows: Rows, dated: Indexes, wanted: Wanted) -> Iterator[Cut]:
    size = wanted.window.size
    left = dated
    while left.size:
        begin = _start_of(rows, left, size)
        yield _cut(rows, left[begin:], most=size)
        left = left[:begin]


def _start_of(rows: Rows, left: Indexes, size: int) -> int:
    """Where the newest requests begin of which ``size`` count; the more the longer, so the start is found by halving."""
    reach = size
    while reach < left.size and _counted(rows, left[-reach:]).size < size:
        reach *= 2
    low, high = max(left.size - reach, 0), left.size
    if _counted(rows, left[low:]).size < size:
        return 0
    while high - low > 1:  # the latest start that is early enough
        middle = (low + high) // 2
        low, high = (middle, high) if _counted(rows, left[middle:]).size >= size else (low, middle)
    return low


def _cut(rows: Rows, positions: Indexes, most: int | None = None) -> Cut:
    """A window that is not cut by time, with the newest ``most`` of those that count."""
    times = rows.time[positions]
    times = times[times >= 0]
    counted = _counted(rows, positions)
    return Cut(
        start=int(times[0]) if times.size else None,
        end=int(times[-1]) if times.size else None,
        logged=positions.size,
        counted=counted if most is None else counted[-most:],
        pooled=1,
    )


def _counted(rows: Rows, positions: Indexes) -> Indexes:
    return once(rows, positions[rows.embedded[positions]])
