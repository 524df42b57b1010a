"""Traffic under watch: once, or for ever."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import TIMEOUT_MAX, Event
from typing import TYPE_CHECKING

from loradiag.api.beside import Stages, silent
from loradiag.api.judging import default_policy, judged
from loradiag.api.places import all_here, here, named, origins
from loradiag.core.errors import LoradiagError, UsageError
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Policy
from loradiag.core.report import Accounting, Report, Subject
from loradiag.core.text import printable
from loradiag.storage.urls import is_remote, shown

if TYPE_CHECKING:
    from loradiag.core.watching import Watch, WatchTotals
    from loradiag.watching.watcher import News, Watcher

STATE = "_state/watch.sqlite"
"""Where in a lake the watch remembers what it has counted, unless it is told otherwise."""

Told = Callable[["WatchTotals", "list[Watch]", "News"], None]


def watch(
    lake: str | Path,
    baselines: Sequence[str | Path],
    *,
    state: str | Path | None = None,
    alpha: float = 0.05,
    tolerance: float | None = None,
    policy: Policy | None = None,
    progress: Stages | None = None,
) -> list[Report]:
    """Count what is new in a lake, bet on it, and report where evidence of drift is enough.

    What was counted is remembered: called again, it goes on where it stopped. The chance that it ever alarms without drift,
    for any adapter and however often it is called, is at most ``alpha``.

    Args:
        lake: What ``traffic ingest`` wrote.
        baselines: Directories of baselines, or directories that hold some: their adapters are watched.
        state: The file of what was counted; ``_state/watch.sqlite`` in the lake if None.
        alpha: The budget of false alarms over all time; it cannot be changed later.
        tolerance: Cohen's w of a change in the mix of topics that is no drift; 0.2 if None.
        policy: What to judge by; the default policy if None.
        progress: Told what is counted, the files that are done, and their number.

    Returns:
        A report an adapter.

    Raises:
        InputError: Lake, baselines or state cannot be read.
        MissingExtraError: A package of the drift extra is not installed.
        UsageError: An option makes no sense, or another watch is at work on the state.
    """
    from loradiag.watching.telling import adapters_of

    judge_by = policy or default_policy()
    stages = progress or silent
    with _watcher(lake, baselines, state, alpha, tolerance, judge_by, stages) as watcher:
        watcher.poll(lambda done, total: stages("lake", done, total))
        return [_report(one, watcher, judge_by) for one in adapters_of(watcher)]


def keep_watching(
    lake: str | Path,
    baselines: Sequence[str | Path],
    told: Told,
    *,
    stop: Event,
    state: str | Path | None = None,
    alpha: float = 0.05,
    tolerance: float | None = None,
    every: float = 10.0,
    policy: Policy | None = None,
    failed: Callable[[str], None] | None = None,
) -> None:
    """Do as :func:`watch` does, again and again.

    A poll that fails (a disk that is full, a lake that cannot be reached) is told of and tried again; what was counted by then
    is remembered.

    Args:
        lake: As of :func:`watch`.
        baselines: The same; looked up again at every poll.
        told: Called after every poll, with what is known then.
        stop: Set from elsewhere to end it, after the poll that is at work.
        state: As of :func:`watch`.
        alpha: The same.
        tolerance: The same.
        every: Seconds from the beginning of one poll to that of the next.
        policy: The same.
        failed: Called after a poll that failed, with the reason.

    Raises:
        InputError: Lake, baselines or state cannot be read at the start.
        MissingExtraError: A package of the drift extra is not installed.
        UsageError: An option makes no sense, or another watch is at work on the state.
    """
    from loradiag.watching.telling import adapters_of, totals_of

    if not 0 < every <= TIMEOUT_MAX:
        raise UsageError("every: seconds above 0, such as 10")
    with _watcher(lake, baselines, state, alpha, tolerance, policy or default_policy(), silent) as watcher:
        while not stop.is_set():
            began = time.monotonic()
            try:
                all_here([lake, *baselines])
                news = watcher.poll()
                told(totals_of(watcher.totals), adapters_of(watcher), news)
            except (LoradiagError, OSError, sqlite3.Error) as error:
                (failed or _ignore)(printable(str(error)))
            stop.wait(max(0.0, every - (time.monotonic() - began)))


def _ignore(_: str) -> None:
    """Nobody wants to know."""


@contextmanager
def _watcher(
    lake: str | Path,
    baselines: Sequence[str | Path],
    state: str | Path | None,
    alpha: float,
    tolerance: float | None,
    policy: Policy,
    stages: Stages,
) -> Iterator[Watcher]:
    from loradiag.analyzers.drift.wanted import TOLERANCE
    from loradiag.traffic.files import check_lake
    from loradiag.watching.state import State
    from loradiag.watching.watcher import Plan, Watcher

    if not 0 < alpha < 1:
        raise UsageError("alpha: a chance between 0 and 1, such as 0.05")
    if tolerance is not None and not 0 <= tolerance < 1:
        raise UsageError("tolerance: Cohen's w from 0 to 1, such as 0.2")
    if not baselines:
        raise UsageError("name a baseline: --baseline DIR, made by 'loradiag drift baseline'")
    remembered = state_path(lake, state)
    place = here(lake, stages)
    check_lake(place)
    plan = Plan(
        lake=place,
        baselines=all_here(baselines, stages),
        alpha=alpha,
        tolerance=TOLERANCE if tolerance is None else tolerance,
        least_share=policy.thresholds["LD801"]["least_share"],
        called=partial(named, urls=origins([lake, *baselines])),
    )
    opened = State(remembered)
    try:
        with opened.watching():
            yield Watcher(plan, opened)
    finally:
        opened.close()


def state_path(lake: str | Path | None, state: str | Path | None) -> Path:
    """Return where a watch remembers what it has counted.

    Raises:
        UsageError: Neither is given, or the lake lies behind a URL: what is changed often must lie on this machine.
    """
    if state is not None:
        return Path(state)
    if lake is None:
        raise UsageError("name the lake that is watched (--lake DIR), or the state of the watch (--state FILE)")
    if is_remote(lake):
        raise UsageError(
            f"{shown(lake)}: say where on this machine the watch remembers what it has counted: --state FILE"
        )
    return Path(lake) / STATE


def _report(found: Watch, watcher: Watcher, policy: Policy) -> Report:
    known = watcher.baselines.known.get(found.adapter)
    sha256 = known.manifest.adapter.sha256 if known else ""
    return judged(Subject(path=found.adapter, sha256=sha256 or None), Measurements(watch=found), Accounting(), policy)
