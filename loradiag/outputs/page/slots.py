"""Where windows stand on an axis of time."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

import msgspec

from loradiag.core.drift import Drift, DriftWindow

GAPS = 8
"""Windows that take less than this part of the time from the first to the last stand side by side."""

_TIMED = re.compile(r"[1-9][0-9]*[mhdw]")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Slot(msgspec.Struct, frozen=True):
    """A window's place: where it begins and ends, and its middle, in the coordinates of the drawing."""

    window: DriftWindow
    left: float
    right: float

    @property
    def x(self) -> float:
        """The middle."""
        return round((self.left + self.right) / 2, 1)

    @property
    def width(self) -> float:
        """Of the bar, which leaves some air beside the next."""
        return round(max((self.right - self.left) * 0.84, 0.8), 2)


def slots(found: Drift, left: float, right: float) -> list[Slot]:
    """Windows of time stand where they were; others, and those with little but gaps between, one beside the other."""
    spans = _spans(found)
    if spans is None or _sparse(spans):
        step = (right - left) / len(found.windows)
        return [Slot(row, left + step * index, left + step * (index + 1)) for index, row in enumerate(found.windows)]
    first, last = min(low for low, _ in spans), max(high for _, high in spans)
    scale = (right - left) / (last - first)
    return [
        Slot(row, left + scale * (low - first), left + scale * (high - first))
        for row, (low, high) in zip(found.windows, spans, strict=True)
    ]


def _sparse(spans: Sequence[tuple[float, float]]) -> bool:
    """Whether so much time lies between windows that none could be seen."""
    whole = max(high for _, high in spans) - min(low for low, _ in spans)
    return sum(high - low for low, high in spans) < whole / GAPS


def _spans(found: Drift) -> list[tuple[float, float]] | None:
    """When windows of time begin and end, in seconds; None for others, or where some moment cannot be read."""
    if _TIMED.fullmatch(found.window) is None:
        return None
    spans = [(_seconds(row.start), _seconds(row.end)) for row in found.windows]
    known = [(low, high) for low, high in spans if low is not None and high is not None and high > low]
    return known if len(known) == len(spans) else None


def _seconds(text: str | None) -> float | None:
    if text is None or _MOMENT.fullmatch(text) is None:
        return None
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):  # the thirtieth of February
        return None
