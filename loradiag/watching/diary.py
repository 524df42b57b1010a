"""The watch day by day of requests: how many came, how many of them were novel, and what the evidence was then.

Counts are written in the transactions that count, and evidence in those that decide, so that a kill loses and doubles nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.core.watching import WatchDay
from loradiag.statistics.shares import share_intervals
from loradiag.traffic.schema import DAY, date_of
from loradiag.watching.alarms import line_of
from loradiag.watching.episodes import Episode, Evidence, plain, together
from loradiag.watching.state import State

KEPT = 400
"""Days that are remembered, as many as of answers."""

_ADD = (
    "INSERT INTO diary (adapter, day, requests, counted, novel, topics, baseline, slot, line, undecided) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, "
    "counted = counted + excluded.counted, novel = novel + excluded.novel, topics = excluded.topics, "
    "baseline = excluded.baseline, undecided = 1"
)
_DECIDE = "UPDATE diary SET slot = ?, line = ?, log_e = ?, signals = ?, undecided = 0 WHERE adapter = ? AND day = ?"
_READ = "SELECT adapter, day, requests, counted, novel, topics, slot, line, log_e, signals FROM diary"

_ORDER = " ORDER BY +adapter, day"
"""The sign keeps SQLite from walking through an index of all adapters for the sake of the order, where few days are wanted."""

_TOPICS = msgspec.msgpack.Decoder(list[int])
_SIGNALS = msgspec.msgpack.Decoder(dict[str, float])


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What has come of one adapter and day: how many requests are new, and of those that count which are novel, and topics."""

    episode: Episode
    day: int
    requests: int
    novel: npt.NDArray[np.bool_]
    topics: npt.NDArray[np.integer]


def add(state: State, notes: Iterable[Note], alpha: float) -> None:
    """Write what has come; undated requests are of no day. To be called within :meth:`State.change`.

    Args:
        state: The file.
        notes: Of each adapter and day one at most.
        alpha: The budget that lines are of.
    """
    for note in notes:
        if note.day < 0 or not (note.requests or note.novel.size):
            continue
        episode = note.episode
        counts = np.bincount(note.topics[~note.novel], minlength=len(episode.reference.groups)).tolist()
        topics = msgspec.msgpack.encode(_added(state, note, counts))
        told = [note.requests, note.novel.size, int(note.novel.sum()), topics, episode.baseline]
        state.database.execute(_ADD, [episode.adapter, note.day, *told, episode.slot, line_of(episode, alpha)])


def _added(state: State, note: Note, counts: list[int]) -> list[int]:
    """Topics of a day, with those that were counted before; another baseline's are others, and are forgotten."""
    key = [note.episode.adapter, note.day, note.episode.baseline]
    before = state.database.execute(
        "SELECT topics FROM diary WHERE adapter = ? AND day = ? AND baseline = ?", key
    ).fetchone()
    if before is None:
        return counts
    return [sum(pair) for pair in zip(_TOPICS.decode(before[0]), counts, strict=True)]


def undecided(state: State) -> set[str]:
    """Return the days with requests of which nothing was decided since they were counted: a kill lay between."""
    rows = state.database.execute("SELECT DISTINCT day FROM diary WHERE undecided = 1")
    return {date_of(day * DAY) for (day,) in rows}


def decide(state: State, episodes: Sequence[Episode], evidence: Sequence[Sequence[Evidence]], alpha: float) -> None:
    """Write the evidence as it is after a decision, to the days that had requests since the last.

    To be called within :meth:`State.change`.

    Args:
        state: The file.
        episodes: Of all adapters.
        evidence: The signals of each.
        alpha: The budget that lines are of.
    """
    rows = state.database.execute("SELECT adapter, day FROM diary WHERE undecided = 1").fetchall()
    waiting = {name for name, _ in rows}
    told: dict[str, list[object]] = {
        episode.adapter: [
            episode.slot,
            line_of(episode, alpha),
            together(found),
            msgspec.msgpack.encode({row.signal: plain(row.log_e) for row in found}),
        ]
        for episode, found in zip(episodes, evidence, strict=True)
        if episode.adapter in waiting
    }
    state.database.executemany(_DECIDE, [[*told[name], name, day] for name, day in rows])


def forget_days(state: State, before: int) -> None:
    """Forget days before one, which is counted since 1970. To be called within :meth:`State.change`."""
    state.database.execute("DELETE FROM diary WHERE day < ?", [before])


def days(state: State, *, adapter: str | None = None, since: int | None = None) -> list[WatchDay]:
    """Return the days of adapters, by name and day; none of a state that an older loradiag has written.

    Args:
        state: The file; it may be open for reading alone.
        adapter: Of which alone; of all if None.
        since: The first day, since 1970; all if None.

    Raises:
        InputError: Nobody has begun to watch, or the state is damaged.
    """
    wanted = {"adapter = ?": adapter, "day >= ?": since}
    given = {part: value for part, value in wanted.items() if value is not None}
    where = f" WHERE {' AND '.join(given)}" if given else ""
    with state.reading():
        state.begun()
        if not _is_kept(state):
            return []
        rows = state.database.execute(f"{_READ}{where}{_ORDER}", [*given.values()]).fetchall()
        return _told(rows)


def _is_kept(state: State) -> bool:
    """Whether days are remembered: a reader adds no table to what an older loradiag has written."""
    found = state.database.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'diary'")
    return found.fetchone() is not None


def _told(rows: Sequence[Sequence[Any]]) -> list[WatchDay]:
    counted, novel = (np.array([row[place] for row in rows], dtype=np.int64) for place in (3, 4))
    some = counted > 0
    lows, highs = np.zeros(counted.size), np.zeros(counted.size)
    lows[some], highs[some] = share_intervals(novel[some], counted[some])
    dates = {day: date_of(day * DAY) for day in {row[1] for row in rows}}
    return [_day(row, dates[row[1]], *bounds) for row, *bounds in zip(rows, lows.tolist(), highs.tolist(), strict=True)]


def _day(row: Sequence[Any], date: str, low: float, high: float) -> WatchDay:
    adapter, _, requests, counted, novel, topics, slot, line, log_e, signals = row
    return WatchDay(
        adapter=adapter,
        day=date,
        requests=requests,
        counted=counted,
        novel=novel,
        novelty_share=novel / counted if counted else None,
        novelty_low=low if counted else None,
        novelty_high=high if counted else None,
        topics=_TOPICS.decode(topics),
        e_value=None if log_e is None else plain(log_e),
        line=line,
        signals={} if signals is None else _SIGNALS.decode(signals),
        slot=slot,
    )
