"""What the watcher remembers, in one SQLite file: a kill at any moment loses nothing that was counted, and doubles nothing."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.core.errors import InputError, UsageError
from loradiag.core.text import printable
from loradiag.watching.adapters import Episode

VERSION = 1
_WAIT = 30.0
"""Seconds for which another process's write is waited for."""

_REMEDY = "start one: loradiag drift watch"

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

Keys = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]


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
        UsageError: It cannot be made, or written.
    """

    def __init__(self, path: Path, *, create: bool = True, read_only: bool = False) -> None:
        self.path = path
        self._written: dict[str, bytes] = {}
        if (read_only or not create) and not (path.is_file() and path.stat().st_size):  # empty: a begin without room
            raise InputError(path, "holds no watch", _REMEDY, "missing")
        try:
            self.database = _opened(path, read_only)
            if not read_only:
                self._prepare()
            version = self._meta("version")
        except OSError as error:
            raise self._closed(error.strerror or str(error)) from error
        except sqlite3.Error as error:
            if not read_only and (_is_of_the_disk(error) or not _writable(path)):
                raise self._closed(str(error)) from error
            raise self._broken(error) from error
        if version != str(VERSION):
            raise InputError(path, f"is of version {printable(version or '?')}; this loradiag reads {VERSION}")

    def _prepare(self) -> None:
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=NORMAL")
        with self.change():
            for table in _TABLES:
                self.database.execute(table)
            self.database.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?)", [str(VERSION)])

    def _closed(self, reason: str) -> UsageError:
        where = "give --state FILE in a folder that can be written"
        return UsageError(f"{printable(str(self.path))}: cannot be written ({printable(reason)}); {where}")

    def _broken(self, error: Exception) -> InputError:
        remedy = "move it away to begin anew, or restore it"
        return InputError(self.path, f"cannot be used as the state of a watch ({printable(str(error))})", remedy)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keep other watchers off: two would count every request twice.

        Raises:
            UsageError: Another one is at work.
        """
        with _lock(self.path.with_name(self.path.name + ".lock")) as free:
            if not free:
                raise UsageError(f"{printable(str(self.path))}: another 'loradiag drift watch' is at work on it")
            yield

    @contextmanager
    def change(self) -> Iterator[None]:
        """Everything that is written within happens at once, or not at all.

        Raises:
            UsageError: The disk is full, or may not be written any more.
        """
        try:
            self.database.execute("BEGIN IMMEDIATE")
            yield
            self.database.execute("COMMIT")
        except BaseException as error:
            self._written.clear()
            if self.database.in_transaction:  # a full disk ends it by itself
                self.database.execute("ROLLBACK")
            if _is_of_the_disk(error):
                raise self._closed(str(error)) from error
            raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Everything that is read within is of one moment.

        Raises:
            InputError: The file is damaged.
        """
        try:
            self.database.execute("BEGIN")
            yield
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise self._broken(error) from error
        finally:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")

    def has_diary(self) -> bool:
        """Whether days are remembered: a reader adds no table to what an older loradiag has written."""
        found = self.database.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'diary'")
        return found.fetchone() is not None

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def _meta(self, name: str) -> str | None:
        found = self.database.execute("SELECT value FROM meta WHERE name = ?", [name]).fetchone()
        return str(found[0]) if found else None

    def totals(self) -> Totals | None:
        """Return what was counted; None before the first watch."""
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
        try:
            rows = self.database.execute("SELECT adapter, state FROM episodes ORDER BY adapter").fetchall()
            return {name: msgspec.msgpack.decode(state, type=Episode) for name, state in rows}
        except sqlite3.Error as error:
            raise self._broken(error) from error
        except msgspec.DecodeError as error:
            raise InputError(self.path, f"is damaged ({error})", "move it away to begin anew, or restore it") from error

    def keep(self, episodes: Iterable[Episode]) -> None:
        """Write the evidence of some adapters, where it has changed: polls that find nothing must not wear out a disk."""
        for episode in episodes:
            state = msgspec.msgpack.encode(episode)
            digest = hashlib.sha256(state).digest()
            if self._written.get(episode.adapter) != digest:
                self.database.execute("INSERT OR REPLACE INTO episodes VALUES (?, ?)", [episode.adapter, state])
                self._written[episode.adapter] = digest

    def files(self) -> set[str]:
        """Return the names of files that were counted, within the lake."""
        return {row[0] for row in self.database.execute("SELECT name FROM files")}

    def keep_files(self, names: Iterable[str]) -> None:
        """Remember files that were counted."""
        self.database.executemany("INSERT OR IGNORE INTO files VALUES (?)", [(name,) for name in names])

    def forget_files(self, names: Iterable[str]) -> None:
        """Forget files that are gone."""
        self.database.executemany("DELETE FROM files WHERE name = ?", [(name,) for name in names])

    def unseen(self, day: int, keys: Keys, vectors: Flags) -> tuple[Flags, Flags]:
        """Remember requests of a day, and say which were not known, and which had not been known with a vector.

        Args:
            day: Since 1970; -1 of undated ones.
            keys: [n], distinct.
            vectors: Whether each has one [n].
        """
        signed = keys.view(np.int64).tolist()
        self._given(signed)
        rows = self.database.execute(
            "SELECT given.place, seen.vector FROM given JOIN seen ON seen.day = ? AND seen.key = given.value", [day]
        ).fetchall()
        known, had = np.zeros(keys.size, dtype=np.bool_), np.zeros(keys.size, dtype=np.bool_)
        for place, vector in rows:
            known[place], had[place] = True, bool(vector)
        self.database.executemany(
            "INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET vector = max(vector, excluded.vector)",
            zip([day] * keys.size, signed, vectors.astype(int).tolist(), strict=True),
        )
        return ~known, vectors & ~had

    def first(self, day: int, labels: Keys) -> Flags:
        """Remember labels of a day's requests (conversations, texts), and say which were not known; 0 is none."""
        signed = labels.view(np.int64)
        self._given(signed.tolist())
        rows = self.database.execute(
            "SELECT given.place FROM given JOIN once ON once.day = ? AND once.label = given.value", [day]
        ).fetchall()
        fresh = np.ones(labels.size, dtype=np.bool_)
        fresh[[row[0] for row in rows]] = False
        fresh[labels == 0] = True
        real = signed[labels != 0].tolist()
        self.database.executemany("INSERT OR IGNORE INTO once VALUES (?, ?)", zip([day] * len(real), real, strict=True))
        return fresh

    def _given(self, values: Sequence[int]) -> None:
        self.database.execute("CREATE TEMP TABLE IF NOT EXISTS given (place INTEGER PRIMARY KEY, value INTEGER)")
        self.database.execute("DELETE FROM given")
        self.database.executemany("INSERT INTO given VALUES (?, ?)", enumerate(values))

    def forget(self, before_keys: int, before_labels: int) -> None:
        """Forget the requests of days that are over; undated ones stay."""
        self.database.execute("DELETE FROM seen WHERE day >= 0 AND day < ?", [before_keys])
        self.database.execute("DELETE FROM once WHERE day >= 0 AND day < ?", [before_labels])


def _opened(path: Path, read_only: bool) -> sqlite3.Connection:
    if read_only:
        return sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=_WAIT, isolation_level=None, check_same_thread=False
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    return sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)


def _is_of_the_disk(error: BaseException) -> bool:
    """Whether SQLite says that there is no room, or that the system refused to write."""
    told = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of the code says what exactly was refused
    return told in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def _writable(path: Path) -> bool:
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Whether nobody else holds the lock; it goes with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file: IO[str]
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        file.truncate(0)
        file.write(f"{os.getpid()} {time.time():.0f}\n")
        file.flush()
        yield True
