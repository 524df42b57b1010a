"""Logs that grow: what was appended is taken, and where reading stopped is remembered after it lies in the lake."""

from __future__ import annotations

import glob
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from loradiag.storage.writing import write_whole
from loradiag.traffic.compacting import compact
from loradiag.traffic.ingesting import Ingestion
from loradiag.traffic.records import lines, logs_in, records, suffix_of

FOLDER = "_state"
POLL = 1.0
"""Seconds between two looks."""

TIDY = 100
"""Writes after which the small files that they have left are merged."""

_GROWING = (".jsonl", ".ndjson", ".log", "")
"""Files whose lines are taken as they come; of others the whole, once they have not changed between two looks."""


class Position(msgspec.Struct, frozen=True):
    """Where reading of a file stopped: the file's own number, which a new file of the same name does not have."""

    inode: int
    offset: int


class Follower:
    """Takes what is new in files and directories.

    Args:
        ingestion: Where to.
        lake: The lake, in which positions are remembered, for these sources.
        paths: Files, directories or patterns; what they name is looked up again at every look.
        every: Seconds after which what waits is written.
    """

    def __init__(self, ingestion: Ingestion, lake: Path, paths: list[str], every: float) -> None:
        self._ingestion = ingestion
        self._lake = lake
        self._paths = paths
        self._every = every
        named = "\0".join(sorted(os.path.abspath(path) for path in paths))
        digest = hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._file = lake / FOLDER / f"follow-{digest}.json"
        self._positions = self._remembered()
        self._sizes: dict[str, int] = {}
        self._flushed = time.monotonic()
        self._changed = False
        self._writes = 0

    def follow(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Look again and again until interrupted; what was read by then is in the lake."""
        try:
            while True:
                self.look()
                if time.monotonic() - self._flushed >= self._every:
                    self.flush()
                sleep(POLL)
        except KeyboardInterrupt:
            self.flush()
            raise

    def look(self) -> None:
        """Take what is new in every file."""
        for path in self._named():
            try:
                self._take(path)
            except OSError:
                continue  # it was moved away between two calls: the next look sees what is there

    def flush(self) -> None:
        """Write what waits, then where reading stopped: after a crash between the two, records are read twice, and known."""
        self._ingestion.flush()
        if self._changed:
            self._file.parent.mkdir(exist_ok=True)
            write_whole(self._file, msgspec.json.encode(self._positions))
            self._changed = False
            self._writes += 1
            if self._writes % TIDY == 0:
                compact(self._lake, lambda *_: None)
        self._flushed = time.monotonic()

    def _take(self, path: str) -> None:
        status = os.stat(path)
        known = self._positions.get(path)
        fresh = known is None or known.inode != status.st_ino or status.st_size < known.offset
        start = 0 if fresh or known is None else known.offset
        if status.st_size == start:
            return
        if suffix_of(path) in _GROWING and not path.endswith(".gz"):
            self._lines(path, status.st_ino, start)
        elif self._sizes.get(path) == status.st_size:
            self._ingestion.take(path, records(path))
            self._moved(path, Position(status.st_ino, status.st_size))
        self._sizes[path] = status.st_size

    def _lines(self, path: str, inode: int, start: int) -> None:
        with open(path, "rb") as stream:
            stream.seek(start)
            self._ingestion.take(path, lines(stream, unfinished=False))
            end = stream.tell()
            stream.seek(max(end - 1, start))
            if end > start and stream.read(1) != b"\n":  # a line that is still being written waits
                end = _end_of_last_line(path, start, end)
        self._moved(path, Position(inode, end))

    def _moved(self, path: str, position: Position) -> None:
        self._changed = self._changed or self._positions.get(path) != position
        self._positions[path] = position

    def _named(self) -> Iterator[str]:
        for path in self._paths:
            if os.path.isdir(path):
                yield from logs_in(path, self._lake)
            elif os.path.isfile(path):
                yield path
            else:
                yield from sorted(name for name in glob.glob(path, recursive=True) if os.path.isfile(name))

    def _remembered(self) -> dict[str, Position]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Position])
        except (OSError, msgspec.DecodeError):
            return {}  # without it everything is read again, and known


def _end_of_last_line(path: str, start: int, end: int) -> int:
    """Where the last line with an ending ends."""
    with open(path, "rb") as stream:
        place = end
        while place > start:
            size = min(1 << 16, place - start)
            stream.seek(place - size)
            found = stream.read(size).rfind(b"\n")
            if found >= 0:
                return place - size + found + 1
            place -= size
    return start
