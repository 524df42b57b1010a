"""A registry for each test, in SQLite and in PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the registry needs SQLAlchemy")

from loradiag.registry.store import Store, open_store
from tests.registry import postgres

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL database."""
    reason = postgres.why_not()
    if reason:
        pytest.skip(reason)
    with postgres.server() as url:
        yield url


@pytest.fixture
def database(server: str) -> str:
    """The URL of an empty database."""
    import psycopg

    name = f"registry{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a registry is to be made."""
    if request.param == "postgres":
        found: str = request.getfixturevalue("database")
        return found
    return str(tmp_path / "registry.sqlite")


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    """An empty registry."""
    with open_store(where) as opened:
        yield opened
