"""What a watch knows, told from its state alone: adapters, their days, and alarms, which are settled here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from loradiag.api.watching import state_path
from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.storage.urls import shown

if TYPE_CHECKING:
    from loradiag.core.watching import AlarmStatus, WatchAlarm, WatchDay, WatchSnapshot
    from loradiag.watching.state import State


@contextmanager
def _looked_at(lake: str | Path | None, state: str | Path | None) -> Iterator[State]:
    """The state of a watch, open for reading alone."""
    from loradiag.watching.state import State

    opened = State(state_path(lake, state), read_only=True)
    try:
        yield opened
    finally:
        opened.close()


def watched(lake: str | Path | None = None, *, state: str | Path | None = None) -> WatchSnapshot:
    """Return what a watch knows of every adapter, as :func:`watch` does, but from its state alone: nothing is written.

    Args:
        lake: The lake that is watched.
        state: The state of the watch, where it is not in the lake.

    Raises:
        InputError: There is no watch.
        UsageError: Neither lake nor state is given.
    """
    from loradiag.watching.telling import snapshot

    with _looked_at(lake, state) as opened:
        return snapshot(opened, None if lake is None else printable(shown(lake)))


def watch_days(
    lake: str | Path | None = None,
    *,
    state: str | Path | None = None,
    adapter: str | None = None,
    since: str | date | None = None,
) -> list[WatchDay]:
    """Return adapters under watch day by day, by name and day: requests, novel ones, and what the evidence was.

    Args:
        lake: The lake that is watched.
        state: The state of the watch, where it is not in the lake.
        adapter: Of which alone; of all if None.
        since: The first day, as ``2026-11-02``; all that are remembered if None.

    Returns:
        Of each adapter and day with requests one; none where only a loradiag has watched that kept no diary.

    Raises:
        InputError: There is no watch.
        UsageError: Neither lake nor state is given, or ``since`` is no day.
    """
    from loradiag.watching.diary import days

    first = None if since is None else _day(since)
    with _looked_at(lake, state) as opened:
        return days(opened, adapter=adapter, since=first)


def _day(word: str | date) -> int:
    """A day, since 1970."""
    try:
        found = date.fromisoformat(word) if isinstance(word, str) else word
    except ValueError as error:
        raise UsageError(f"since {printable(str(word))}: write a day, such as 2026-11-02") from error
    return found.toordinal() - date(1970, 1, 1).toordinal()


def alarms(lake: str | Path | None = None, *, state: str | Path | None = None, every: bool = False) -> list[WatchAlarm]:
    """Return the alarms of a watch that are not over, the newest first.

    Args:
        lake: The lake that is watched.
        state: The state of the watch, where it is not in the lake.
        every: Whether resolved ones are given too.

    Raises:
        InputError: There is no watch.
        UsageError: Neither lake nor state is given.
    """
    from loradiag.watching.alarms import alarms as found

    with _looked_at(lake, state) as opened:
        return found(opened, statuses=("open", "acknowledged", "resolved") if every else ("open", "acknowledged"))


def settle_alarm(
    number: int,
    status: AlarmStatus,
    *,
    by: str,
    why: str,
    lake: str | Path | None = None,
    state: str | Path | None = None,
) -> WatchAlarm:
    """Acknowledge or resolve an alarm. A watch may be at work meanwhile.

    Args:
        number: The alarm's.
        status: ``acknowledged``, or ``resolved``: the adapter is then watched anew, at the cost of a part of the budget.
        by: Who does so.
        why: The reason; the next reader will ask.
        lake: The lake that is watched.
        state: The state of the watch, where it is not in the lake.

    Raises:
        InputError: There is no watch, no such alarm, or somebody has settled it so before.
        UsageError: There is no reason, or neither lake nor state is given.
    """
    from loradiag.watching.alarms import change_alarm
    from loradiag.watching.state import State

    if not why.strip():
        raise UsageError("why: say in a few words why this alarm needs no more attention")
    opened = State(state_path(lake, state), create=False)
    try:
        return change_alarm(opened, number, status, by, why)
    finally:
        opened.close()
