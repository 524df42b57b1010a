"""An hour of a dashboard in fast motion: readers who stay, reports and requests that come, and the memory of the server."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.browsing import Reader, browser
from benchmarks.dashboards import Server, dashboard
from benchmarks.making_lake import START
from benchmarks.making_team import told
from benchmarks.making_watch import look_again
from benchmarks.tables import markdown, met
from benchmarks.teams import Team
from loradiag.core.report import decode, encode
from loradiag.storage.writing import write_whole
from loradiag.traffic.request import Request
from loradiag.traffic.rows import row_of
from loradiag.traffic.schema import DAY
from loradiag.traffic.writing import write_new

REFRESHES, NEW = 720, 60
"""Of an hour at the dashboard's own pace: looks at the files, and reports and files of the lake that come."""

READERS = 3
AFRESH = 25
"""After so many turns of all a reader opens a page anew, as after lunch: a session more, and one that is left."""

PAUSE = 0.5
MEMORY = 1000.0
_REQUESTS = 500
_LAST_DAY = 29

_ROUNDS = (
    (("Adapter", "adapter"), ("Fleet", ""), ("Merge", "merge")),
    (("Traffic", "traffic"), ("Alarms", "alarms"), ("Registry", "registry")),
    (("Compare", "compare"), ("Forgetting", "forgetting"), ("Fleet", ""), ("Serving", "serving")),
)
"""What each reader turns to, again and again."""


def live_an_hour(team: Team, program: Path, minutes: float) -> str:
    """Return what an hour was like, as tables."""
    with _copied(team) as own, browser() as opened:
        every = max(minutes * 60 / REFRESHES, 1.0)
        with dashboard(program, own, own.folder / "cache", every=every) as server:
            readers = [Reader(opened, server.url) for _ in range(READERS)]
            for reader in readers:
                reader.open()
            hour = _Hour(server, own, readers)
            hour.live(minutes * 60)
            for reader in readers:
                reader.close()
            return hour.told()


@dataclasses.dataclass
class _Hour:
    server: Server
    team: Team
    readers: Sequence[Reader]
    memory: list[tuple[float, float]] = dataclasses.field(default_factory=list)
    turned: dict[str, list[float]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    came: int = 0
    threads: int = 0
    share: float = 0.0

    def live(self, seconds: float) -> None:
        """Turn pages and let things come, until the hour is over."""
        began, number = time.monotonic(), 0
        busy = self.server.busy()
        while (now := time.monotonic() - began) < seconds:
            while self.came < NEW * now / seconds:
                self._come()
            self._turn(number)
            self.memory.append((now / seconds, self.server.memory()))
            number += 1
            time.sleep(PAUSE)
        self.threads = self.server.threads()
        self.share = (self.server.busy() - busy) / seconds

    def _come(self) -> None:
        _new_report(self.team, self.came)
        _new_requests(self.team, self.came)
        look_again(self.team.state)
        self.came += 1

    def _turn(self, number: int) -> None:
        reader, places = self.readers[number % READERS], _ROUNDS[number % READERS]
        title, place = places[number // READERS % len(places)]
        if number % AFRESH == AFRESH - 1:
            self.turned["any page, opened anew"].append(reader.open(place))
            return
        if reader.page.url.rpartition("/")[2].partition("?")[0] == place:
            return
        self.turned[title].append(reader.turn(title, place))

    def told(self) -> str:
        """The hour as tables."""
        values = [value for _, value in self.memory]
        half = [row for row in self.memory if row[0] >= 0.5]
        slope = float(np.polyfit(*zip(*half, strict=True), 1)[0])
        rows = [
            ("at the start", f"{values[0]:.0f} MB"),
            ("in the middle", f"{half[0][1]:.0f} MB"),
            ("at the end", f"{values[-1]:.0f} MB"),
            ("at most", f"{self.server.peak():.0f} MB"),
            ("slope of the second half", f"{slope:+.0f} MB an hour"),
            ("threads", f"{self.threads}"),
            ("share of a core", f"{self.share:.2f}"),
            ("reports, and files of the lake, that came", f"{self.came}"),
            ("pages turned", f"{sum(map(len, self.turned.values()))}"),
        ]
        turned = [
            (title, f"{len(times)}", f"{statistics.median(times):.2f} s", f"{max(times):.2f} s")
            for title, times in self.turned.items()
        ]
        return "\n\n".join(
            [
                markdown(("an hour of refreshes", ""), rows),
                markdown(("turned to meanwhile", "times", "median", "slowest"), turned),
                met("memory", self.server.peak(), MEMORY, " MB"),
            ]
        )


@contextlib.contextmanager
def _copied(team: Team) -> Iterator[Team]:
    """The same team in a folder of its own, in links: what comes in this hour is gone after it."""
    folder = team.folder / "hour"
    shutil.rmtree(folder, ignore_errors=True)
    own = Team(folder, folder / "lake", team.names)
    try:
        shutil.copytree(team.lake, own.lake, copy_function=os.link)
        shutil.copytree(team.reports, own.reports, copy_function=os.link)
        shutil.copy(team.state, own.state)
        shutil.copy(team.registry, own.registry)
        yield own
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _new_report(team: Team, number: int) -> None:
    """Another inspection, merge or check of an adapter, made later."""
    pattern = ("inspect", "merge-drift", "forgetting")[number % 3]
    like = sorted(team.reports.glob(f"*-{pattern}-*.json"))[0]
    name = team.names[7 * number % len(team.names)]
    report = told(decode(like.read_bytes(), str(like))[0], name, 7 * number % len(team.names), days=29)
    write_whole(team.reports / f"{report.created[:10]}-{pattern}-again-{number}.json", encode(report))


def _new_requests(team: Team, number: int) -> None:
    """Requests of one adapter on the last day of the lake."""
    name = team.names[number % len(team.names)]
    start = START + _LAST_DAY * DAY
    rows = [
        row_of(Request(id=f"hour-{number}-{row}", adapter=name, time=start + row), "hour", keep_text=False)
        for row in range(_REQUESTS)
    ]
    write_new(team.lake, rows)
