"""SQLite files that many processes share: how they are opened, and what another process's write looks like."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

DAMAGED = (sqlite3.Error, UnicodeDecodeError)
"""What is raised of a file that is damaged: where a broken name would stand in the error's text, Python cannot make that."""

_AGAIN = 0.02
"""Seconds from one try for a log to the next."""


def uri_of(path: Path, *, read_only: bool) -> str:
    """Return what :func:`sqlite3.connect` opens with ``uri=True``.

    Args:
        path: The file; made by whoever writes if there is none.
        read_only: Whether nothing will be written, nor made beside it.
    """
    mode = "mode=ro" if read_only else "mode=rwc"
    if read_only and not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists():
        mode = "mode=ro&immutable=1"  # a WAL needs files beside it, which cannot be made here; nobody writes either
    return f"{path.resolve().as_uri()}?{mode}"


def keep_a_log(database: sqlite3.Connection, wait: float) -> None:
    """Let readers read while a writer is at work, by a write-ahead log. The file remembers.

    Args:
        database: Open for writing, in no transaction.
        wait: Seconds for which others who do the same are waited for: SQLite itself does not wait here.

    Raises:
        sqlite3.Error: They took longer, or the file is no database or cannot be written.
    """
    end = time.monotonic() + wait
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > end:
                raise
            time.sleep(_AGAIN)


def is_busy(error: BaseException) -> bool:
    """Whether SQLite says that another process has been writing for longer than it waits."""
    return _told(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_of_the_disk(error: BaseException) -> bool:
    """Whether SQLite says that there is no room, or that the system refused to read or write."""
    refused = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
    return _told(error) in refused


def _told(error: BaseException) -> int:
    """The kind of an error; the rest of its code says what exactly was refused. 0 of others."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
