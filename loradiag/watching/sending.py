"""Notices are sent beside the watch, so that a receiver that hangs does not hold it up."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Thread

from loradiag.core.errors import LoradiagError
from loradiag.core.text import printable
from loradiag.watching.alerting import Hook, deliver
from loradiag.watching.outbox import StateOutbox
from loradiag.watching.state import State

_EVERY = 1.0
"""Seconds between two looks into the outbox."""


class Sender:
    """Sends what waits in the state of a watch, in a thread of its own, until it is closed.

    Args:
        state: The file; opened again, since a connection belongs to one thread.
        hooks: Where notices go.
        say: Told when sending fails for another reason than a receiver's, which the outbox keeps.
    """

    def __init__(self, state: Path, hooks: Sequence[Hook], say: Callable[[str], None]) -> None:
        self._path, self._hooks, self._say = state, hooks, say
        self._stop = Event()
        self._thread = Thread(target=self._run, name="loradiag-sending", daemon=True)
        if hooks:
            self._thread.start()

    def close(self) -> None:
        """End after the notice that is being sent, which may take as long as its time limits."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=sum(hook.timeout for hook in self._hooks) + 1)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            try:
                state = State(self._path, create=False)
                try:
                    deliver(StateOutbox(state), self._hooks)
                finally:
                    state.close()
            except (LoradiagError, OSError, sqlite3.Error) as error:
                self._say(f"notices cannot be sent: {printable(str(error))}")
