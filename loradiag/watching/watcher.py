"""The watcher: counts what is new in a lake, and says where evidence of drift is enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import msgspec
import numpy as np

from loradiag.baselines.reading import Baseline
from loradiag.core.errors import InputError, UsageError
from loradiag.core.text import printable
from loradiag.core.times import now
from loradiag.core.watching import WatchAlarm
from loradiag.statistics.budget import weight_of
from loradiag.traffic.files import LakeFile, check_lake
from loradiag.traffic.schema import DAY
from loradiag.watching.alarms import alarm_of, is_over, raise_alarm, raised, settle
from loradiag.watching.arrivals import Arrivals, names_in, parts_of, written_at
from loradiag.watching.counting import LABELS, REMEMBERED, close_days, count_part
from loradiag.watching.diary import KEPT, decide, forget_days, undecided
from loradiag.watching.episodes import Episode, begin, signals
from loradiag.watching.known import Baselines
from loradiag.watching.references import CALIBRATION, reference_of
from loradiag.watching.remembered import forget_files, forget_requests, keep_files, known_files
from loradiag.watching.state import State, Totals

Progress = Callable[[int, int], None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be watched, and how.

    Attributes:
        lake: The folder.
        baselines: Directories of baselines, or directories that hold some.
        alpha: The chance that there is ever an alarm without drift.
        tolerance: Cohen's w of a change in the mix of topics that does not matter.
        least_share: Of novel requests, that matters.
        called: What reports call a folder: of a copy of what lies behind a URL, that.
    """

    lake: Path
    baselines: Sequence[Path]
    alpha: float = 0.05
    tolerance: float = 0.2
    least_share: float = 0.08
    called: Callable[[str], str] = str


class News(msgspec.Struct, frozen=True):
    """What a poll has found: alarms that were raised, and such that are over."""

    raised: list[WatchAlarm]
    resolved: list[WatchAlarm]


class Watcher:
    """Watches one lake with one state. Only one may be at work on a state: see :meth:`State.watching`.

    Args:
        plan: What is to be watched.
        state: What was counted before.

    Raises:
        InputError: There is no lake, no baseline, or the state is damaged.
        UsageError: The state was begun with another budget.
    """

    def __init__(self, plan: Plan, state: State) -> None:
        check_lake(plan.lake)
        self.plan, self.state = plan, state
        self.baselines = Baselines(plan.baselines)
        self.totals = self._totals()
        self.episodes = state.episodes()
        self._arrivals = Arrivals(plan.lake, known_files(state))
        self._look_for_baselines()

    @property
    def flawed(self) -> dict[str, str]:
        """Files of the lake, and baselines, that are left out, with the reason."""
        return {**self._arrivals.flawed, **self.baselines.troubles}

    def _totals(self) -> Totals:
        found = self.state.totals()
        if found is None:
            return Totals(started=now(), alpha=self.plan.alpha)
        if found.alpha != self.plan.alpha:
            raise UsageError(
                f"--alpha {self.plan.alpha:g}: {printable(str(self.state.path))} was begun with {found.alpha:g}, and what is "
                "promised for all time cannot be changed on the way; keep that, or begin anew with another --state"
            )
        return found

    def poll(self, progress: Progress | None = None) -> News:
        """Count what has come, and decide.

        Args:
            progress: Told the files that are done, and their number.

        Raises:
            InputError: The lake cannot be read, or there is no baseline.
        """
        began = time.time()
        self._look_for_baselines()
        news = self._count_new(progress)
        self.totals.polls += 1
        self.totals.flawed = len(self.flawed)
        self.totals.polled, self.totals.seconds = now(), time.time() - began
        with self.state.change():
            self.state.keep_totals(self.totals)
        return news

    def _look_for_baselines(self) -> None:
        """Begin to watch adapters whose baselines are new.

        Raises:
            InputError: There is none: a folder that is gone for a moment must not make all requests those of nobody.
        """
        self.baselines.look()
        if not self.baselines.known:
            names = ", ".join(printable(str(path)) for path in self.plan.baselines)
            trouble = next(iter(self.baselines.troubles.values()), "")
            raise InputError(
                names, f"holds no baseline {trouble}".strip(), "make one: loradiag drift baseline", "missing"
            )
        fresh = [
            name
            for name, known in self.baselines.known.items()
            if name not in self.episodes or self.episodes[name].baseline != known.sha256
        ]
        if fresh:
            self._begin(fresh)
        self.totals.lake = self._called(self.plan.lake)
        for name, episode in self.episodes.items():
            episode.folder = self._folder(name)

    def _folder(self, name: str) -> str | None:
        return self._called(self.baselines.known[name].path) if name in self.baselines.known else None

    def _called(self, folder: Path) -> str:
        return self.plan.called(printable(str(folder)))

    def _begin(self, names: Sequence[str]) -> None:
        """Begin an episode for some adapters: new capital, from what is left of the budget."""
        with self._undone_if_it_fails():
            self.totals.first = self.totals.first or len(names)
            begun = [episode for name in names if (episode := self._episode(name)) is not None]
            with self.state.change():
                for episode in begun:
                    before = self.episodes.get(episode.adapter)
                    if before is not None and before.alarm is not None:
                        self._end(before.alarm, "its baseline was made again")
                    self.episodes[episode.adapter] = episode
                self.state.keep(begun)
                self.state.keep_totals(self.totals)

    def _episode(self, name: str) -> Episode | None:
        """The next episode of an adapter; None where its baseline is damaged."""
        before, slot = self.episodes.get(name), self.totals.slots
        weight = weight_of(slot, self.totals.first)
        try:
            baseline = self.baselines.open(name)
            reference = reference_of(
                baseline.manifest.calibrated,
                baseline.scores,
                baseline.topics,
                least_share=self.plan.least_share,
                tolerance=self.plan.tolerance,
                chance=CALIBRATION * self.plan.alpha * weight,
            )
        except InputError as error:
            self.baselines.troubles[name] = str(error)
            return None
        self.totals.slots += 1
        scores = np.asarray(baseline.scores, dtype=np.float64)
        episode = begin(name, self.baselines.known[name].sha256, reference, scores, slot, weight)
        episode.requests, episode.folder = before.requests if before else 0, self._folder(name)
        return episode

    def _count_new(self, progress: Progress | None) -> News:
        """Count what has come, and decide after each day of it."""
        files, gone = self._arrivals.files()
        if gone:
            with self.state.change():
                forget_files(self.state, gone)
        news, done = News([], []), 0
        days = undecided(self.state)
        if files and days and files[0].date not in days:
            self._decide(news)  # as it would have been, had not a kill come between that day's last file and this
        for _, day in groupby(files, key=lambda file: file.date):
            for file in day:
                self._count_file(file)
                done += 1
                if progress:
                    progress(done, len(files))
            self._decide(news)
        if files:
            self.totals.behind = max(0.0, time.time() - max(written_at(file) for file in files))
            self._tidy()
        else:
            self._decide(news)
        return news

    def _count_file(self, file: LakeFile) -> None:
        """Count a file, part by part: after a kill in the middle, what was counted is known by its keys."""
        encoders = self.baselines.encoders()
        try:
            if file.rows:
                for part in parts_of(file):
                    with self._undone_if_it_fails(), self.state.change():
                        changed = count_part(part, self.state, self.totals, self._find, encoders)
                        self.state.keep(changed)
                        self.state.keep_totals(self.totals)
        except InputError as error:
            if not file.path.exists():
                return  # it was merged with others meanwhile: the next poll finds what it was merged into
            self._arrivals.put_off(file, error.problem)
            return
        names = names_in(self.plan.lake, [file])
        with self.state.change():
            keep_files(self.state, names)
        self._arrivals.count(names)

    def _find(self, name: str) -> tuple[Episode, Baseline] | None:
        if name not in self.episodes or name not in self.baselines.known:
            return None
        try:
            return self.episodes[name], self.baselines.open(name)
        except InputError as error:
            self.baselines.troubles[name] = str(error)
            return None

    @contextmanager
    def _undone_if_it_fails(self) -> Iterator[None]:
        """What is in memory must not run ahead of what was written."""
        try:
            yield
        except BaseException:
            self.episodes = self.state.episodes()
            self.totals = self.state.totals() or self.totals
            raise

    def _tidy(self) -> None:
        """Forget requests that are too old to come again."""
        newest = self.totals.newest_day
        if newest is not None:
            with self.state.change():
                forget_requests(self.state, newest - REMEMBERED, newest - LABELS)
                forget_days(self.state, newest - KEPT)

    def _decide(self, news: News) -> None:
        """Close days that are over, and see who alarms and whose alarm is over."""
        with self._undone_if_it_fails(), self.state.change():
            news.resolved.extend(self._resolve())
            episodes = list(self.episodes.values())
            latest = max(int(time.time() * 1e6), ((self.totals.newest_day or 0) + 1) * DAY - 1)
            for episode in episodes:
                close_days(episode, latest)
            evidence, bets = [signals(episode) for episode in episodes], self.plan.alpha * (1 - CALIBRATION)
            for place in raised(episodes, evidence, bets):
                alarm = raise_alarm(self.state, episodes[place], evidence[place], bets)
                episodes[place].alarm, episodes[place].requests_then = alarm.id, episodes[place].requests
                news.raised.append(alarm)
            decide(self.state, episodes, evidence, bets)
            self.state.keep(episodes)
            self.state.keep_totals(self.totals)

    def _resolve(self) -> list[WatchAlarm]:
        """End alarms of which the drift is gone, and begin anew where one has ended, by itself or by a person."""
        over, ended = [], []
        for name, episode in self.episodes.items():
            if episode.alarm is None:
                continue
            if alarm_of(self.state, episode.alarm).status == "resolved":  # by a person
                ended.append(name)
            elif is_over(episode, signals(episode)):
                over.append(self._end(episode.alarm, "recent requests are within what is tolerated again"))
                ended.append(name)
        for name in ended:
            # Where its baseline is gone, or damaged, it begins anew when there is one again.
            if name in self.baselines.known and (fresh := self._episode(name)) is not None:
                self.episodes[name] = fresh
        return over

    def _end(self, number: int, why: str) -> WatchAlarm:
        """Resolve an alarm, if nobody has done so."""
        if alarm_of(self.state, number).status != "resolved":
            settle(self.state, number, "resolved", None, why)
        return alarm_of(self.state, number)
