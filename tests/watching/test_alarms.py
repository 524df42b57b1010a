"""Settling alarms: who came first stays, however many try, and at whatever moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from loradiag.core.errors import InputError
from loradiag.core.watching import AlarmStatus
from loradiag.watching.alarms import alarm_of, alarms, change_alarm, settle
from loradiag.watching.state import State
from tests.watching.making import watcher, write, write_baseline

MANY = 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The state of a watch that has raised one alarm."""
    write_baseline(tmp_path / "baselines" / "support")
    write(tmp_path / "lake", 80, seed=1, domain=3)
    run = watcher(tmp_path)
    assert len(run.poll().raised) == 1
    run.state.close()
    return tmp_path / "watch.sqlite"


def test_who_acknowledges_first_stays(path: Path) -> None:
    """The second is told who was, and why, and what is left to do; nothing has changed."""
    state = State(path)
    first = change_alarm(state, 1, "acknowledged", "ann", "on it")
    with pytest.raises(InputError) as caught:
        change_alarm(state, 1, "acknowledged", "bob", "me too")
    assert str(caught.value) == f"{path}: alarm 1 is acknowledged already, by ann: on it; resolve it when it is over"
    assert alarm_of(state, 1) == first
    assert (first.status, first.by, first.why) == ("acknowledged", "ann", "on it")


@pytest.mark.parametrize("status", ["acknowledged", "resolved"])
def test_what_is_over_stays_over(path: Path, status: AlarmStatus) -> None:
    """An alarm that is acknowledged can be resolved, by whomever, and then nothing more becomes of it."""
    state = State(path)
    change_alarm(state, 1, "acknowledged", "ann", "on it")
    over = change_alarm(state, 1, "resolved", "bob", "retrained")
    with pytest.raises(InputError, match="alarm 1 is resolved already, by bob: retrained; it needs no more attention"):
        change_alarm(state, 1, status, "eve", "again")
    assert alarm_of(state, 1) == over
    assert alarms(state) == []


def test_the_watch_may_have_been_first(path: Path) -> None:
    """It resolves without a name."""
    state = State(path)
    with state.change():
        settle(state, 1, "resolved", None, "calm again")
    with pytest.raises(InputError, match="alarm 1 is resolved already, by the watch itself: calm again"):
        change_alarm(state, 1, "resolved", "ann", "over")


@pytest.mark.parametrize("status", ["acknowledged", "resolved"])
def test_of_many_at_one_moment_one_is_first(path: Path, status: AlarmStatus) -> None:
    """Each with the file open for itself: one settles it, and all others are told by whom; one notice goes out."""
    barrier = Barrier(MANY)

    def settled(number: int) -> str:
        state = State(path)
        try:
            barrier.wait()
            return f"done by {change_alarm(state, 1, status, f'user {number}', 'mine').by}"
        except InputError as error:
            return error.problem
        finally:
            state.close()

    with ThreadPoolExecutor(MANY) as pool:
        said = list(pool.map(settled, range(MANY)))
    (winner,) = [number for number, words in enumerate(said) if words == f"done by user {number}"]
    others = {words for number, words in enumerate(said) if number != winner}
    assert others == {f"alarm 1 is {status} already, by user {winner}: mine"}
    state = State(path)
    assert (alarm_of(state, 1).status, alarm_of(state, 1).by) == (status, f"user {winner}")
    over = state.database.execute("SELECT count(*) FROM notices WHERE resolved = 1").fetchone()
    assert over == (1 if status == "resolved" else 0,)
