"""What the watcher knows, as reports and metrics say it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from loradiag.analyzers.drift.windows import stamp
from loradiag.core.text import printable
from loradiag.core.watching import Watch, WatchAlarm, WatchSignal, WatchTotals
from loradiag.statistics.budget import left_of
from loradiag.watching.adapters import Episode, plain, signals, together
from loradiag.watching.alarms import alarms, line_of
from loradiag.watching.answers import WATCHED
from loradiag.watching.references import CALIBRATION
from loradiag.watching.watcher import Watcher


def adapters_of(watcher: Watcher) -> list[Watch]:
    """Return every adapter under watch, by name, with its alarms that are not over."""
    own: dict[str, list[WatchAlarm]] = {}
    for alarm in alarms(watcher.state):
        own.setdefault(alarm.adapter, []).append(alarm)
    return [_watch(watcher, episode, own.get(name, [])) for name, episode in sorted(watcher.episodes.items())]


def _watch(watcher: Watcher, episode: Episode, own: Sequence[WatchAlarm]) -> Watch:
    found = signals(episode)
    known = watcher.baselines.known.get(episode.adapter)
    bets = watcher.plan.alpha * (1 - CALIBRATION)
    return Watch(
        adapter=episode.adapter,
        lake=printable(str(watcher.plan.lake)),
        baseline=None if known is None else printable(str(known.path)),
        since=stamp(episode.since),
        seen=stamp(episode.seen),
        requests=episode.requests,
        counted=episode.counted,
        alpha=watcher.plan.alpha,
        share=episode.weight,
        e_value=plain(together(found)),
        line=line_of(episode, bets),
        signals=[
            WatchSignal(
                signal=row.signal,
                unit="days" if row.signal in WATCHED else "requests",
                n=row.n,
                e_value=plain(row.log_e),
                peak=plain(row.peak),
                line=line_of(episode, bets) / row.weight,
                recent=row.recent,
                expected=row.expected,
                tolerated=row.tolerated,
            )
            for row in found
        ],
        alarms=[*own],
    )


def totals_of(watcher: Watcher) -> WatchTotals:
    """Return the watch as a whole."""
    told = watcher.totals
    return WatchTotals(
        started=told.started,
        polled=told.polled,
        seconds=told.seconds,
        behind=told.behind,
        polls=told.polls,
        requests=told.requests,
        unattributed=told.unattributed,
        unwatched=told.unwatched,
        late=told.late,
        flawed_files=len(watcher.flawed),
        alpha=told.alpha,
        budget_left=left_of(told.slots, max(told.first, 1)),
    )


def seconds_of(moment: str) -> float:
    """Return a moment as reports write it, in seconds since 1970."""
    return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
