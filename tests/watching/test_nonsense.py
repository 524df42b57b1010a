"""A watch's state with values of another kind than were written: every reader says in one line that it is damaged."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loradiag.api import alarms, watch_days, watched
from loradiag.core.errors import InputError
from loradiag.watching.lookup import evidence_in
from tests.watching.making import watcher, write, write_baseline


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The state of a watch that has looked at a lake once."""
    folder = tmp_path_factory.mktemp("watched")
    write_baseline(folder / "baselines" / "support")
    write(folder / "lake", 80, seed=1, domain=3)
    seen = watcher(folder)
    seen.poll()
    seen.state.close()
    return (folder / "watch.sqlite").read_bytes()


@pytest.fixture
def place(whole: bytes, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    (tmp_path / "watch.sqlite").write_bytes(whole)
    return tmp_path / "watch.sqlite"


def put(place: Path, table: str, column: str, value: Any) -> None:
    """Put a value into all rows of a table."""
    with sqlite3.connect(place) as database:
        database.execute(f"UPDATE {table} SET {column} = ?", [value])
    database.close()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("day", "9" * 3000),
        ("day", 2**62),
        ("counted", "a"),
        ("novel", -1),
        ("novel", 2**62),
        ("topics", "text"),
        ("topics", b"\xc1"),
        ("log_e", "text"),
        ("signals", b"\xd9\x01\xff"),
    ],
)
def test_a_day_that_makes_no_sense(place: Path, column: str, value: Any) -> None:
    """Numbers that are texts, counts that contradict each other, days beyond all time, and what does not decode."""
    put(place, "diary", column, value)
    with pytest.raises(InputError, match="cannot be used as the state of a watch"):
        watch_days(state=place)


@pytest.mark.parametrize("value", [5, "text", b"", b"\xc1", b"\x81\xd9\x01\xff\x01"])
def test_evidence_that_makes_no_sense(place: Path, value: Any) -> None:
    """It is of no adapter, for whoever looks; where a drift check looks for it there is none."""
    put(place, "episodes", "state", value)
    with pytest.raises(InputError, match="cannot be used as the state of a watch"):
        watched(state=place)
    assert evidence_in(place) == {}


def test_numbers_of_evidence_that_make_no_sense(place: Path) -> None:
    """What decodes and cannot be computed with is damage too."""
    with sqlite3.connect(place) as database:
        (state,) = database.execute("SELECT state FROM episodes").fetchone()
    database.close()
    told = msgspec.msgpack.decode(state)
    put(place, "episodes", "state", msgspec.msgpack.encode({**told, "answers": {"no such measure": told["answers"]}}))
    with pytest.raises(InputError, match="cannot be used as the state of a watch"):
        watched(state=place)


def test_totals_and_alarms_that_make_no_sense(place: Path) -> None:
    """The same of the rest."""
    put(place, "meta", "value", "1")
    with pytest.raises(InputError, match="cannot be used as the state of a watch"):
        watched(state=place)
    put(place, "alarms", "e_value", "text")
    with pytest.raises(InputError, match="cannot be used as the state of a watch"):
        alarms(state=place)
