"""Hashes that were computed once: one small file for each weight file, named by its path, size and time of change.

A file is written whole and renamed, so that any number of processes may share the cache. What cannot be read or written
is no error: the hashes are then computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import msgspec

from loradiag.core.errors import UsageError
from loradiag.storage.writing import write_whole


def folder() -> Path:
    """Where the cache lies: ``LORADIAG_CACHE``, else ``loradiag`` in the user's cache directory."""
    said = os.environ.get("LORADIAG_CACHE")
    if said:
        return Path(said)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "loradiag"


def read(path: Path) -> dict[str, str] | None:
    """The hashes of a file's tensors by name; None if they are not known or the file has changed."""
    try:
        return msgspec.json.decode(_entry(path).read_bytes(), type=dict[str, str])
    except (OSError, RuntimeError, msgspec.DecodeError):
        return None


def write(path: Path, hashes: dict[str, str]) -> None:
    """Remember the hashes of a file's tensors."""
    with contextlib.suppress(OSError, RuntimeError, UsageError):
        entry = _entry(path)
        entry.parent.mkdir(parents=True, exist_ok=True)
        write_whole(entry, msgspec.json.encode(hashes))


def _entry(path: Path) -> Path:
    status = path.stat()
    key = f"{path.resolve()}\n{status.st_size}\n{status.st_mtime_ns}\n{status.st_ino}"
    name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
    return folder() / "fingerprints" / f"{name}.json"
