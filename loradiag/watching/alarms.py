"""Alarms: raised where evidence is enough, resolved where it is calm again, acknowledged by people."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from loradiag.core.errors import InputError
from loradiag.core.text import printable, shorten
from loradiag.core.times import now
from loradiag.core.watching import AlarmStatus, WatchAlarm
from loradiag.statistics.budget import discoveries
from loradiag.watching.episodes import RECENT, Episode, Evidence, is_calm, plain, strongest, together
from loradiag.watching.state import State

_COLUMNS = tuple(WatchAlarm.__struct_fields__)
_NAMED = 200
"""Characters of a name, or of a reason, that are kept."""


def raised(episodes: Sequence[Episode], evidence: Sequence[Sequence[Evidence]], alpha: float) -> list[int]:
    """Return which adapters alarm now, by their places: those whose evidence is enough, and that have no open alarm.

    e-BH lets many adapters alarm of which none reaches its own line. What is promised over all time needs one that does: each
    ever reaches its line with a chance of at most its part of alpha, whatever adapters have to do with each other. For the sum
    of evidence that does not hold, since ranks and bets know different things of the past (Choe and Ramdas, "Combining evidence
    across filtrations", 2024).

    Args:
        episodes: Of all adapters.
        evidence: The signals of each; none of one that has seen nothing.
        alpha: The budget.
    """
    logs = np.array([together(rows) if rows else 0.0 for rows in evidence])
    weights = np.array([episode.weight for episode in episodes])
    if float((logs + np.log(weights)).max(initial=-np.inf)) < -np.log(alpha):
        return []
    found = discoveries(logs, weights, alpha)
    return [place for place in np.flatnonzero(found).tolist() if episodes[place].alarm is None and evidence[place]]


def line_of(episode: Episode, alpha: float) -> float:
    """Return the e-value that an adapter must reach to alarm by itself."""
    return 1.0 / (alpha * episode.weight)


def is_over(episode: Episode, evidence: Sequence[Evidence]) -> bool:
    """Whether an open alarm's drift is gone: for as many requests as are called recent, and to the eye."""
    return episode.requests - episode.requests_then >= RECENT and is_calm(evidence)


def raise_alarm(state: State, episode: Episode, evidence: Sequence[Evidence], alpha: float) -> WatchAlarm:
    """Write an alarm, and a notice of it that is to be sent. To be called within :meth:`State.change`."""
    worst = strongest(evidence)
    values: dict[str, Any] = {
        "adapter": episode.adapter,
        "signal": worst.signal,
        "raised": now(),
        "e_value": plain(together(evidence)),
        "line": line_of(episode, alpha),
        "requests": episode.counted,
        "message": message(worst) + _until(episode),
        "status": "open",
    }
    marks = ", ".join("?" * len(values))
    cursor = state.database.execute(
        f"INSERT INTO alarms ({', '.join(values)}) VALUES ({marks})",  # noqa: S608 - of the names above
        [*values.values()],
    )
    number = int(cursor.lastrowid or 0)
    _notify(state, number, resolved=False)
    return WatchAlarm(id=number, **values)


def _until(episode: Episode) -> str:
    """Of which time the requests are, which is not that of their being counted where a lake is looked at for the first time."""
    if episode.seen is None:
        return ""
    return f", by requests up to {datetime.fromtimestamp(episode.seen / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}"


def message(signal: Evidence) -> str:
    """What a signal shows, in words and numbers; nothing of a request."""
    recent, tolerated = signal.recent or 0.0, signal.tolerated
    if signal.signal in ("novelty", "strangeness"):
        return (
            f"{recent:.1%} of recent requests are unlike the baseline, where {signal.expected or 0:.1%} are expected and "
            f"{tolerated:.1%} tolerated"
        )
    if signal.signal == "mix":
        return f"the mix of topics has changed: Cohen's w {recent:.2f} of late, {tolerated:.2f} tolerated"
    return f"{signal.signal.replace('_', ' ')} of answers has moved by {recent:+.3g} of late, {tolerated:.3g} tolerated"


def alarms(state: State, *, statuses: Sequence[AlarmStatus] = ("open", "acknowledged")) -> list[WatchAlarm]:
    """Return alarms, the newest first.

    Raises:
        InputError: The state is damaged.
    """
    marks = ", ".join("?" * len(statuses))
    query = f"SELECT {', '.join(_COLUMNS)} FROM alarms WHERE status IN ({marks}) ORDER BY id DESC"  # noqa: S608 - of constants
    with state.explained():
        return [_alarm(row) for row in state.database.execute(query, [*statuses])]


def alarm_of(state: State, number: int) -> WatchAlarm:
    """Return one alarm.

    Raises:
        InputError: There is no such alarm, or the state is damaged.
    """
    query = f"SELECT {', '.join(_COLUMNS)} FROM alarms WHERE id = ?"  # noqa: S608 - of constants
    with state.explained():
        row = state.database.execute(query, [number]).fetchone()
        if row is None:
            raise InputError(state.path, f"has no alarm {number}", "'loradiag drift alarms' lists them", "missing")
        return _alarm(row)


def _alarm(row: Sequence[Any]) -> WatchAlarm:
    return msgspec.convert(dict(zip(_COLUMNS, row, strict=True)), WatchAlarm)


def change_alarm(state: State, number: int, status: AlarmStatus, by: str, why: str) -> WatchAlarm:
    """Acknowledge or resolve an alarm; of a resolved one the watcher begins to watch its adapter anew.

    Who came first stays: an alarm is acknowledged once and resolved once, however many try at the same moment.

    Args:
        state: The file, open for writing.
        number: The alarm's.
        status: What becomes of it.
        by: Who says so.
        why: The reason.

    Raises:
        InputError: There is no such alarm, somebody has acknowledged it before, or it is resolved; or the state is damaged.
        UsageError: The state cannot be written.
    """
    with state.explained(), state.change():
        before = alarm_of(state, number)
        if before.status in (status, "resolved"):
            raise _refusal(state, before)
        settle(state, number, status, by, why)
        return alarm_of(state, number)


def _refusal(state: State, alarm: WatchAlarm) -> InputError:
    """Why an alarm is not settled again, with who was first."""
    why = f": {printable(alarm.why)}" if alarm.why else ""
    said = f"alarm {alarm.id} is {alarm.status} already, by {printable(alarm.by or 'the watch itself')}{why}"
    remedy = "it needs no more attention" if alarm.status == "resolved" else "resolve it when it is over"
    return InputError(state.path, said, remedy)


def settle(state: State, number: int, status: AlarmStatus, by: str | None, why: str | None) -> None:
    """Write what becomes of an alarm. To be called within :meth:`State.change`."""
    told = [None if word is None else shorten(printable(word), _NAMED) for word in (by, why)]
    state.database.execute(
        "UPDATE alarms SET status = ?, changed = ?, by = ?, why = ? WHERE id = ?", [status, now(), *told, number]
    )
    if status == "resolved":
        _notify(state, number, resolved=True)


def _notify(state: State, number: int, *, resolved: bool) -> None:
    state.database.execute(
        "INSERT INTO notices (alarm, resolved, tries, due) VALUES (?, ?, 0, ?)", [number, int(resolved), time.time()]
    )
