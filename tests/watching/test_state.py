"""The file of a watch: who may write it, who may read it, and what is said where that cannot be."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from loradiag.core.errors import InputError, UsageError
from loradiag.watching import state as states
from loradiag.watching.alarms import alarm_of, alarms, change_alarm
from loradiag.watching.lookup import evidence_in
from loradiag.watching.outbox import StateOutbox
from loradiag.watching.remembered import keep_files, known_files
from loradiag.watching.state import State
from tests.watching.making import watcher, write, write_baseline


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a baseline, a lake of requests that have drifted, and no watch yet."""
    write_baseline(tmp_path / "baselines" / "support")
    write(tmp_path / "lake", 80, seed=1, domain=3)
    return tmp_path


def test_only_one_watch_may_be_at_work(place: Path) -> None:
    """A second one on the same state is told so."""
    first, second = State(place / "watch.sqlite"), State(place / "watch.sqlite")
    with first.watching(), pytest.raises(UsageError, match="another"), second.watching():
        pass
    with second.watching():
        pass


def test_a_lock_that_cannot_be_had_is_another_matter(place: Path) -> None:
    """Nobody else is at work where the file of the lock is none that can be written."""
    state = State(place / "watch.sqlite")
    (place / "watch.sqlite.lock").mkdir()
    with pytest.raises(UsageError, match=r"lock: cannot be locked \(Is a directory\); give --state"), state.watching():
        pass


def test_a_damaged_state_is_said(place: Path) -> None:
    """What is no database is named, with what to do; who only looks for evidence finds none."""
    (place / "watch.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(InputError, match="move it away"):
        watcher(place)
    assert evidence_in(place / "watch.sqlite") == {}


@pytest.mark.parametrize("damage", ["UPDATE alarms SET e_value = 'much'", "DROP TABLE alarms"])
@pytest.mark.parametrize(
    "use", [alarms, lambda state: alarm_of(state, 1), lambda state: change_alarm(state, 1, "resolved", "ann", "over")]
)
def test_damaged_alarms_are_said(place: Path, damage: str, use: Callable[[State], object]) -> None:
    """In a line, whether they are listed, read or settled; no writer makes a table anew while the file is open."""
    run = watcher(place)
    assert len(run.poll().raised) == 1
    run.state.database.execute(damage)
    with pytest.raises(InputError, match=r"cannot be used as the state of a watch \(.+\); move it away"):
        use(run.state)


@pytest.mark.parametrize(
    ("damage", "read"),
    [
        ("UPDATE meta SET value = '{' WHERE name = 'totals'", State.totals),
        ("UPDATE episodes SET state = x'c1'", State.episodes),
        ("DROP TABLE episodes", State.episodes),
        ("DROP TABLE files", known_files),
        ("DROP TABLE notices", lambda state: StateOutbox(state).due(0.0)),
    ],
)
def test_what_was_counted_may_be_damaged(place: Path, damage: str, read: Callable[[State], object]) -> None:
    """No watch goes on with it, and none says that the lake is at fault."""
    run = watcher(place)
    run.poll()
    run.state.database.execute(damage)
    with pytest.raises(InputError, match="move it away"):
        read(run.state)


def test_a_folder_that_cannot_be_written_is_said(place: Path) -> None:
    """With what to do about it; a file where a folder should be, since root may write everywhere."""
    (place / "file").write_text("x")
    with pytest.raises(UsageError, match="--state FILE"):
        State(place / "file" / "watch.sqlite")


def test_a_state_that_is_none_leaves_nothing_open(place: Path) -> None:
    """However often it is tried: the file is closed each time."""
    (place / "watch.sqlite").write_bytes(b"no database" * 1000)
    before = len(os.listdir("/proc/self/fd"))
    caught = []
    for read_only in (True, False) * 3:
        with pytest.raises(InputError) as found:
            State(place / "watch.sqlite", read_only=read_only)
        caught.append(found)  # what is raised holds all that is not closed
    assert len(os.listdir("/proc/self/fd")) == before


def test_who_only_reads_writes_nothing_and_waits_for_nobody(place: Path) -> None:
    """A reader sees what was committed while the watch is in the middle of a change."""
    run = watcher(place)
    run.poll()
    with run.state.change():
        reader = State(place / "watch.sqlite", read_only=True)
        assert len(alarms(reader)) == 1
        assert reader.episodes()["support"].counted == 80
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            keep_files(reader, ["x"])
    with pytest.raises(InputError, match="no watch"):
        State(place / "none.sqlite", read_only=True)


def test_a_writer_that_does_not_end_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is another process's fault, and not the file's: nobody is told to move it away."""
    monkeypatch.setattr(states, "_WAIT", 0.1)
    run = watcher(place)
    run.poll()
    other = State(place / "watch.sqlite")
    with run.state.change():
        with pytest.raises(UsageError, match="another process has been writing to it for 0 s; try again"):
            change_alarm(other, 1, "acknowledged", "ann", "on it")
        with pytest.raises(UsageError, match="another process has been writing"):
            State(place / "watch.sqlite")
    assert change_alarm(other, 1, "acknowledged", "ann", "on it").by == "ann"


def test_many_may_begin_at_once(tmp_path: Path) -> None:
    """A state that nobody has made: whoever comes first makes it, and all others find it."""
    barrier = Barrier(6)

    def begun(path: Path) -> None:
        barrier.wait()
        State(path).close()

    for number in range(12):
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(begun, [tmp_path / f"{number}.sqlite"] * 6))
