"""The copy on this machine of a folder behind a URL: which files it has, and what is remembered of them beside it."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from loradiag.core.decoding import UNDECODABLE
from loradiag.storage.versions import Known, is_as, is_plain
from loradiag.storage.writing import write_whole

PART = ".part"

_LEFT = 3600.0
"""Seconds after which a file that was being written is what a killed process left."""


class Copy:
    """A copy, which many processes may use.

    Attributes:
        local: Its folder.
    """

    def __init__(self, local: Path) -> None:
        self.local = local
        self._memory = local.with_suffix(".json")
        self._lock = local.with_suffix(".lock")

    def here(self) -> dict[str, tuple[int, int]]:
        """Files with size and time of change, the oldest first; without those that are being written."""
        found = {}
        for path in self.local.rglob("*"):
            name = path.relative_to(self.local).as_posix()
            with suppress(FileNotFoundError):  # another process has merged it with others
                if is_plain(name) and stat.S_ISREG((status := path.stat()).st_mode):
                    found[name] = (status.st_size, status.st_mtime_ns)
        return dict(sorted(found.items(), key=lambda row: (row[1][1], row[0])))

    def is_as(self, name: str, known: Known) -> bool:
        """Whether a file is as it was when it was the same here and there."""
        try:
            status = (self.local / name).stat()
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and is_as(known, status.st_size, status.st_mtime_ns)

    def known(self) -> dict[str, Known]:
        """What is remembered: the files that were the same here and there."""
        try:
            found = msgspec.json.decode(self._memory.read_bytes(), type=dict[str, Known])
        except (OSError, *UNDECODABLE):
            return {}  # all is compared by what is here and there
        return {name: known for name, known in found.items() if name and is_plain(name)}

    def remember(self, known: Mapping[str, Known]) -> None:
        """Remember it.

        Raises:
            UsageError: It cannot be written.
        """
        write_whole(self._memory, msgspec.json.encode(known))

    @contextmanager
    def alone(self, *, wait: bool = True) -> Iterator[None]:
        """Be the one process that brings the copy up to date.

        Args:
            wait: Whether to wait for another that does.

        Raises:
            BlockingIOError: Another does, and is not waited for.
        """
        with self._lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            yield

    def drop(self) -> bool:
        """Remove what can be fetched again, and what killed processes left; not what lies on this machine alone.

        Returns:
            Whether nothing waits to be sent.

        Raises:
            OSError: Somebody is at work on the copy, or it cannot be removed.
        """
        with self.alone(wait=False):
            known, here = self.known(), self.here()
            same = [name for name, (size, changed) in here.items() if is_as(known.get(name), size, changed)]
            for name in same:
                (self.local / name).unlink(missing_ok=True)
            for part in self.local.rglob(f".*{PART}"):
                if time.time() - part.stat().st_mtime > _LEFT:
                    part.unlink()
            for folder, _, _ in os.walk(self.local, topdown=False):
                with suppress(OSError):  # something is left in it
                    os.rmdir(folder)
            if not self.local.exists():
                self._memory.unlink(missing_ok=True)  # last: without it, all that is here would wait to be sent
            return len(same) == len(here)
