"""A memory of fleets with values of another kind than were written: what cannot be read is measured again."""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path
from typing import Any

import pytest

from loradiag.core.fleet import FleetAdapter, FleetPair
from loradiag.fleet.memory import Measured, Memory

RULES = "r"
SKETCH = b"\0\0\x80\x3f" * 2
REPORT = zlib.compress(b"{}")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A memory of two adapters and their pair."""
    memory = Memory(tmp_path / "fleet.sqlite", RULES)
    memory.keep((key, Measured(FleetAdapter(path=key), SKETCH, REPORT)) for key in "ab")
    memory.keep_pairs([(("a", "b"), FleetPair(a=0, b=1, relation="same", cosine=1.0, distance=0.0))])
    memory.close()
    return tmp_path / "fleet.sqlite"


def put(place: Path, table: str, column: str, value: Any) -> Memory:
    """Put a value into all rows of a table, and open the memory again."""
    with sqlite3.connect(place) as database:
        database.execute(f"UPDATE {table} SET {column} = ?", [value])
    database.close()
    return Memory(place, RULES)


@pytest.mark.parametrize("value", [5, "text", b"{", b'{"path": "\xff"}', b"[" * 5000])
def test_rows_that_make_no_sense_are_not_known(place: Path, value: Any) -> None:
    """Of no document, of half of one, of another type, of no UTF-8, nested beyond all reason."""
    assert list(put(place, "adapters", "row", value).known(["a", "b"])) == []
    assert list(put(place, "pairs", "pair", value).pairs([("a", "b")])) == []


@pytest.mark.parametrize("value", [5, "text", b"abc"])
def test_rows_whose_sketches_make_no_sense_are_not_known(place: Path, value: Any) -> None:
    """Without one an adapter would be compared with no other, for as long as it is remembered; one that is empty is sound."""
    assert list(put(place, "adapters", "sketch", value).known(["a"])) == []
    assert [one.sketch for _, one in put(place, "adapters", "sketch", b"").known(["a"])] == [b""]


@pytest.mark.parametrize("value", [5, "text", b"abc", REPORT[:-3]])
def test_reports_that_cannot_be_unpacked_are_not_known(place: Path, value: Any) -> None:
    """A sound one is."""
    assert Memory(place, RULES).report("a") == REPORT
    assert put(place, "adapters", "report", value).report("a") is None


def test_days_that_make_no_sense_are_written_anew(place: Path) -> None:
    """The adapter is known."""
    assert [key for key, _ in put(place, "uses", "day", "text").known(["a"])] == ["a"]


def test_a_file_that_is_damaged_anywhere(place: Path) -> None:
    """Whatever a byte of it becomes, the memory opens, and knows less or nothing."""
    whole = place.read_bytes()
    for number in range(0, 6000, 37):
        place.write_bytes(whole[:number] + b"\xf4" + whole[number + 1 :])
        for ending in ("-wal", "-shm"):
            place.with_name(place.name + ending).unlink(missing_ok=True)
        memory = Memory(place, RULES)
        list(memory.known(["a", "b"]))
        list(memory.pairs([("a", "b")]))
        memory.report("a")
        memory.close()
