"""What a watch knows, as reports, metrics and those who only look have it told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from loradiag.analyzers.drift.windows import stamp
from loradiag.core.times import own_moment
from loradiag.core.watching import Watch, WatchAlarm, WatchSignal, WatchSnapshot, WatchTotals
from loradiag.statistics.budget import left_of
from loradiag.watching.alarms import alarms, line_of
from loradiag.watching.answers import WATCHED
from loradiag.watching.episodes import Episode, plain, signals, together
from loradiag.watching.references import CALIBRATION
from loradiag.watching.state import State, Totals
from loradiag.watching.watcher import Watcher


def adapters_of(watcher: Watcher) -> list[Watch]:
    """Return every adapter under watch, by name, with its alarms that are not over."""
    return _watches(watcher.episodes, alarms(watcher.state), watcher.totals, watcher.totals.lake or "")


def snapshot(state: State, lake: str | None = None) -> WatchSnapshot:
    """Return what a state knows, whoever watches meanwhile.

    Args:
        state: The file; it may be open for reading alone.
        lake: What the lake is called; as the state says if None.

    Raises:
        InputError: Nobody has begun to watch, or the state is damaged.
    """
    with state.reading():
        totals, episodes, found = state.begun(), state.episodes(), alarms(state)
        adapters = _watches(episodes, found, totals, lake or totals.lake or "")
        return WatchSnapshot(totals=totals_of(totals), adapters=adapters)


def _watches(episodes: Mapping[str, Episode], found: Iterable[WatchAlarm], totals: Totals, lake: str) -> list[Watch]:
    own: dict[str, list[WatchAlarm]] = {}
    for alarm in found:
        own.setdefault(alarm.adapter, []).append(alarm)
    return [_watch(episode, own.get(name, []), totals.alpha, lake) for name, episode in sorted(episodes.items())]


def _watch(episode: Episode, own: Sequence[WatchAlarm], alpha: float, lake: str) -> Watch:
    found = signals(episode)
    line = line_of(episode, alpha * (1 - CALIBRATION))
    return Watch(
        adapter=episode.adapter,
        lake=lake,
        baseline=episode.folder,
        since=stamp(episode.since),
        seen=stamp(episode.seen),
        requests=episode.requests,
        counted=episode.counted,
        alpha=alpha,
        share=episode.weight,
        e_value=plain(together(found)),
        line=line,
        signals=[
            WatchSignal(
                signal=row.signal,
                unit="days" if row.signal in WATCHED else "requests",
                n=row.n,
                e_value=plain(row.log_e),
                peak=plain(row.peak),
                line=line / row.weight,
                recent=row.recent,
                expected=row.expected,
                tolerated=row.tolerated,
            )
            for row in found
        ],
        alarms=[*own],
    )


def totals_of(told: Totals) -> WatchTotals:
    """Return the watch as a whole."""
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
        flawed_files=told.flawed,
        alpha=told.alpha,
        budget_left=left_of(told.slots, max(told.first, 1)),
    )


def seconds_of(moment: str) -> float:
    """Return a moment as reports write it, in seconds since 1970."""
    return own_moment(moment).timestamp()
