"""Where a registry is: a file on this machine, or a PostgreSQL database."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from loradiag.core.errors import UsageError
from loradiag.core.text import printable, shorten
from loradiag.storage.urls import is_remote

VARIABLE = "LORADIAG_REGISTRY"
_FILE = "registry.sqlite"
_POSTGRES = ("postgresql", "postgres")


def default_place() -> str:
    """``LORADIAG_REGISTRY``, else a file in the user's data directory.

    Raises:
        UsageError: The user has none.
    """
    said = os.environ.get(VARIABLE)
    if said:
        return said
    try:
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    except RuntimeError as error:  # as in a container that runs as a user without a name
        raise UsageError(f"--registry: this user has no home directory; name a file, or set {VARIABLE}") from error
    return str(Path(data) / "loradiag" / _FILE)


def place_of(where: str | Path | None) -> Path | URL:
    """Return the file, or the URL of a database, that a user named; the default one of None.

    Raises:
        UsageError: It is a URL of another kind, or none is named and the user has no home directory.
    """
    text = str(where) if where else default_place()
    if not (is_remote(text) or text.startswith("sqlite:")):
        return Path(text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise UsageError("--registry: this is no URL of a database; postgresql://user@host/database is one") from error
    backend, _, driver = url.drivername.partition("+")
    if backend == "sqlite" and url.database:
        return Path(url.database)
    if backend not in _POSTGRES:
        raise UsageError(f"--registry {shown(url)}: name a file, or a database by postgresql://user@host/database")
    return url.set(drivername=f"postgresql+{driver or 'psycopg'}")


def shown(place: Path | URL) -> str:
    """A place for messages: without user, password and options."""
    if isinstance(place, Path):
        return printable(str(place))
    port = f":{place.port}" if place.port else ""
    return printable(f"{place.drivername.partition('+')[0]}://{place.host or ''}{port}/{place.database or ''}")


def reason_of(place: Path | URL, error: BaseException) -> str:
    """What an error says, in a line, without what a URL keeps secret."""
    cause = getattr(error, "orig", None) or error
    lines = (line.strip() for line in str(cause).splitlines())
    text = next((line for line in lines if line), type(cause).__name__)
    if isinstance(place, URL):
        secrets = [place.password, *(part for value in place.query.values() for part in _parts(value))]
        for secret in sorted({str(secret) for secret in secrets if secret}, key=len, reverse=True):
            text = text.replace(secret, "***")
        text = re.sub(r"(password=)\S+", r"\1***", text)
    return shorten(printable(text), 200)


def _parts(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value
