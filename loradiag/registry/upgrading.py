"""Tables made, checked, and brought up to date, by whoever comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, inspect, select, text

from loradiag.core.errors import InputError
from loradiag.core.times import now
from loradiag.registry.models import PREFIX, Base, Version

VERSION = 1
"""Raised by every change of the tables, with the statements that bring an older registry there in :data:`UPGRADES`."""

UPGRADES: Mapping[int, Sequence[str]] = {}
"""From a version to the next: statements that SQLite and PostgreSQL both take."""


def prepare(connection: Connection, name: str, *, shared: bool) -> None:
    """Make the tables, or upgrade them, within one transaction that keeps other writers off.

    Args:
        connection: In a transaction.
        name: What the registry is called in messages.
        shared: Whether tables of other programs may be there.

    Raises:
        InputError: It is of a newer version, or another program's.
    """
    found = version_of(connection, name, shared=shared)
    if found is None:
        Base.metadata.create_all(connection)
        connection.execute(Version.__table__.insert().values(id=1, version=VERSION, created=now()))  # type: ignore[attr-defined]
        return
    for step in range(found, VERSION):
        for statement in UPGRADES[step]:
            connection.execute(text(statement))
    if found < VERSION:
        connection.execute(Version.__table__.update().values(version=VERSION))  # type: ignore[attr-defined]


def version_of(connection: Connection, name: str, *, shared: bool) -> int | None:
    """The version of the tables that are there; None where there are none.

    Raises:
        InputError: They are of a newer version, or another program's.
    """
    tables = set(inspect(connection).get_table_names())
    if Version.__tablename__ not in tables:
        if tables and not shared:
            raise InputError(name, "is a database of another program", "name another file with --registry", "foreign")
        if any(table.startswith(PREFIX) for table in tables):
            raise InputError(name, "holds a registry without its version", "restore it from a backup", "damaged")
        return None
    found = connection.execute(select(Version.version)).scalar()
    if not isinstance(found, int) or found > VERSION:
        said = f"version {found}" if isinstance(found, int) else "a version that it does not say"
        raise InputError(
            name, f"is a registry of {said}; this loradiag reads {VERSION}", "use a newer loradiag", "version"
        )
    return found


def current(connection: Connection, name: str, *, shared: bool) -> None:
    """Check that the tables can be read as they are.

    Raises:
        InputError: There are none, or they are of another version.
    """
    found = version_of(connection, name, shared=shared)
    if found is None:
        raise InputError(name, "holds no registry", "make one: loradiag registry add ADAPTER", "missing")
    if found < VERSION:
        remedy = "open it once where it can be written: loradiag registry add"
        raise InputError(name, f"is a registry of version {found}; this loradiag reads {VERSION}", remedy, "version")
