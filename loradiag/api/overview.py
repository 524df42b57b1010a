"""An overview: what reports, watch and traffic know of every adapter, kept up to date. What the dashboard reads."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loradiag.api.alarming import alarms, settle_alarm, watch_days, watched
from loradiag.api.beside import Stages, silent
from loradiag.api.places import here
from loradiag.api.watching import state_path
from loradiag.core.errors import InputError, LoradiagError, UsageError
from loradiag.core.text import printable
from loradiag.core.times import written
from loradiag.storage.files import unreadable
from loradiag.storage.urls import is_remote, shown

if TYPE_CHECKING:
    from loradiag.core.report import Report
    from loradiag.core.watching import AlarmStatus, WatchAlarm, WatchDay, WatchSnapshot
    from loradiag.overview.cards import Card
    from loradiag.overview.days import TrafficReader
    from loradiag.overview.roster import Requests, Row

RECENT_DAYS, SHOWN_DAYS = 7, 30
"""Days of the lake that count as recent, and those whose volume a row has."""


def open_overview(
    reports: str | Path | None = None,
    traffic: str | Path | None = None,
    *,
    state: str | Path | None = None,
    progress: Stages | None = None,
) -> Overview:
    """Open an overview and bring it up to date.

    Args:
        reports: A folder of reports in JSON, searched through.
        traffic: A lake, or its URL.
        state: The state of its watch, where it is not in the lake.
        progress: Told what is read, how much of it is done, and how much there is.

    Raises:
        InputError: There is no such folder, or no such lake.
        MissingExtraError: A lake needs the drift extra.
        UsageError: Neither is named.
    """
    if reports is None and traffic is None:
        raise UsageError("name a folder of reports or a lake: --reports DIR, --traffic LAKE")
    found = Overview(reports, traffic, state=state)
    found.refresh(progress)
    return found


class Overview:
    """What is known of every adapter. Many threads may read it while one refreshes.

    What cannot be read while it is open (a lake that is unreachable, a torn file) is named in ``troubles`` and costs no more
    than itself.

    Args:
        reports: As of :func:`open_overview`.
        traffic: The same.
        state: The same.

    Raises:
        InputError: There is no such folder, or no such lake.
        MissingExtraError: A lake needs the drift extra.
    """

    def __init__(
        self, reports: str | Path | None, traffic: str | Path | None, *, state: str | Path | None = None
    ) -> None:
        from loradiag.overview.shelf import Shelf
        from loradiag.storage.cache import folder

        self.shelf = (
            None if reports is None else Shelf(Path(reports), folder() / "overview" / f"{_mark(reports)}.sqlite")
        )
        if state is not None and not os.path.isfile(state):
            raise InputError(state, "holds no watch", "start one: loradiag drift watch --state FILE", "missing")
        self._lake = traffic
        self._state = state
        self._reader: TrafficReader | None = None if traffic is None else self._open(traffic)
        self._lock = threading.Lock()
        self._troubles: dict[str, str] = {}
        self._watch: WatchSnapshot | None = None
        self._rows: list[Row] = []
        self._requests: dict[str, Requests] = {}
        self.version = 0

    @staticmethod
    def _open(traffic: str | Path) -> TrafficReader:
        from loradiag.overview.days import TrafficReader
        from loradiag.traffic.files import check_lake

        place = here(traffic)
        check_lake(place)
        return TrafficReader(place, shown(traffic))

    def refresh(self, progress: Stages | None = None) -> bool:
        """Read what is new, and say whether anything is.

        Args:
            progress: As of :func:`open_overview`.
        """
        from loradiag.overview.roster import roster

        stages = progress or silent
        with self._lock:
            troubles: dict[str, str] = {}
            changed = self._look_at_reports(stages, troubles)
            changed |= self._look_at_traffic(stages, troubles)
            changed |= self._look_at_watch(troubles)
            self._troubles = troubles
            if changed or not self.version:
                watching = self._watch.adapters if self._watch else ()
                self._rows = roster(self.cards, watching, self._requests)
                self.version += 1
            return changed

    def _look_at_reports(self, stages: Stages, troubles: dict[str, str]) -> bool:
        if self.shelf is None:
            return False
        try:
            return self.shelf.refresh(lambda done, total: stages("reports", done, total))
        except InputError as error:  # a disk that is gone for a moment must not make all adapters unknown
            troubles[error.path] = error.problem
            return False

    def _look_at_traffic(self, stages: Stages, troubles: dict[str, str]) -> bool:
        if self._reader is None or self._lake is None:
            return False
        try:
            here(self._lake)
            changed = self._reader.refresh(lambda done, total: stages("traffic", done, total))
        except (LoradiagError, OSError) as error:
            troubles[printable(str(shown(self._lake)))] = printable(str(error))
            return False
        if changed or not self._requests:
            self._requests = _requests(self._reader.table().to_pylist())
        return changed

    def _look_at_watch(self, troubles: dict[str, str]) -> bool:
        try:
            if not self._has_watch():
                ended, self._watch = self._watch is not None, None
                return ended
            found = watched(self._lake, state=self._state)
        except LoradiagError as error:
            troubles["watch"] = printable(str(error))
            return False
        changed = found != self._watch
        self._watch = found
        return changed

    @property
    def troubles(self) -> dict[str, str]:
        """What could not be read, with the reason; both safe to show."""
        flawed = dict(self.shelf.flawed) if self.shelf else {}
        if self._reader is not None:
            flawed |= {row.file: row.problem for row in self._reader.flawed}
        return flawed | self._troubles

    @property
    def cards(self) -> Sequence[Card]:
        """A card for each report, the newest first."""
        return self.shelf.cards if self.shelf else ()

    @property
    def rows(self) -> list[Row]:
        """Every adapter, the worst first."""
        return self._rows

    @property
    def watch(self) -> WatchSnapshot | None:
        """The watch, where there is one."""
        return self._watch

    @property
    def is_watched(self) -> bool:
        """Whether there is a watch over the lake, and it can be looked at."""
        try:
            return self._has_watch()
        except InputError:  # among the troubles
            return False

    def _has_watch(self) -> bool:
        if self._state is None and (self._lake is None or is_remote(self._lake)):
            return False
        path = state_path(self._lake, self._state)
        try:
            return stat.S_ISREG(path.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise unreadable(path, error) from error

    @property
    def has_traffic(self) -> bool:
        """Whether there is a lake."""
        return self._reader is not None

    @property
    def newest_request(self) -> datetime | None:
        """The time of the lake's last request."""
        return self._reader.newest if self._reader else None

    def report(self, card: Card) -> Report:
        """Read a report.

        Raises:
            InputError: It is gone.
        """
        if self.shelf is None:
            raise InputError(card.file, "lies in no folder of reports")
        return self.shelf.report(card)

    def traffic_by_day(self) -> Any:
        """Return the aggregates of :class:`loradiag.overview.days.TrafficReader` as an Arrow table; None without a lake."""
        return None if self._reader is None else self._reader.table()

    def traffic_by_hour(self, adapter: str, since: datetime, until: datetime) -> Any:
        """Return an adapter's requests by hour as an Arrow table.

        Raises:
            InputError: There is no lake, or it cannot be read.
        """
        if self._reader is None:
            raise InputError("traffic", "no lake was named", "start with --traffic LAKE")
        return self._reader.by_hour(adapter, since, until)

    def days(self, adapter: str) -> list[WatchDay]:
        """Return what the watch noted of an adapter day by day; nothing where there is no watch."""
        return watch_days(self._lake, state=self._state, adapter=adapter) if self.is_watched else []

    def alarms(self) -> list[WatchAlarm]:
        """Return all alarms of the watch, the newest first, also those that are over."""
        return alarms(self._lake, state=self._state, every=True) if self.is_watched else []

    def settle(self, number: int, status: AlarmStatus, *, by: str, why: str) -> WatchAlarm:
        """Acknowledge or resolve an alarm.

        Raises:
            InputError: There is no such alarm, or somebody has settled it so before.
            UsageError: There is no reason.
        """
        changed = settle_alarm(number, status, by=by, why=why, lake=self._lake, state=self._state)
        self.refresh()
        return changed


def _mark(path: str | Path) -> str:
    return hashlib.sha256(str(Path(path).resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _requests(rows: Sequence[Mapping[str, Any]]) -> dict[str, Requests]:
    """The traffic of every adapter, over the days that the lake has."""
    from loradiag.overview.roster import Requests

    days: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    totals: dict[str, int] = defaultdict(int)
    newest: dict[str, datetime] = {}
    for row in rows:
        name = row["adapter"]
        if name is None:
            continue
        totals[name] += row["requests"]
        if row["date"] is not None:
            days[name][row["date"]] += row["requests"]
        if row["last"] is not None:
            newest[name] = max(newest.get(name, row["last"]), row["last"])
    end = max((day for own in days.values() for day in own), default=datetime.now(UTC).date())
    shown_days = [end - timedelta(days=back) for back in range(SHOWN_DAYS - 1, -1, -1)]
    return {
        name: Requests(
            total=total,
            recent=sum(days[name].get(day, 0) for day in shown_days[-RECENT_DAYS:]),
            newest=written(newest[name]) if name in newest else None,
            daily=[days[name].get(day, 0) for day in shown_days],
        )
        for name, total in totals.items()
    }
