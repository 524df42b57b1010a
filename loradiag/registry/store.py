"""A registry, opened. Any number of processes may read and write one: writers take turns, readers see what was committed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from loradiag.core.decoding import UNDECODABLE
from loradiag.core.errors import InputError, LoradiagError, UsageError
from loradiag.core.lazy import require
from loradiag.registry.places import place_of, reason_of, shown
from loradiag.registry.upgrading import current, prepare
from loradiag.storage.files import unreadable
from loradiag.storage.sqlite import DAMAGED, is_busy, is_of_the_disk, keep_a_log, uri_of

WAIT = 30
"""Seconds for which another process's write is waited for."""

_TURN = 0x6C6F7261
"""The number of the advisory lock under which PostgreSQL's writers take turns."""

_WRITES = "loradiag_writes"

_NONSENSE = (*UNDECODABLE, TypeError, ValueError, ArithmeticError, LookupError)
"""What reading values comes to that were never written: SQLite takes any value for any column."""


class Store:
    """A registry, opened by :func:`open_store`; use it with ``with``, or close it.

    Attributes:
        name: What it is called in messages: without credentials.
    """

    def __init__(self, place: Path | URL, engine: Engine) -> None:
        self.name = shown(place)
        self._place = place
        self._shared = isinstance(place, URL)
        # PostgreSQL's default shows each query what was committed just before it; SQLite shows one state by itself.
        self._reads = engine.execution_options(isolation_level="REPEATABLE READ") if self._shared else engine
        self._writes = engine.execution_options(**{_WRITES: True})

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the registry.

        Raises:
            InputError: It is damaged, or the server went away.
        """
        try:
            with self._told(), Session(self._reads) as session, session.begin():
                yield session
        except _NONSENSE as error:
            if self._shared:
                raise  # PostgreSQL holds columns to their types
            raise _explained(self._place, error) from error

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session of the only writer: all that is done within is committed at once, or not at all.

        Raises:
            InputError: It is damaged, or the server went away.
            UsageError: It cannot be written, or somebody else has been writing for too long.
        """
        with self._told(), Session(self._writes) as session, session.begin():
            self._take_turn(session.connection())
            yield session

    def prepare(self) -> None:
        """Make the tables, or bring them up to date.

        Raises:
            InputError: It is of a newer version, or another program's.
            UsageError: It cannot be written.
        """
        with self._told(), self._writes.begin() as connection:
            self._take_turn(connection)
            prepare(connection, self.name, shared=self._shared)
        if not self._shared:
            self._keep_a_log()

    def check(self) -> None:
        """Check that the tables are there, and of this version.

        Raises:
            InputError: They are not.
        """
        with self._told(), self._reads.begin() as connection:
            current(connection, self.name, shared=self._shared)

    def close(self) -> None:
        """Close it."""
        self._reads.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep_a_log(self) -> None:
        """Let readers read while a writer is at work. The file remembers; done once it is known to be a registry."""
        with self._told(), self._reads.connect() as connection:
            made = connection.connection.driver_connection
            assert isinstance(made, sqlite3.Connection)
            keep_a_log(made, WAIT)

    def _take_turn(self, connection: Connection) -> None:
        """Writers in PostgreSQL wait for each other as SQLite's do, so that none sees half of another's work."""
        if self._shared:
            connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout, *DAMAGED) as error:  # others are faults of this program
            raise _explained(self._place, error) from error


def open_store(where: str | Path | None = None, *, create: bool = True, read_only: bool = False) -> Store:
    """Open a registry.

    Args:
        where: A file, or ``postgresql://user@host/database``; ``LORADIAG_REGISTRY`` or the user's own if None.
        create: Whether to make it where there is none.
        read_only: Whether nothing will be written.

    Raises:
        InputError: There is none, it is damaged or of another version, or the server cannot be reached.
        MissingExtraError: SQLAlchemy, or the driver of PostgreSQL, is not installed.
        UsageError: It cannot be made or written, or the URL is none of a database that can be used.
    """
    place = place_of(where)
    writes = create and not read_only
    made = (
        _sqlite(place, create=writes, read_only=read_only)
        if isinstance(place, Path)
        else _postgres(place, read_only=read_only)
    )
    store = Store(place, made)
    try:
        store.prepare() if writes else store.check()
    except BaseException:
        store.close()
        raise
    return store


def _sqlite(path: Path, *, create: bool, read_only: bool) -> Engine:
    try:
        if path.is_dir():
            raise UsageError(f"{shown(path)}: is a directory; name a file with --registry")
        if not create and not path.is_file():
            raise InputError(path, "does not exist", "make a registry: loradiag registry add ADAPTER", "missing")
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{shown(path)}: cannot be made ({error.strerror}); name a file with --registry") from error
    engine = create_engine("sqlite+pysqlite://", creator=_connector(path, read_only), poolclass=QueuePool)
    event.listen(engine, "begin", _begin)
    return engine


def _connector(path: Path, read_only: bool) -> Callable[[], sqlite3.Connection]:
    def connect() -> sqlite3.Connection:
        uri = uri_of(path, read_only=read_only)
        made = sqlite3.connect(uri, uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False)
        made.execute("PRAGMA foreign_keys=ON")
        made.execute("PRAGMA synchronous=FULL")  # history cannot be computed again
        return made

    return connect


def _begin(connection: Connection) -> None:
    """A writer takes the lock at its beginning: what it read first is then still so when it writes."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres(url: URL, *, read_only: bool) -> Engine:
    driver = url.drivername.partition("+")[2]
    require(driver, "postgres")
    options: dict[str, Any] = {"connect_timeout": 10} if driver == "psycopg" else {}
    made = create_engine(url, connect_args=options, pool_pre_ping=True)
    return made.execution_options(postgresql_readonly=True) if read_only else made


def _explained(place: Path | URL, error: BaseException) -> LoradiagError:
    """A line for a user instead of a database's error."""
    name, reason = shown(place), reason_of(place, error)
    cause = getattr(error, "orig", None) or error
    if isinstance(place, URL):
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        remedy = "check the URL, and that the server is up and lets you in"
        return InputError(name, f"{'was lost' if lost else 'cannot be used'} ({reason})", remedy, "unreachable")
    if is_busy(cause):
        return UsageError(f"{name}: another process has been writing to it for {WAIT} s; try again")
    if is_of_the_disk(cause):
        return UsageError(f"{name}: cannot be written ({reason}); name another file with --registry")
    return InputError(name, f"cannot be used as a registry ({reason})", "move it away, or restore it", "damaged")
