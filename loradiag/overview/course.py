"""The course of an adapter's traffic: the windows of many checks in one row, and since when it has drifted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from loradiag.analyzers.drift.wanted import FLOOR
from loradiag.core.drift import Drift, DriftWindow, TopicShare
from loradiag.core.times import moment_of
from loradiag.core.watching import WatchDay
from loradiag.outputs.windows import DRIFTED

_JUDGED = ("steady", *DRIFTED)


def seconds(moment: str | None) -> float | None:
    """Seconds since 1970 of a time in a report; None of what is no time."""
    try:
        return moment_of(moment or "").timestamp()
    except ValueError:
        return None


def floor_of(found: Drift | None) -> int:
    """Requests below which a day says nothing: as the newest check has it, else as checks have it by default."""
    return FLOOR if found is None else found.floor


def joined(checks: Iterable[Drift]) -> list[DriftWindow]:
    """Windows of several checks in the order of time, none of which overlap; newer checks go first.

    Windows without times are left out, and so are those of another baseline than the newest check's.

    Args:
        checks: Of one adapter, the newest first.
    """
    kept: list[tuple[float, float, DriftWindow]] = []
    data: str | None = None
    for found in checks:
        data = data or found.baseline.data_sha256
        if found.baseline.data_sha256 != data:
            continue
        before = min((start for start, _, _ in kept), default=float("inf"))
        for window in found.windows:
            start, end = seconds(window.start), seconds(window.end)
            if start is not None and end is not None and start < end <= before:
                kept.append((start, end, window))
    return [window for _, _, window in sorted(kept, key=lambda row: row[:2])]


def onset(windows: Sequence[DriftWindow]) -> DriftWindow | None:
    """The first window of a drift that goes on: since then every window that was judged has drifted.

    Args:
        windows: The oldest first.
    """
    found = None
    for window in reversed(windows):
        if window.status in DRIFTED:
            found = window
        elif window.status in _JUDGED:
            break
    return found


def known_topics(found: Drift | None, days: Sequence[WatchDay]) -> Mapping[int, TopicShare]:
    """What a check says of topics that days count by number; nothing where its baseline has another number of them."""
    if found is None or any(day.topics and len(day.topics) != found.baseline.clusters for day in days):
        return {}
    return {row.topic: row for window in found.windows for row in window.topics}
