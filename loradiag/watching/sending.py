"""Notices are sent beside the watch, so that a receiver that hangs does not hold it up."""

from __future__ import annotations

import math
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
        say: Told what fails, once for as long as it stays the same.
    """

    def __init__(self, state: Path, hooks: Sequence[Hook], say: Callable[[str], None]) -> None:
        self._path, self._hooks, self._say = state, hooks, say
        self._trouble = ""
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
            if not self._path.is_file():
                continue  # the watch has not begun: what it reads is being fetched
            trouble = ""
            try:
                send_due(self._path, self._hooks, self._say)
            except (LoradiagError, OSError, sqlite3.Error) as error:
                trouble = f"notices cannot be sent: {printable(str(error))}"
            if trouble and trouble != self._trouble:
                self._say(trouble)
            self._trouble = trouble


def send_due(state: Path, hooks: Sequence[Hook], say: Callable[[str], None], most: float = math.inf) -> int:
    """Send what is due in the state of a watch, once, and return how many notices were delivered.

    Args:
        state: The file.
        hooks: Where notices go.
        say: Told what fails.
        most: Seconds after which none is begun.

    Raises:
        InputError: It is no state of a watch.
        UsageError: It cannot be written.
    """
    opened = State(state, create=False)
    try:
        return deliver(StateOutbox(opened), hooks, say=say, most=most)
    finally:
        opened.close()
