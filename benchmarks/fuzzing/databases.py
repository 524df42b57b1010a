"""SQLite files changed where they have meaning: a value of a row, a document within one, a table or the version; or bytes."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from benchmarks.fuzzing.mutating import HOSTILE, as_json, blindly

_ODD = (
    "'",
    "%",
    "\udcff".encode("utf-8", "surrogateescape"),
    b"\x80",
    b"{}",
    b"[]",
    b"\x90",
    -1,
    2**63 - 1,
    1e308,
    None,
)


def as_database(data: bytes, random: Random) -> bytes:
    """Change a database by its own means, so that it is sound as one; at times its bytes."""
    if random.random() < 0.25:
        return blindly(data, random)
    try:
        with _opened(data) as database:
            _change(database, random)
            return database.serialize()
    except (sqlite3.Error, OverflowError, UnicodeError):
        return blindly(data, random)


@contextmanager
def _opened(data: bytes) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:", isolation_level=None)
    try:
        database.deserialize(data)
        yield database
    finally:
        database.close()


def _change(database: sqlite3.Connection, random: Random) -> None:
    tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    tables = [name for name in tables if not name.startswith("sqlite_")]
    table = random.choice(tables)
    columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
    column, choice = random.choice(columns), random.random()
    if choice < 0.03:
        database.execute(f'DROP TABLE "{table}"')
    elif choice < 0.06:
        with suppress(sqlite3.Error):  # a key cannot be dropped
            database.execute(f'ALTER TABLE "{table}" DROP COLUMN "{column}"')
    elif choice < 0.08:
        database.execute(f"PRAGMA user_version = {random.choice((0, 1, 2, 99, -1))}")
    elif choice < 0.12:
        database.execute(f'DELETE FROM "{table}"')
    else:
        rows = database.execute(f'SELECT "{column}" FROM "{table}"').fetchall()
        old = random.choice(rows)[0] if rows else None
        new = _value(old, random)
        database.execute(f'UPDATE OR IGNORE "{table}" SET "{column}" = ? WHERE "{column}" IS ?', [new, old])


def _value(old: Any, random: Random) -> Any:
    """Another value: of a document within a row one that is changed where it has meaning."""
    if random.random() < 0.6 and isinstance(old, bytes | str) and old:
        return _document(old, random)
    new = random.choice((*HOSTILE, *_ODD))
    return new if isinstance(new, int | float | str | bytes | None) and _fits(new) else json.dumps(new)


def _fits(value: Any) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= letter <= "\udfff" for letter in value)
    return not isinstance(value, int) or abs(value) < 2**63


def _document(old: bytes | str, random: Random) -> bytes | str:
    """JSON, MessagePack, or either through zlib, taken apart, changed and put together again."""
    if isinstance(old, str):
        return as_json(old.encode(), random).decode("utf-8", "replace")
    with suppress(zlib.error):
        return zlib.compress(as_json(zlib.decompress(old), random), 1)
    with suppress(msgspec.DecodeError, UnicodeDecodeError, ValueError, OverflowError, TypeError, RecursionError):
        told = msgspec.msgpack.decode(old)
        if isinstance(told, dict | list):
            changed = as_json(json.dumps(told, default=str).encode(), random)
            return msgspec.msgpack.encode(json.loads(changed))
    return as_json(old, random) if old[:1] in b"{[" else blindly(old, random)


def lay_database(place: Path, data: bytes) -> Path:
    """Write a database without what SQLite kept beside the last one."""
    for ending in ("-wal", "-shm", "-journal"):
        place.with_name(place.name + ending).unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


def made(write: Callable[[Path], object], folder: Path) -> bytes:
    """The bytes of a database that some code writes, with all of its journal in it."""
    place = folder / "made.sqlite"
    write(place)
    with sqlite3.connect(place) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode=DELETE")
    database.close()
    return place.read_bytes()
