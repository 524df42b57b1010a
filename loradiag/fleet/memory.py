"""What is remembered of adapters that were measured: an SQLite file, in which a row stands for one state of an adapter's files.

Each is kept as soon as it is measured, so that a scan which was killed goes on where it stopped. Many scans may share the file.
What cannot be read or written is no error: adapters are then measured again.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.core.fleet import FleetAdapter, FleetPair

_TABLE = (
    "CREATE TABLE IF NOT EXISTS adapters (key TEXT NOT NULL, rules TEXT NOT NULL, row BLOB NOT NULL, sketch BLOB NOT NULL, "
    "report BLOB NOT NULL, PRIMARY KEY (key, rules)) WITHOUT ROWID"
)
_PAIRS = (
    "CREATE TABLE IF NOT EXISTS pairs (a TEXT NOT NULL, b TEXT NOT NULL, rules TEXT NOT NULL, pair BLOB NOT NULL, "
    "PRIMARY KEY (a, b, rules)) WITHOUT ROWID"
)
_AT_ONCE = 500
_WAIT = 30.0


class Measured(msgspec.Struct):
    """One adapter, measured.

    Attributes:
        row: What the table has of it.
        sketch: See :mod:`loradiag.linalg.sketches`; empty where it could not be read.
        report: The whole report as JSON, compressed.
    """

    row: FleetAdapter
    sketch: bytes = b""
    report: bytes = b""

    @property
    def vector(self) -> npt.NDArray[np.float32]:
        """The sketch as numbers."""
        return np.frombuffer(self.sketch, dtype="<f4")

    @property
    def document(self) -> bytes:
        """The report as JSON."""
        return zlib.decompress(self.report)


class Memory:
    """The file.

    Args:
        path: Where it lies; None remembers nothing.
        rules: Stands for the version of the program and for the policy: what was judged otherwise is not known.
    """

    def __init__(self, path: Path | None, rules: str) -> None:
        self._rules = rules
        self._database: sqlite3.Connection | None = None
        if path is not None:
            with suppress(OSError, sqlite3.Error):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._database = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
                self._database.execute("PRAGMA journal_mode=WAL")
                self._database.execute("PRAGMA synchronous=NORMAL")
                self._database.execute(_TABLE)
                self._database.execute(_PAIRS)

    def known(self, keys: Sequence[str]) -> Iterator[tuple[str, Measured]]:
        """Yield what is remembered of some states; without their reports."""
        for start in range(0, len(keys), _AT_ONCE):
            part = [key for key in keys[start : start + _AT_ONCE] if key]
            for key, row, sketch in self._ask(
                f"SELECT key, row, sketch FROM adapters WHERE rules = ? AND key IN ({','.join('?' * len(part))})",  # noqa: S608
                [self._rules, *part],
            ):
                with suppress(msgspec.DecodeError, msgspec.ValidationError):
                    yield key, Measured(msgspec.json.decode(row, type=FleetAdapter), sketch)

    def report(self, key: str) -> bytes | None:
        """Return the compressed report of a state; None where it is not known."""
        found = list(self._ask("SELECT report FROM adapters WHERE rules = ? AND key = ?", [self._rules, key]))
        return found[0][0] if found else None

    def keep(self, measured: Iterable[tuple[str, Measured]]) -> None:
        """Remember some, all or none of them."""
        rows = [
            (key, self._rules, msgspec.json.encode(one.row), one.sketch, one.report) for key, one in measured if key
        ]
        if self._database is None or not rows:
            return
        with suppress(sqlite3.Error), self._change():
            self._database.executemany("INSERT OR REPLACE INTO adapters VALUES (?, ?, ?, ?, ?)", rows)

    def pairs(self, keys: Sequence[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], FleetPair]]:
        """Yield what is remembered of pairs of states."""
        wanted = set(keys)
        if not wanted:
            return
        for a, b, pair in self._ask("SELECT a, b, pair FROM pairs WHERE rules = ?", [self._rules]):
            if (a, b) in wanted:
                with suppress(msgspec.DecodeError, msgspec.ValidationError):
                    yield (a, b), msgspec.json.decode(pair, type=FleetPair)

    def keep_pairs(self, measured: Sequence[tuple[tuple[str, str], FleetPair]]) -> None:
        """Remember some pairs, all or none of them."""
        rows = [(a, b, self._rules, msgspec.json.encode(pair)) for (a, b), pair in measured]
        if self._database is None or not rows:
            return
        with suppress(sqlite3.Error), self._change():
            self._database.executemany("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Give the file back."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _ask(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        if self._database is None:
            return []
        try:
            return list(self._database.execute(query, values))
        except sqlite3.Error:
            return []

    @contextmanager
    def _change(self) -> Iterator[None]:
        assert self._database is not None
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
