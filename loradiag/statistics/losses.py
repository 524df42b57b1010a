"""A noisy loss over steps: its level, how it rises, and fewer points that still show it. Numbers in, numbers out."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple

from loradiag.core.numbers import median

MIDDLE, BEFORE = 10, 30
"""The median of so many losses before a point is what it rises above; the rises of so many before it tell what is usual."""

LEAST = 8
"""Losses before a point from which on its rise is looked at."""

MOST_JUMPS = 12
"""Rises that are kept of one log."""


class Rise(NamedTuple):
    """A loss above the median of those before it. ``at`` and ``recovered`` count points."""

    at: int
    before: float
    rise: float
    usual: float
    recovered: int | None


class Smooth(NamedTuple):
    """Running medians of ``window`` losses: the first, the least with the index of its last loss, and the last."""

    start: float
    least: float
    least_index: int
    end: float
    window: int


def level(losses: Sequence[float]) -> Smooth | None:
    """Return the level of finite losses; None of fewer than three. Windows hold a tenth of them, 3 to 50."""
    count = len(losses)
    if count < 3:
        return None
    window = width(count)
    smooth = running_medians(losses, window)
    least = min(range(len(smooth)), key=smooth.__getitem__)
    return Smooth(smooth[0], smooth[least], least + window - 1, smooth[-1], window)


def width(count: int) -> int:
    """How many of so many losses are smoothed together: a tenth, 3 to 50."""
    return max(3, min(50, count // 10))


def running_medians(values: Sequence[float], window: int) -> list[float]:
    """The median of every ``window`` values in a row: len − window + 1 of them."""
    ordered = sorted(values[:window])
    found = [_middle(ordered)]
    for index in range(window, len(values)):
        del ordered[bisect_left(ordered, values[index - window])]
        insort(ordered, values[index])
        found.append(_middle(ordered))
    return found


def rises(losses: Sequence[float]) -> list[Rise]:
    """The largest rises of finite losses over the median of the 10 before them, in order; one of each 30 in a row.

    A rise may take several points: its height is over the median before the first of those above a quarter of it. ``usual`` is
    the largest rise of the 30 points before that, each over its own median or over the point before it: noise has had its like
    before, also while the loss falls. ``recovered`` is the first later loss that is back by three quarters of the rise.
    """
    above = [0.0] * min(LEAST, len(losses))
    above += [losses[index] - _before(losses, index) for index in range(LEAST, len(losses))]
    found: list[Rise] = []
    for index in sorted(range(len(losses)), key=lambda index: -above[index]):
        if len(found) == MOST_JUMPS or above[index] <= 0:
            break
        if all(abs(index - other.at) > BEFORE for other in found):
            found.append(_rise(losses, above, index))
    return sorted(found)


def _before(losses: Sequence[float], index: int) -> float:
    return median(losses[max(index - MIDDLE, 0) : index]) or 0.0


def _rise(losses: Sequence[float], above: Sequence[float], index: int) -> Rise:
    onset = index
    while True:
        before = _before(losses, onset)
        limit = before + (losses[index] - before) / 4
        if onset <= LEAST or losses[onset - 1] <= limit:
            break
        onset -= 1
    earlier = range(max(onset - BEFORE, 1), onset)
    usual = max((max(above[at], losses[at] - losses[at - 1]) for at in earlier), default=0.0)
    back = next((later for later in range(index + 1, len(losses)) if losses[later] <= limit), None)
    return Rise(index, before, losses[index] - before, max(usual, 0.0), back)


def thinned(values: Sequence[float | None], most: int) -> list[int]:
    """Return which of ``values`` to keep, at most ``most`` (16 or more): evenly spread, with extremes and what is None.

    Of each of ``most``/4 − 1 equal parts in a row: the first, the least, the largest, and the first None; and the last of all.
    """
    count = len(values)
    if count <= most:
        return list(range(count))
    parts = most // 4 - 1
    kept = {count - 1}
    for part in range(parts):
        inside = range(part * count // parts, (part + 1) * count // parts)
        known = [(value, index) for index in inside if (value := values[index]) is not None]
        gone = next((index for index in inside if values[index] is None), None)
        kept.update((inside[0], *([min(known)[1], max(known)[1]] if known else []), *([] if gone is None else [gone])))
    return sorted(kept)


def _middle(ordered: Sequence[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
