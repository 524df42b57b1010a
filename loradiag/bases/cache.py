"""Hashes that were computed once: one small file for each weight file, named by its path, size and times of change.

The time of the last change of the inode counts besides that of the content, since a copy or an archive may set the latter
back. What was changed a moment ago is not remembered: a second change within the same tick of the clock would go unseen.
A file is written whole and renamed, so that any number of processes may share the cache. What cannot be read or written
is no error: the hashes are then computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from pathlib import Path

import msgspec

from loradiag.core.decoding import UNDECODABLE
from loradiag.core.errors import UsageError
from loradiag.storage.cache import folder
from loradiag.storage.writing import write_whole

SETTLED = 2_000_000_000
"""Nanoseconds that a file must have been left alone: file systems keep times to within 2 s at worst."""


class Entry(msgspec.Struct, frozen=True):
    """The place of one state of one weight file in the cache. ``file`` is None for a state that cannot be told or kept."""

    weights: Path
    file: Path | None

    def read(self) -> dict[str, str] | None:
        """The hashes of the file's tensors by name; None if they are not known."""
        try:
            return msgspec.json.decode(self.file.read_bytes(), type=dict[str, str]) if self.file else None
        except (OSError, *UNDECODABLE):
            return None

    def write(self, hashes: dict[str, str]) -> None:
        """Remember the hashes of the file's tensors, unless it has changed since this entry was made."""
        if self.file is None or entry(self.weights) != self:
            return
        with contextlib.suppress(OSError, UsageError, ValueError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.file, msgspec.json.encode(hashes), lasting=False)


def entry(path: Path) -> Entry:
    """The cache's entry for a weight file as it is now."""
    try:
        status = path.stat()
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < SETTLED:
            return Entry(path, None)
        times = f"{status.st_mtime_ns}\n{status.st_ctime_ns}"
        key = f"{path.resolve()}\n{status.st_dev}\n{status.st_ino}\n{status.st_size}\n{times}"
        name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        return Entry(path, folder() / "fingerprints" / f"{name}.json")
    except (OSError, RuntimeError):  # RuntimeError: a user without a home directory
        return Entry(path, None)
