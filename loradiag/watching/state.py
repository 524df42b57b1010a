"""What the watcher remembers, in one SQLite file: a kill at any moment loses nothing that was counted, and doubles nothing."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from loradiag.core.decoding import UNDECODABLE
from loradiag.core.errors import InputError, LoradiagError, UsageError
from loradiag.core.text import printable
from loradiag.storage.files import unreadable
from loradiag.storage.locking import alone
from loradiag.storage.sqlite import DAMAGED, is_busy, is_of_the_disk, keep_a_log, uri_of
from loradiag.watching.episodes import Episode

VERSION = 1
_WAIT = 30.0
"""Seconds for which another process's write is waited for."""

_REMEDY = "start one: loradiag drift watch"

_UNREADABLE = (sqlite3.Error, *UNDECODABLE, TypeError, ValueError, ArithmeticError, LookupError, MemoryError)
"""What reading a damaged file comes to: SQLite takes any value for any column, and gives it back as it is."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS episodes (adapter TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS seen (day INTEGER, key INTEGER, vector INTEGER, PRIMARY KEY (day, key)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS once (day INTEGER, label INTEGER, PRIMARY KEY (day, label)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS alarms (id INTEGER PRIMARY KEY, adapter TEXT NOT NULL, signal TEXT NOT NULL, "
    "raised TEXT NOT NULL, e_value REAL NOT NULL, line REAL NOT NULL, requests INTEGER NOT NULL, message TEXT NOT NULL, "
    "status TEXT NOT NULL, changed TEXT, by TEXT, why TEXT)",
    "CREATE TABLE IF NOT EXISTS notices (id INTEGER PRIMARY KEY, alarm INTEGER NOT NULL, resolved INTEGER NOT NULL, "
    "tries INTEGER NOT NULL, due REAL, error TEXT)",
    "CREATE TABLE IF NOT EXISTS diary (day INTEGER, adapter TEXT, requests INTEGER NOT NULL, counted INTEGER NOT NULL, "
    "novel INTEGER NOT NULL, topics BLOB NOT NULL, baseline TEXT NOT NULL, slot INTEGER NOT NULL, line REAL NOT NULL, "
    "log_e REAL, signals BLOB, undecided INTEGER NOT NULL, PRIMARY KEY (day, adapter)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS diary_adapters ON diary (adapter, day)",
    "CREATE INDEX IF NOT EXISTS diary_undecided ON diary (day) WHERE undecided = 1",
)


class Totals(msgspec.Struct, kw_only=True):
    """What was counted over the whole watch.

    ``slots``: places of the budget that were handed out; ``first``: adapters that were there at the start; ``flawed``: files
    that the last poll left out; ``lake``: which it looked at.
    """

    started: str
    alpha: float
    first: int = 0
    slots: int = 0
    polls: int = 0
    requests: int = 0
    unattributed: int = 0
    unwatched: int = 0
    late: int = 0
    newest_day: int | None = None
    polled: str | None = None
    seconds: float = 0.0
    behind: float = 0.0
    flawed: int = 0
    lake: str | None = None


class State:
    """The file, opened. Many may read it, and acknowledge alarms; one at a time may watch (:meth:`watching`).

    Args:
        path: The file; made if there is none.
        create: Whether it may be made.
        read_only: Whether nothing will be written.

    Raises:
        InputError: It is no such file, is damaged, or of another version.
        UsageError: It cannot be made, or written, or another process has been writing for too long.
    """

    def __init__(self, path: Path, *, create: bool = True, read_only: bool = False) -> None:
        self.path = path
        self._written: dict[str, bytes] = {}
        if (read_only or not create) and not _has_content(path):  # empty: a begin without room
            raise InputError(path, "holds no watch", _REMEDY, "missing")
        try:
            self.database = _opened(path, read_only)
        except (OSError, sqlite3.Error) as error:
            raise self._unopened(error, read_only) from error
        try:
            if not read_only:
                self._prepare()
            version = self._meta("version")
            if version != str(VERSION):
                raise InputError(path, f"is of version {printable(version or '?')}; this loradiag reads {VERSION}")
        except BaseException as error:
            self.close()
            if isinstance(error, DAMAGED):
                raise self._unopened(error, read_only) from error
            raise

    def _prepare(self) -> None:
        keep_a_log(self.database, _WAIT)
        self.database.execute("PRAGMA synchronous=NORMAL")
        with self.change():
            for table in _TABLES:
                self.database.execute(table)
            self.database.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?)", [str(VERSION)])

    def _unopened(self, error: Exception, read_only: bool) -> LoradiagError:
        if isinstance(error, OSError):
            return self._closed(error.strerror or str(error))
        if not read_only and (is_of_the_disk(error) or not _writable(self.path)):
            return self._closed(str(error))
        return self._busy() if is_busy(error) else self._broken(error)

    def _closed(self, reason: str) -> UsageError:
        where = "give --state FILE in a folder that can be written"
        return UsageError(f"{printable(str(self.path))}: cannot be written ({printable(reason)}); {where}")

    def _busy(self) -> UsageError:
        name = printable(str(self.path))
        return UsageError(f"{name}: another process has been writing to it for {_WAIT:.0f} s; try again")

    def _broken(self, error: Exception) -> InputError:
        remedy = "move it away to begin anew, or restore it"
        return InputError(self.path, f"cannot be used as the state of a watch ({printable(str(error))})", remedy)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keep other watchers off: two would count every request twice.

        Raises:
            UsageError: Another one is at work, or nobody can tell.
        """
        path = self.path.with_name(self.path.name + ".lock")
        with ExitStack() as stack:
            try:
                free = stack.enter_context(alone(path))
            except OSError as error:
                reason = printable(error.strerror or str(error))
                where = "give --state FILE on a disk of this machine, in a folder that can be written"
                raise UsageError(f"{printable(str(path))}: cannot be locked ({reason}); {where}") from error
            if not free:
                raise UsageError(f"{printable(str(self.path))}: another 'loradiag drift watch' is at work on it")
            yield

    @contextmanager
    def change(self) -> Iterator[None]:
        """Everything that is written within happens at once, or not at all.

        Raises:
            UsageError: The disk is full, or may not be written any more; or another process has been writing for too long.
        """
        try:
            self.database.execute("BEGIN IMMEDIATE")
            yield
            self.database.execute("COMMIT")
        except BaseException as error:
            self._written.clear()
            if self.database.in_transaction:  # a full disk ends it by itself
                self.database.execute("ROLLBACK")
            if is_of_the_disk(error):
                raise self._closed(str(error)) from error
            if is_busy(error):
                raise self._busy() from error
            raise

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Say in a line why what is read within cannot be read.

        Raises:
            InputError: The file is damaged.
            UsageError: Another process has been writing for too long.
        """
        try:
            yield
        except _UNREADABLE as error:
            raise (self._busy() if is_busy(error) else self._broken(error)) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Everything that is read within is of one moment.

        Raises:
            InputError: The file is damaged.
            UsageError: Another process has been writing for too long.
        """
        with self.explained():
            try:
                self.database.execute("BEGIN")
                yield
            finally:
                if self.database.in_transaction:
                    self.database.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def _meta(self, name: str) -> str | None:
        found = self.database.execute("SELECT value FROM meta WHERE name = ?", [name]).fetchone()
        return str(found[0]) if found else None

    def totals(self) -> Totals | None:
        """Return what was counted; None before the first watch.

        Raises:
            InputError: The file is damaged.
        """
        with self.explained():
            found = self._meta("totals")
            return None if found is None else msgspec.json.decode(found, type=Totals)

    def begun(self) -> Totals:
        """Return what was counted.

        Raises:
            InputError: Nobody has begun to watch.
        """
        found = self.totals()
        if found is None:
            raise InputError(self.path, "holds no watch", _REMEDY, "missing")
        return found

    def keep_totals(self, totals: Totals) -> None:
        """Write what was counted."""
        text = msgspec.json.encode(totals).decode()
        self.database.execute("INSERT OR REPLACE INTO meta VALUES ('totals', ?)", [text])

    def episodes(self) -> dict[str, Episode]:
        """Return the evidence of every adapter.

        Raises:
            InputError: The file is damaged.
        """
        with self.explained():
            rows = self.database.execute("SELECT adapter, state FROM episodes ORDER BY adapter").fetchall()
            return {name: msgspec.msgpack.decode(state, type=Episode) for name, state in rows}

    def keep(self, episodes: Iterable[Episode]) -> None:
        """Write the evidence of some adapters, where it has changed: polls that find nothing must not wear out a disk."""
        for episode in episodes:
            state = msgspec.msgpack.encode(episode)
            digest = hashlib.sha256(state).digest()
            if self._written.get(episode.adapter) != digest:
                self.database.execute("INSERT OR REPLACE INTO episodes VALUES (?, ?)", [episode.adapter, state])
                self._written[episode.adapter] = digest


def _has_content(path: Path) -> bool:
    """Whether there is a file with something in it.

    Raises:
        InputError: The system does not say.
    """
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError as error:
        raise unreadable(path, error) from error


def _opened(path: Path, read_only: bool) -> sqlite3.Connection:
    if not read_only:
        path.parent.mkdir(parents=True, exist_ok=True)
    uri = uri_of(path, read_only=read_only)
    return sqlite3.connect(uri, uri=True, timeout=_WAIT, isolation_level=None, check_same_thread=False)


def _writable(path: Path) -> bool:
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
