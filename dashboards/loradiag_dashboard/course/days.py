"""What is known of one adapter's traffic, brought together: days of lake and watch, windows of checks, alarms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from loradiag.core.drift import Drift, DriftWindow
from loradiag.core.errors import LoradiagError
from loradiag.core.report import Report
from loradiag.core.watching import WatchAlarm, WatchDay
from loradiag.outputs.watch import seen_by
from loradiag.overview.course import joined, seconds
from loradiag.overview.roster import Row
from loradiag_dashboard.source import overview
from loradiag_dashboard.source import report as read

if TYPE_CHECKING:
    import pandas as pd

DAY = 86_400_000.0
"""Milliseconds: charts place moments by numbers, which no browser moves to its own time zone."""

_CHECKS = 12
"""Reports whose windows are put together, the newest."""


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter's traffic.

    Attributes:
        row: The adapter.
        lake: Its days as :func:`loradiag.overview.tallies.schema` has them, the oldest first; None without a lake.
        days: As the watch noted them.
        windows: Of checks, none of which overlap.
        report: The newest check, and ``found`` what it found.
        alarms: Of the watch, also those that are over, the newest first.
        troubles: What could not be read, in a line each; untrusted.
    """

    row: Row
    lake: Any
    days: list[WatchDay]
    windows: list[DriftWindow]
    report: Report | None
    found: Drift | None
    alarms: list[WatchAlarm]
    troubles: list[str]

    @property
    def checked(self) -> list[DriftWindow]:
        """The windows to tell of: those that have times, else those of the newest check."""
        return self.windows or (self.found.windows if self.found else [])

    @property
    def end(self) -> float | None:
        """The end of its last day, in milliseconds since 1970."""
        ends = [millis(day.day) + DAY for day in self.days[-1:]]
        if self.lake is not None and len(self.lake):
            ends.append(float(self.lake["start"].max()) + DAY)
        ends += [1000 * end for window in self.windows[-1:] if (end := seconds(window.end)) is not None]
        return max(ends, default=None)

    @property
    def start(self) -> float | None:
        """The beginning of its first day."""
        starts = [millis(day.day) for day in self.days[:1]]
        if self.lake is not None and len(self.lake):
            starts.append(float(self.lake["start"].min()))
        starts += [1000 * start for window in self.windows[:1] if (start := seconds(window.start)) is not None]
        return min(starts, default=None)


def course_of(row: Row) -> Course:
    """Bring together what is known of an adapter's traffic."""
    troubles: list[str] = []
    days: list[WatchDay] = []
    alarms: list[WatchAlarm] = []
    if row.served is not None:
        try:
            days = overview().days(row.served)
            alarms = [alarm for alarm in overview().alarms() if alarm.adapter == row.served]
        except LoradiagError as error:
            troubles.append(str(error))
    cards = [card for card in row.cards if card.kind == "drift"][:_CHECKS]
    reports = [one for card in cards if (one := read(card)) is not None and one.measurements.drift is not None]
    checks = [found for one in reports if (found := one.measurements.drift) is not None]
    return Course(
        row=row,
        lake=_lake(row.served),
        days=days,
        windows=joined(checks),
        report=reports[0] if checks else None,
        found=checks[0] if checks else None,
        alarms=alarms,
        troubles=troubles,
    )


def _lake(served: str | None) -> pd.DataFrame | None:
    """An adapter's days in the lake, with ``start`` in milliseconds."""
    table = overview().traffic_by_day()
    if table is None or served is None:
        return None
    import pyarrow.compute as pc

    own = table.filter(pc.and_(pc.equal(table["adapter"], served), pc.is_valid(table["date"])))
    frame = own.to_pandas()
    frame["day"] = [str(date) for date in frame.pop("date")]
    frame["start"] = [millis(day) for day in frame["day"]]
    return frame.sort_values("start", ignore_index=True)


def millis(moment: str) -> float:
    """A moment, or a day, in milliseconds since 1970; 0 of what is none."""
    return 1000 * (seconds(moment) or 0.0)


def said(moment: float) -> str:
    """A moment in milliseconds for people, in UTC: the day alone at midnight."""
    found = datetime.fromtimestamp(moment / 1000, UTC)
    return f"{found:%Y-%m-%d}" if moment % DAY == 0 else f"{found:%Y-%m-%d %H:%M}"


def alarm_time(alarm: WatchAlarm) -> float:
    """Where on the axis of time an alarm stands: at the last request that it rests on."""
    return millis(seen_by(alarm))


def new_beginnings(days: Sequence[WatchDay]) -> list[WatchDay]:
    """Days on which evidence began anew."""
    return [day for before, day in pairwise(days) if day.slot != before.slot]
