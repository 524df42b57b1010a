"""What is remembered of adapters that were measured: an SQLite file, in which a row stands for one state of an adapter's files.

Each is kept as soon as it is measured, so that a scan which was killed goes on where it stopped. Many scans may share the file.
What cannot be read or written is no error: adapters are then measured again. What no scan has used for a season is forgotten:
it was measured by another version of the program or under another policy, or its adapter has changed or is gone.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.core.decoding import UNDECODABLE
from loradiag.core.fleet import FleetAdapter, FleetPair
from loradiag.storage.sqlite import DAMAGED, keep_a_log

_TABLE = (
    "CREATE TABLE IF NOT EXISTS adapters (key TEXT NOT NULL, rules TEXT NOT NULL, row BLOB NOT NULL, sketch BLOB NOT NULL, "
    "report BLOB NOT NULL, PRIMARY KEY (key, rules)) WITHOUT ROWID"
)
_PAIRS = (
    "CREATE TABLE IF NOT EXISTS pairs (a TEXT NOT NULL, b TEXT NOT NULL, rules TEXT NOT NULL, pair BLOB NOT NULL, "
    "PRIMARY KEY (a, b, rules)) WITHOUT ROWID"
)
_USES = (
    "CREATE TABLE uses (key TEXT NOT NULL, rules TEXT NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (key, rules)) "
    "WITHOUT ROWID"
)
"""When a row of ``adapters`` was used last, in a table of its own: a row with its report is large, and is written once."""

_UPGRADE = (
    _USES,
    "CREATE INDEX uses_by_day ON uses (day)",
    "CREATE INDEX pairs_by_second ON pairs (b, rules)",
)
_FORM = 1
"""The form of the file, as its ``user_version``; 0 is one that did not tell uses."""

_USED = "INSERT OR REPLACE INTO uses VALUES (?, ?, ?)"
_AT_ONCE = 500
_NUMBER = 4
"""Bytes of a number of a sketch."""

_WAIT = 30.0
_DAY = 86400

_SEASON = 90
"""Days without use after which a row is forgotten."""

_SLACK = 7
"""Days for which a use is not written down again, so that a scan that measures nothing seldom writes."""

_FORGOTTEN_AT_ONCE = 2000
"""Rows that one scan forgets at most."""


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
            with suppress(OSError, *DAMAGED):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._database = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
                keep_a_log(self._database, _WAIT)
                self._database.execute("PRAGMA synchronous=NORMAL")
                self._database.execute(_TABLE)
                self._database.execute(_PAIRS)
                self._upgrade()

    def known(self, keys: Sequence[str]) -> Iterator[tuple[str, Measured]]:
        """Yield what is remembered of some states; without their reports."""
        stale = _today() - _SLACK
        for start in range(0, len(keys), _AT_ONCE):
            part = [key for key in keys[start : start + _AT_ONCE] if key]
            marks = ",".join("?" * len(part))
            rows = self._ask(
                f"SELECT key, row, sketch, day FROM adapters LEFT JOIN uses USING (key, rules) "  # noqa: S608
                f"WHERE rules = ? AND key IN ({marks})",
                [self._rules, *part],
            )
            self._use([key for key, _, _, day in rows if not (isinstance(day, int) and day > stale)])
            for key, row, sketch, _ in rows:
                if not isinstance(sketch, bytes) or len(sketch) % _NUMBER:
                    continue  # without its sketch it would never be compared with others
                with suppress(*UNDECODABLE, TypeError):  # SQLite takes any value for any column
                    yield key, Measured(msgspec.json.decode(row, type=FleetAdapter), sketch)

    def report(self, key: str) -> bytes | None:
        """Return the compressed report of a state; None where it is not known."""
        found = list(self._ask("SELECT report FROM adapters WHERE rules = ? AND key = ?", [self._rules, key]))
        try:
            zlib.decompress(found[0][0])
        except (IndexError, TypeError, zlib.error):
            return None
        packed: bytes = found[0][0]
        return packed

    def keep(self, measured: Iterable[tuple[str, Measured]]) -> None:
        """Remember some, all or none of them."""
        rows = [
            (key, self._rules, msgspec.json.encode(one.row), one.sketch, one.report) for key, one in measured if key
        ]
        if self._database is None or not rows:
            return
        with suppress(*DAMAGED), self._change():
            self._database.executemany("INSERT OR REPLACE INTO adapters VALUES (?, ?, ?, ?, ?)", rows)
            self._database.executemany(_USED, [(key, self._rules, _today()) for key, *_ in rows])

    def pairs(self, keys: Sequence[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], FleetPair]]:
        """Yield what is remembered of pairs of states."""
        wanted = set(keys)
        if not wanted:
            return
        for a, b, pair in self._ask("SELECT a, b, pair FROM pairs WHERE rules = ?", [self._rules]):
            if (a, b) in wanted:
                with suppress(*UNDECODABLE, TypeError):
                    yield (a, b), msgspec.json.decode(pair, type=FleetPair)

    def keep_pairs(self, measured: Sequence[tuple[tuple[str, str], FleetPair]]) -> None:
        """Remember some pairs, all or none of them."""
        rows = [(a, b, self._rules, msgspec.json.encode(pair)) for (a, b), pair in measured]
        if self._database is None or not rows:
            return
        with suppress(*DAMAGED), self._change():
            self._database.executemany("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?, ?)", rows)

    def forget(self) -> None:
        """Forget rows that no scan has used for a season, and their pairs: some thousand at a time, to hold up no scan."""
        if self._database is None:
            return
        old = self._ask(
            "SELECT key, rules FROM uses WHERE day < ? ORDER BY day LIMIT ?", [_today() - _SEASON, _FORGOTTEN_AT_ONCE]
        )
        if not old:
            return
        with suppress(*DAMAGED), self._change():
            for table, key in (("pairs", "a"), ("pairs", "b"), ("adapters", "key"), ("uses", "key")):
                self._database.executemany(f"DELETE FROM {table} WHERE {key} = ? AND rules = ?", old)  # noqa: S608

    def close(self) -> None:
        """Give the file back."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _upgrade(self) -> None:
        """Bring an older file into the form of this version: what it holds counts as used today."""
        assert self._database is not None
        database = self._database

        def form() -> int:
            return int(database.execute("PRAGMA user_version").fetchone()[0])

        if form() >= _FORM:
            return
        with self._change():
            if form() < _FORM:  # else another scan has just done so
                for statement in _UPGRADE:
                    database.execute(statement)
                database.execute("INSERT INTO uses SELECT key, rules, ? FROM adapters", [_today()])
                database.execute(f"PRAGMA user_version = {_FORM}")

    def _use(self, keys: Sequence[str]) -> None:
        """Write down that rows are used today."""
        if self._database is None or not keys:
            return
        with suppress(*DAMAGED), self._change():
            self._database.executemany(_USED, [(key, self._rules, _today()) for key in keys])

    def _ask(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        if self._database is None:
            return []
        try:
            return list(self._database.execute(query, values))
        except DAMAGED:
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


def _today() -> int:
    return int(time.time() // _DAY)
