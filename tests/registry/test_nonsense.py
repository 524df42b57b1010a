"""A registry's file with values of another kind than were written: whoever reads it says in one line that it is damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loradiag.api.registry import Registry, open_registry
from loradiag.core.errors import InputError
from tests.registry.building import evaluated, inspection, score, sha


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A registry of two adapters with results."""
    with open_registry(tmp_path / "registry.sqlite") as registry:
        registry.record(
            [(report, None, None) for report in (inspection("a"), inspection("b"), evaluated("a", score()))]
        )
    return tmp_path / "registry.sqlite"


def put(place: Path, table: str, column: str, value: Any) -> None:
    """Put a value into all rows of a table."""
    with sqlite3.connect(place) as database:
        database.execute(f"UPDATE loradiag_{table} SET {column} = ?", [value])
    database.close()


def show(registry: Registry) -> object:
    """All of an adapter."""
    return registry.show(sha("a"))


def report(registry: Registry) -> object:
    """A stored report of it."""
    return registry.report(sha("a"))


def check(registry: Registry) -> object:
    """What the registry says of all."""
    return registry.check()


@pytest.mark.parametrize(
    ("table", "column", "value", "ask"),
    [
        ("adapters", "stamp", "{", show),
        ("adapters", "stage", "nowhere", check),
        ("reports", "confirmed", "no time at all", check),
        ("reports", "document", "text", report),
    ],
)
def test_values_that_make_no_sense(
    place: Path, table: str, column: str, value: Any, ask: Callable[[Registry], object]
) -> None:
    """Where they are asked for; the rest can be read."""
    put(place, table, column, value)
    with (
        open_registry(place, read_only=True) as registry,
        pytest.raises(InputError, match=r"registry\.sqlite: cannot be used"),
    ):
        ask(registry)


def test_a_version_that_is_no_number(place: Path) -> None:
    """It is none that this program reads."""
    put(place, "registry", "version", "text")
    with pytest.raises(InputError, match="a version that it does not say"):
        open_registry(place, read_only=True)
