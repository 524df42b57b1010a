"""What is remembered of a fleet: known again, forgotten when no scan uses it any more, and read from older files."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from loradiag.api import default_policy, scan_fleet
from loradiag.core.fleet import FleetAdapter, FleetPair
from loradiag.fleet import memory
from loradiag.fleet.memory import Measured, Memory
from tests.fleet.making import write_adapter

Later = Callable[[float], None]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Puts the clock forward by some days."""
    start = time.time()

    def move(days: float) -> None:
        monkeypatch.setattr(memory.time, "time", lambda: start + days * 86400)

    return move


def keep(file: Path, rules: str, *keys: str) -> None:
    """Remember adapters of these keys, and the pairs of neighbours."""
    kept = Memory(file, rules)
    kept.keep((key, Measured(FleetAdapter(path=key), b"", zlib.compress(b"report"))) for key in keys)
    pair = FleetPair(a=0, b=1, relation="same", cosine=1.0, distance=0.0)
    kept.keep_pairs([(both, pair) for both in pairwise(keys)])
    kept.close()


def known(file: Path, rules: str, *keys: str) -> set[str]:
    """Which of them are known, as a scan asks for them."""
    kept = Memory(file, rules)
    found = {key for key, _ in kept.known(keys)}
    kept.close()
    return found


def forget(file: Path) -> None:
    """What a scan does at its end."""
    kept = Memory(file, "any")
    kept.forget()
    kept.close()


def rows(file: Path, table: str) -> list[tuple[str, ...]]:
    """What the file holds, whoever may use it."""
    database = sqlite3.connect(file)
    columns = {"adapters": "key, rules", "pairs": "a, b, rules", "uses": "key, rules"}[table]
    found = sorted(database.execute(f"SELECT {columns} FROM {table}"))
    database.close()
    return found


def test_what_no_scan_uses_for_a_season_is_forgotten(tmp_path: Path, later: Later) -> None:
    """Of another version, and of states that are gone, with the pairs that they are in; what was used stays."""
    file = tmp_path / "fleet.sqlite"
    keep(file, "old", "a", "b")
    keep(file, "new", "a", "b", "gone")
    later(60)
    assert known(file, "new", "a", "b") == {"a", "b"}
    forget(file)
    assert len(rows(file, "adapters")) == 5
    later(92)
    forget(file)
    assert rows(file, "adapters") == [("a", "new"), ("b", "new")] == rows(file, "uses")
    assert rows(file, "pairs") == [("a", "b", "new")]
    assert known(file, "old", "a", "b") == set()
    kept = Memory(file, "new")
    assert kept.report("a") == zlib.compress(b"report")
    kept.close()


def test_a_use_is_written_down_once_a_week(tmp_path: Path, later: Later) -> None:
    """And counts for a season from then on."""
    file = tmp_path / "fleet.sqlite"
    later(0)
    keep(file, "new", "a")
    start = int(time.time() // 86400)  # the clock stands still

    def day() -> int:
        database = sqlite3.connect(file)
        ((found,),) = database.execute("SELECT day FROM uses")
        database.close()
        return int(found)

    for days, written in ((3, start), (8, start + 8)):
        later(days)
        assert known(file, "new", "a") == {"a"}
        assert day() == written


def test_one_scan_forgets_only_so_much(tmp_path: Path, later: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest first; the next ones go on."""
    monkeypatch.setattr(memory, "_FORGOTTEN_AT_ONCE", 3)
    file = tmp_path / "fleet.sqlite"
    keep(file, "old", *"abcd")
    later(1)
    keep(file, "old", "e")
    later(100)
    left = []
    for _ in range(3):
        forget(file)
        left.append(len(rows(file, "adapters")))
    assert left == [2, 0, 0]
    assert rows(file, "pairs") == rows(file, "uses") == []


def test_a_file_of_an_older_program(tmp_path: Path, later: Later) -> None:
    """Is known as before, counts as used when it is first opened, and is forgotten a season later."""
    file = tmp_path / "fleet.sqlite"
    database = sqlite3.connect(file)
    database.execute(
        "CREATE TABLE adapters (key TEXT NOT NULL, rules TEXT NOT NULL, row BLOB NOT NULL, sketch BLOB NOT NULL, "
        "report BLOB NOT NULL, PRIMARY KEY (key, rules)) WITHOUT ROWID"
    )
    database.execute("INSERT INTO adapters VALUES ('a', 'old', '{\"path\": \"a\"}', x'', x'')")
    database.commit()
    database.close()
    assert known(file, "old", "a") == {"a"}
    later(80)
    forget(file)
    assert rows(file, "adapters") == rows(file, "uses") == [("a", "old")]
    later(92)
    forget(file)
    assert rows(file, "adapters") == rows(file, "uses") == []


def test_a_damaged_file_remembers_nothing(tmp_path: Path) -> None:
    """And is no error."""
    file = tmp_path / "fleet.sqlite"
    file.write_bytes(b"no database" * 1000)
    keep(file, "new", "a")
    assert known(file, "new", "a") == set()
    forget(file)


def test_a_scan_forgets(tmp_path: Path, later: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured under a policy that nobody has used since."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    write_adapter(tmp_path / "one")
    scan_fleet([tmp_path / "one"])
    file = tmp_path / "cache" / "fleet.sqlite"
    ((_, before),) = rows(file, "adapters")
    later(100)
    scan_fleet([tmp_path / "one"], policy=msgspec.structs.replace(default_policy(), fail_on="warning"))
    ((_, after),) = rows(file, "adapters")
    assert after != before
