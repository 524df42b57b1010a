"""A progress bar on standard error, for people only, and only when there is something to wait for."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from loradiag.core.text import printable, shorten


class Bar:
    """Shows the current subject and how much of it is done, once work has lasted a second.

    Args:
        enabled: Whether to show anything.
        unit: What is counted: ``modules`` or ``bytes``.
    """

    DELAY = 1.0

    def __init__(self, *, enabled: bool, unit: str = "modules") -> None:
        self._unit = unit
        self._enabled = enabled and sys.stderr.isatty()
        self._stream = sys.stderr  # libraries are silenced by pointing sys.stderr elsewhere
        self._start = time.monotonic()
        self._progress: Any = None
        self._task: Any = None
        self._name = ""

    def __enter__(self) -> Bar:
        return self

    def subject(self, name: str) -> None:
        """Name what is being worked on."""
        self._name = shorten(printable(name), 40)

    def stage(self, name: str, done: int, total: int) -> None:
        """Show a part of the work that has its own count."""
        if name != self._name and self._progress is not None:
            self._progress.reset(self._task)  # the speed of one part says nothing of the next
        self.subject(name)
        self.advance(done, total)

    def total(self, name: str, done: int, total: int) -> None:
        """Show what is being done, and how much of all work is."""
        self.subject(name)
        self.advance(done, total)

    def advance(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` are done; 0 is a total that nobody knows."""
        if not self._enabled or time.monotonic() - self._start < self.DELAY:
            return
        if self._progress is None:
            self._open()
        self._progress.update(self._task, description=self._name, completed=done, total=total or None)

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn() if self._unit == "bytes" else MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=Console(file=self._stream), transient=True)
        self._task = self._progress.add_task(self._name)
        self._progress.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
