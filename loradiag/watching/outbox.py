"""Notices of alarms that are to be sent: they wait in the state of the watch, so that a kill loses none."""

from __future__ import annotations

from loradiag.core.text import shorten
from loradiag.watching.alarms import alarm_of
from loradiag.watching.notices import Notice
from loradiag.watching.state import State

_MOST = 100
"""Notices that are sent at a time."""


class StateOutbox:
    """The notices of a watch, as :class:`loradiag.watching.alerting.Outbox` has them.

    Args:
        state: Of the watch, opened by whoever sends: not the one that watches.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def due(self, now: float) -> list[Notice]:
        """Return notices to send at a time, in seconds since 1970, the oldest first.

        Raises:
            InputError: The state is damaged.
        """
        with self._state.explained():
            rows = self._state.database.execute(
                "SELECT id, alarm, resolved, tries FROM notices WHERE due IS NOT NULL AND due <= ? ORDER BY id LIMIT ?",
                [now, _MOST],
            ).fetchall()
        return [
            Notice(id=number, alarm=alarm_of(self._state, alarm), resolved=bool(resolved), tries=tries)
            for number, alarm, resolved, tries in rows
        ]

    def delivered(self, number: int) -> None:
        """Never send a notice again.

        Raises:
            UsageError: The state cannot be written.
        """
        self._write("UPDATE notices SET due = NULL, error = NULL WHERE id = ?", number)

    def failed(self, number: int, again_at: float | None, error: str) -> None:
        """Send a notice again later, or never.

        Raises:
            UsageError: The state cannot be written.
        """
        told = [again_at, shorten(error, 300)]
        self._write("UPDATE notices SET due = ?, tries = tries + 1, error = ? WHERE id = ?", *told, number)

    def _write(self, statement: str, *values: object) -> None:
        with self._state.change():
            self._state.database.execute(statement, values)
