"""The folders of a lake, and whether they have changed, without a look into their files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

import msgspec

_TICK = 2.0
"""Seconds for which a folder may change again without another time of change."""

State = tuple[int, int, int]
"""Of a folder: when its content and when its inode changed, and the inode."""

RESTLESS: State = (0, 0, 0)
"""The state of a folder that changed a moment ago: nothing follows from finding it again."""


class Known(msgspec.Struct, frozen=True):
    """A folder as it was when it was counted: its state, and a hash of its files' names and sizes."""

    state: State
    listing: str


def states(lake: Path) -> dict[str, State]:
    """Return the state of every folder that may hold requests, by its name within the lake.

    Raises:
        OSError: The lake cannot be read.
    """
    found: dict[str, State] = {}
    with os.scandir(lake) as days:
        dates = sorted(entry.name for entry in days if entry.name.startswith("date=") and entry.is_dir())
    for date in dates:
        with contextlib.suppress(FileNotFoundError), os.scandir(lake / date) as buckets:  # it was removed meanwhile
            for bucket in buckets:
                if bucket.name.startswith("bucket=") and bucket.is_dir():
                    found[f"{date}/{bucket.name}"] = _state(bucket)
    return found


def _state(entry: os.DirEntry[str]) -> State:
    status = os.stat(entry.path)
    changed = max(status.st_mtime_ns, status.st_ctime_ns)
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_ino) if time.time() - changed / 1e9 > _TICK else RESTLESS


def listing(folder: Path) -> str:
    """Return a hash of the names and sizes of a folder's files. A lake's files never change; there are others, or fewer.

    Raises:
        OSError: The folder is gone, or cannot be read.
    """
    lines = []
    with os.scandir(folder) as files:
        for entry in files:
            if not entry.name.startswith((".", "_")):
                with contextlib.suppress(FileNotFoundError):  # it was merged and removed between two calls
                    lines.append(f"{entry.stat().st_size} {entry.name}")
    return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()
