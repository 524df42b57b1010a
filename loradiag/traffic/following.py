"""Logs that grow: what was appended is taken, and where reading stopped is remembered after it lies in the lake."""

from __future__ import annotations

import glob
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from loradiag.core.decoding import UNDECODABLE
from loradiag.core.errors import InputError, LoradiagError
from loradiag.storage.files import unreadable
from loradiag.storage.writing import write_whole
from loradiag.traffic.compacting import compact
from loradiag.traffic.ingesting import Ingestion
from loradiag.traffic.records import Lines, logs_in, records, suffix_of

FOLDER = "_state"
POLL = 1.0
"""Seconds between two looks."""

TIDY = 100
"""Writes after which the small files that they have left are merged."""

_GROWING = (".jsonl", ".ndjson", ".log", "")
"""Files whose lines are taken as they come; of others the whole, once they have not changed between two looks."""

_MARK = 256
"""Bytes at the beginning of a file, and before the place where reading stopped, by which it is known again."""


class Position(msgspec.Struct, frozen=True):
    """Where reading of a file stopped.

    Attributes:
        inode: The file's own number; a new file gets that of one that was removed.
        offset: Bytes that were read.
        lines: Lines that were read.
        mark: A hash of what lies at the beginning and before ``offset``: another one is another file, or the same one
            emptied and filled again. Of a file that is read as a whole, when it was changed.
    """

    inode: int
    offset: int
    lines: int = 0
    mark: str = ""


class Follower:
    """Takes what is new in files and directories.

    Args:
        ingestion: Where to.
        lake: The lake, in which positions are remembered, for these sources.
        paths: Files, directories or patterns; what they name is looked up again at every look.
        every: Seconds after which what waits is written.
        send: Called after that, with files that were removed: sends what is new to where the lake really lies.
    """

    def __init__(
        self,
        ingestion: Ingestion,
        lake: Path,
        paths: list[str],
        every: float,
        send: Callable[[Sequence[Path]], None] = lambda _: None,
    ) -> None:
        self._ingestion = ingestion
        self._lake = lake
        self._paths = paths
        self._every = every
        self._send = send
        self._unsent = True
        self._removed: list[Path] = []
        named = "\0".join(sorted(os.path.abspath(path) for path in paths))
        digest = hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._file = lake / FOLDER / f"follow-{digest}.json"
        self._positions = self._remembered()
        self._seen: dict[str, tuple[int, int, int]] = {}
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
                sleep(min(POLL, self._every))
        except KeyboardInterrupt:
            self.flush()
            raise

    def look(self) -> None:
        """Take what is new in every file; one that cannot be read is noted, looked at again, and noted no more once it can."""
        for path in self._named():
            try:
                self._take(path)
            except FileNotFoundError:
                continue  # it was moved away between two calls: the next look sees what is there
            except InputError as error:
                self._ingestion.unread(path, error)
            except OSError as error:
                self._ingestion.unread(path, unreadable(path, error))
            else:
                self._ingestion.readable(path)

    def flush(self) -> None:
        """Write what waits, then where reading stopped: after a crash between the two, records are read twice, and known."""
        self._ingestion.finish()
        if self._changed:
            self._file.parent.mkdir(exist_ok=True)
            write_whole(self._file, msgspec.json.encode(self._positions))
            self._changed = False
            self._writes += 1
            if self._writes % TIDY == 0:
                compact(self._lake, lambda *_: None, removed=self._removed.append)
            self._unsent = True
        if self._unsent:
            self._sent()
        self._flushed = time.monotonic()

    def _sent(self) -> None:
        """Send; what cannot be sent waits for the next time, and a network that is down ends nothing."""
        try:
            self._send(self._removed)
        except LoradiagError as error:
            self._ingestion.done.unreadable["sending"] = str(error)
            return
        self._ingestion.done.unreadable.pop("sending", None)
        self._removed.clear()
        self._unsent = False

    def _take(self, path: str) -> None:
        status = os.stat(path)
        now = (status.st_ino, status.st_size, status.st_mtime_ns)
        still = self._seen.get(path) == now
        if suffix_of(path) in _GROWING and not path.endswith(".gz"):
            if not still:
                self._lines(path)
        elif still and self._positions.get(path) != (whole := _whole(status)):
            self._ingestion.take(path, records(path))
            self._moved(path, whole)
        self._seen[path] = now

    def _lines(self, path: str) -> None:
        with open(path, "rb") as stream:
            known = self._positions.get(path)
            if known is not None and not _is_same(known, stream):
                self._rest(path, known)
                known = None
            # A file that was renamed is known under its old name.
            known = known or next((other for other in self._positions.values() if _is_same(other, stream)), None)
            self._from(path, stream, known or Position(_inode(stream), 0))

    def _from(self, path: str, stream: IO[bytes], start: Position, *, unfinished: bool = False) -> None:
        stream.seek(start.offset)
        lines = Lines(stream, unfinished=unfinished, number=start.lines)
        self._ingestion.take(path, lines)
        end = start.offset + lines.consumed
        self._moved(path, Position(start.inode, end, lines.number, _mark(stream, end)))

    def _rest(self, path: str, known: Position) -> None:
        """Read to its end a log that was moved aside since the last look, as ``log.1`` or the like beside the new one."""
        for name in sorted(glob.glob(f"{glob.escape(path)}?*")):
            if os.path.isfile(name) and os.stat(name).st_ino == known.inode:
                with open(name, "rb") as stream:
                    if _is_same(known, stream):
                        self._from(name, stream, known, unfinished=True)
                        return

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
        except (OSError, *UNDECODABLE):
            return {}  # without it everything is read again, and known


def _whole(status: os.stat_result) -> Position:
    """Where reading of a file stopped that was read as a whole."""
    return Position(status.st_ino, status.st_size, mark=str(status.st_mtime_ns))


def _is_same(known: Position, stream: IO[bytes]) -> bool:
    status = os.fstat(stream.fileno())
    if status.st_ino != known.inode or status.st_size < known.offset or known.offset == 0:
        return False
    return _mark(stream, known.offset) == known.mark


def _inode(stream: IO[bytes]) -> int:
    return os.fstat(stream.fileno()).st_ino


def _mark(stream: IO[bytes], offset: int) -> str:
    stream.seek(0)
    start = stream.read(min(_MARK, offset))
    stream.seek(max(offset - _MARK, 0))
    return hashlib.sha256(start + stream.read(min(_MARK, offset))).hexdigest()[:16]
