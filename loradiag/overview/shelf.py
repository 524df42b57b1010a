"""A folder of reports: found, each read once, remembered by a card."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from loradiag._about import __version__
from loradiag.core.decoding import UNDECODABLE
from loradiag.core.errors import InputError
from loradiag.core.report import SCHEMA_VERSION, Report, decode, spans
from loradiag.core.text import printable
from loradiag.overview.cards import Card, cards_of
from loradiag.storage.sqlite import DAMAGED, keep_a_log

Progress = Callable[[int, int], None]

_FORM = f"5 {SCHEMA_VERSION} {__version__}"
"""Stands for what a card is made by: cards of another loradiag are made again."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS files (file TEXT PRIMARY KEY, state TEXT NOT NULL, form TEXT NOT NULL, "
    "cards BLOB NOT NULL, problem TEXT) WITHOUT ROWID"
)
_WAIT = 10.0
_AT_ONCE = 64
_LARGEST = 512_000_000
"""Bytes of a file that is still opened: no report is that large."""

_SKIPPED = {"node_modules", "__pycache__"}


class _Shelved(msgspec.Struct, frozen=True):
    """A file: the state in which it was read, its cards, and why it could not be read."""

    state: str
    cards: tuple[Card, ...]
    problem: str | None = None


class Shelf:
    """The reports below a folder. Files of JSON that are no reports are passed over; many threads may use one shelf.

    Args:
        folder: Searched through, without links to folders and without names that begin with a dot.
        memory: A file in which cards are remembered from one process to the next; None remembers nothing.

    Raises:
        InputError: There is no such folder.
    """

    def __init__(self, folder: Path, memory: Path | None = None) -> None:
        self.folder = folder
        self._look_for_it()
        self._lock = threading.Lock()
        self._files: dict[str, _Shelved] = {}
        self._cards: tuple[Card, ...] = ()
        self._flawed: dict[str, str] = {}
        self._memory = _Memory(memory)
        self._files.update(self._memory.known())

    @property
    def cards(self) -> tuple[Card, ...]:
        """All cards, the newest first."""
        return self._cards

    @property
    def flawed(self) -> dict[str, str]:
        """Files that should be reports and cannot be read, with the reason; both safe to show."""
        return self._flawed

    def refresh(self, progress: Progress | None = None) -> bool:
        """Read what is new or has changed since, and say whether anything has.

        Args:
            progress: Told the files that are read, and their number.

        Raises:
            InputError: The folder is gone; what was known of it stays.
        """
        with self._lock:
            self._look_for_it()
            there = dict(_files_in(self.folder))
            gone = self._files.keys() - there.keys()
            changed = [
                name for name, state in there.items() if name not in self._files or self._files[name].state != state
            ]
            for name in gone:
                del self._files[name]
            for done, name in enumerate(changed, 1):
                self._files[name] = _shelved(self.folder / name, name, there[name])
                if done % _AT_ONCE == 0:  # so that an interrupt loses little
                    self._memory.keep({key: self._files[key] for key in changed[done - _AT_ONCE : done]})
                if progress:
                    progress(done, len(changed))
            rest = changed[len(changed) // _AT_ONCE * _AT_ONCE :]
            self._memory.keep({name: self._files[name] for name in rest}, gone)
            if gone or changed or not self._cards:
                every = [card for one in self._files.values() for card in one.cards]
                self._cards = tuple(sorted(every, key=lambda card: (card.created, card.key), reverse=True))
                torn = {printable(name): one.problem for name, one in sorted(self._files.items()) if one.problem}
                self._flawed = torn
            return bool(gone or changed)

    def _look_for_it(self) -> None:
        if not self.folder.is_dir():
            remedy = "write some: loradiag inspect … -o DIR/NAME.json"
            raise InputError(self.folder, "is no folder of reports", remedy, "missing")

    def report(self, card: Card) -> Report:
        """Read a report again.

        Raises:
            InputError: It is gone, or another one lies in its place.
        """
        path = self.folder / card.file
        try:
            with path.open("rb") as file:
                start, end = self._span(card, _state(os.fstat(file.fileno())))
                if end:
                    file.seek(start)
                    return decode(file.read(end - start), str(path))[0]
                data = file.read()
        except OSError as error:
            raise InputError(
                path, f"cannot be read ({error.strerror})", "it was there a moment ago: look again"
            ) from error
        pieces = spans(data)
        if card.place >= len(pieces):
            raise InputError(path, "holds fewer reports than a moment ago", "look again")
        start, end = pieces[card.place]
        return decode(data[start:end], str(path))[0]

    def _span(self, card: Card, state: str) -> tuple[int, int]:
        """Where in its file a report lies; nowhere if that is another one by now. No lock: a refresh may hold it for long."""
        found = self._files.get(card.file)
        known = found.cards if found and found.state == state else ()
        return next(((one.start, one.end) for one in known if one.place == card.place), (0, 0))


def _files_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the files of JSON below a folder by their names in it, each with what tells whether it has changed."""
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            entries = list(os.scandir(folder / inside))
        except OSError:
            continue  # it was removed, or is not ours to read
        for entry in entries:
            name = f"{inside}{entry.name}"
            if entry.name.startswith(".") or entry.name in _SKIPPED:
                continue
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{name}/")
                elif entry.name.endswith(".json") and entry.is_file():
                    yield name, _state(entry.stat())


def _state(told: os.stat_result) -> str:
    """What tells whether a file has changed."""
    return f"{told.st_size} {told.st_mtime_ns} {told.st_ino}"


def _shelved(path: Path, name: str, state: str) -> _Shelved:
    if not _is_text(name):
        return _Shelved(state, (), "has a name that is not UTF-8; rename it")
    try:
        if path.stat().st_size > _LARGEST:
            return _Shelved(state, (), "is too large for a report")
        data = path.read_bytes()
    except OSError as error:
        return _Shelved(state, (), f"cannot be read ({error.strerror})")
    if b'"schema_version"' not in data:
        return _Shelved(state, ())  # a configuration, a log: JSON of others
    try:
        return _Shelved(state, tuple(cards_of(data, name)))
    except InputError as error:
        return _Shelved(state, (), error.problem)


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


class _Memory:
    """Cards from one process to the next, in SQLite; what cannot be read or written is no error."""

    def __init__(self, path: Path | None) -> None:
        self._database: sqlite3.Connection | None = None
        if path is None:
            return
        with suppress(OSError, *DAMAGED):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
            keep_a_log(self._database, _WAIT)
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(_TABLE)

    def known(self) -> Iterator[tuple[str, _Shelved]]:
        """Yield every file that is remembered."""
        for file, state, cards, problem in self._ask(
            "SELECT file, state, cards, problem FROM files WHERE form = ?", [_FORM]
        ):
            with suppress(*UNDECODABLE, TypeError):  # SQLite takes any value for any column
                yield file, _Shelved(state, tuple(msgspec.msgpack.decode(cards, type=list[Card])), problem)

    def keep(self, shelved: dict[str, _Shelved], gone: Sequence[str] | set[str] = ()) -> None:
        """Remember some files, and forget others."""
        if self._database is None or not (shelved or gone):
            return
        rows = [
            (name, one.state, _FORM, msgspec.msgpack.encode(list(one.cards)), one.problem)
            for name, one in shelved.items()
            if _is_text(name)
        ]
        with suppress(*DAMAGED):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)
                self._database.executemany(
                    "DELETE FROM files WHERE file = ?", [(name,) for name in gone if _is_text(name)]
                )
            finally:
                self._database.execute("COMMIT")

    def _ask(self, query: str, values: Sequence[object]) -> list[tuple[str, str, bytes, str | None]]:
        if self._database is None:
            return []
        try:
            return list(self._database.execute(query, values))
        except DAMAGED:
            return []
