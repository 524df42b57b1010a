"""What lies in loradiag's cache, and how to be rid of it."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from loradiag.core.decoding import UNDECODABLE
from loradiag.storage.cache import folder
from loradiag.storage.copies import Copy

KINDS: Mapping[str, str] = {
    "fingerprints": "hashes of bases",
    "scores": "answers of bases to tasks",
    "scores-unfinished": "answers of adapters in runs that were interrupted",
    "merge": "merge drift of runs that were interrupted",
    "fleet": "adapters that fleet scans have measured",
    "overview": "what the dashboard knows of folders of reports",
    "traffic": "what the dashboard has counted of lakes",
    "remote": "copies of folders behind URLs",
    "mlflow": "adapters fetched from MLflow",
}
"""Folders of the cache, and what they hold; fleets have a file."""

FLEET = "fleet.sqlite"
"""The file of all fleets."""

_BESIDE = ("-wal", "-shm")
"""How the names of files end that SQLite keeps beside a database, and that mean nothing without it."""

_DAY = 86400.0

_COPIES = "remote"


class Item(msgspec.Struct, frozen=True):
    """A file, or the directory of one run.

    Attributes:
        kind: A key of :data:`KINDS`.
        path: Where it lies.
        bytes: What it takes.
        days: Since it was last changed.
        about: What it is of, where it says so.
    """

    kind: str
    path: Path
    bytes: int
    days: float
    about: Mapping[str, str] = {}


class _Head(msgspec.Struct):
    about: dict[str, str] = {}


def items(kinds: tuple[str, ...] = tuple(KINDS)) -> Iterator[Item]:
    """List what is remembered, newest first within a kind. What cannot be read is listed without ``about``."""
    for kind in kinds:
        found = []
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: a user without a home directory
            for path in _paths(kind):
                with contextlib.suppress(OSError):
                    found.append(_item(kind, path))
        yield from sorted(found, key=lambda item: (item.days, item.path.name))


def _paths(kind: str) -> Iterator[Path]:
    if kind == "fleet":
        yield from folder().glob(FLEET)
    elif kind == _COPIES:
        yield from (path for path in (folder() / kind).iterdir() if path.is_dir() and Copy(path).here())
    else:
        yield from (path for path in (folder() / kind).iterdir() if not path.name.endswith(_BESIDE))


def _beside(path: Path) -> list[Path]:
    """What SQLite keeps beside a database."""
    return [beside for ending in _BESIDE if (beside := path.with_name(path.name + ending)).is_file()]


def _item(kind: str, path: Path) -> Item:
    if kind == _COPIES:
        files = [path / name for name in Copy(path).here()]
    else:
        files = [path, *_beside(path)] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    status = [file.stat() for file in files] or [path.stat()]
    newest = max(row.st_mtime for row in status)
    size = sum(row.st_size for row in status) if files else 0
    about = _about(path) if kind.startswith("scores") and path.suffix == ".json" else {}
    return Item(kind, path, size, max(time.time() - newest, 0.0) / _DAY, about)


def _about(path: Path) -> Mapping[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Head).about
    except (OSError, *UNDECODABLE):
        return {}


def remove(item: Item) -> bool:
    """Remove an item.

    Returns:
        False if it could not be removed: a copy of a folder behind a URL stays as long as somebody is at work on it, and
        what of it was not sent yet.
    """
    try:
        if item.kind == _COPIES:
            return Copy(item.path).drop()
        if item.path.is_dir() and not item.path.is_symlink():
            shutil.rmtree(item.path)
        else:
            for path in (item.path, *_beside(item.path)):
                path.unlink(missing_ok=True)
    except OSError:
        return False
    return True
