"""What a demonstration tells of traffic: a month of requests, watched day by day, checked week by week."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from loradiag.api import alarms, baseline, drift_check, ingest, settle_alarm, watch
from loradiag.core.report import Report
from loradiag.core.watching import AlarmStatus, WatchAlarm
from loradiag.demo.kept import keep
from loradiag.demo.month import Month, at, write_logs
from loradiag.demo.source import SERVED

LAKE, BASELINES, LOGS, ENCODER = Path("lake"), Path("baselines"), Path("logs"), "encoder"

WEEKS = 3
"""Weeks of which the last day was the day of a check."""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody does about the first alarm of an adapter, some days after it was raised."""

    status: AlarmStatus
    days: int
    by: str
    why: str


SETTLED = {
    "ledger": Settled(status="resolved", days=4, by="mira", why="one client sent sums; they say that it is mended"),
    "grammar": Settled(
        status="acknowledged", days=2, by="jon", why="chants come to the wrong name; routing is mended on Friday"
    ),
}
"""The ledger's alarm is raised again, for nothing was mended, and stays open."""


def make_baselines(month: Month) -> None:
    """Make a baseline of every adapter that is served, the evening before its traffic begins."""
    with at(month.ago(31)):
        for name in SERVED:
            baseline(
                Path("adapters") / name,
                Path("data") / f"{name}_train.jsonl",
                BASELINES / name,
                encoder=ENCODER,
                keep_text=True,
            )


def live_through(source: Path, month: Month, progress: Callable[[int, int], None]) -> None:
    """Take in a day's log, look at it, and act on alarms, day by day; check at the end of every week."""
    LOGS.mkdir()
    days = write_logs(source / "traffic" / "requests.jsonl.gz", LOGS, month)
    waiting = dict(SETTLED)
    for number, day in enumerate(days, 1):
        with at(month.evening(day)):
            ingest([LOGS / f"{day}.jsonl"], LAKE, encoder=ENCODER, keep_text=True, base_models=["base"])
            seen = watch(LAKE, [BASELINES])
            _settle(waiting, month.evening(day))
            left = len(days) - number
            if left % 7 == 0 and left <= 7 * WEEKS:
                _look(seen, day)
        progress(number, len(days))


def _settle(waiting: dict[str, Settled], evening: datetime) -> None:
    for alarm in alarms(LAKE):
        one = waiting.get(alarm.adapter)
        if one is not None and evening - _raised(alarm) >= timedelta(days=one.days):
            settle_alarm(alarm.id, one.status, by=one.by, why=one.why, lake=LAKE)
            del waiting[alarm.adapter]


def _raised(alarm: WatchAlarm) -> datetime:
    return datetime.fromisoformat(alarm.raised)


def _look(seen: Sequence[Report], day: str) -> None:
    """Keep what the watch knows, and check the week that ends with this day."""
    keep("watch", seen)
    end = datetime.fromisoformat(day) + timedelta(days=1)
    keep("drift-week", drift_check(LAKE, [BASELINES], window="7d", until=f"{end:%Y-%m-%d}", show_text=True))


def check_days(month: Month) -> None:
    """Check every day of the month by itself."""
    with at(month.today):
        keep("drift-days", drift_check(LAKE, [BASELINES], last=None, show_text=True))
