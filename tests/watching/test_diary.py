"""The diary of a watch: what it says of days, and that neither kills nor older states harm it."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from loradiag.core.errors import InputError
from loradiag.core.watching import WatchDay
from loradiag.traffic.schema import DAY
from loradiag.watching.alarms import change_alarm
from loradiag.watching.diary import KEPT, days, forget_days
from loradiag.watching.episodes import plain, signals, together
from loradiag.watching.state import State
from loradiag.watching.telling import adapters_of, snapshot, totals_of
from loradiag.watching.watcher import Plan, Watcher
from tests.analyzers.drift.making import START
from tests.watching.making import watcher, write, write_baseline

FIRST = START // DAY


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a baseline and an empty lake."""
    write_baseline(tmp_path / "baselines" / "support")
    (tmp_path / "lake").mkdir()
    return tmp_path


def of(place: Path, **wanted: int | str) -> list[WatchDay]:
    """The days that a reader finds, who opens the state for reading alone."""
    reader = State(place / "watch.sqlite", read_only=True)
    try:
        return days(reader, **wanted)  # type: ignore[arg-type]
    finally:
        reader.close()


def test_a_day_says_what_came_on_it(place: Path) -> None:
    """Requests, those that count, novel ones with an exact interval, and the evidence that the watch has after it."""
    write(place / "lake", 200, seed=1)
    write(place / "lake", 30, seed=2, conversation=7)
    write(place / "lake", 9, seed=3, failed=True)
    write(place / "lake", 40, seed=4, day=2, domain=3)
    run = watcher(place)
    run.poll()
    first, second = of(place)
    assert (first.day, first.requests, first.counted) == ("2026-11-01", 230, 201)
    assert (second.day, second.requests, second.counted) == ("2026-11-03", 40, 40)
    assert first.novel < 30 < second.novel
    for row in (first, second):
        exact = binomtest(row.novel, row.counted).proportion_ci(0.95, "exact")
        assert row.novelty_share == row.novel / row.counted
        assert (row.novelty_low, row.novelty_high) == pytest.approx((exact.low, exact.high), abs=1e-9)
        assert len(row.topics) == 8
        assert sum(row.topics) == row.counted - row.novel
    told = adapters_of(run)[0]
    assert (second.e_value, second.line, second.slot) == (told.e_value, told.line, 0)
    assert second.signals == {row.signal: row.e_value for row in told.signals}
    assert first.e_value is not None
    assert first.e_value < 1 < told.line < told.e_value


def test_more_of_a_day_is_added_to_it(place: Path) -> None:
    """Also of one that is over: its evidence is then that of the decision that followed; a vector that comes later counts."""
    write(place / "lake", 50, seed=1)
    write(place / "lake", 50, seed=2, day=1)
    write(place / "lake", 20, seed=3, encoder=None, embedding=None)
    run = watcher(place)
    run.poll()
    before = of(place)
    assert [(row.requests, row.counted) for row in before] == [(70, 50), (50, 50)]
    write(place / "lake", 20, seed=3)
    run.poll()
    after = of(place)
    assert [(row.requests, row.counted, sum(row.topics) + row.novel) for row in after] == [(70, 70, 70), (50, 50, 50)]
    assert after[1] == before[1]
    assert after[0].e_value == plain(together(signals(run.episodes["support"]))) != before[0].e_value


def test_requests_without_a_vector_have_no_novelty(place: Path) -> None:
    """No share rather than one of nothing; undated requests are of no day; those of nobody's baseline neither."""
    write(place / "lake", 20, encoder=None, embedding=None)
    write(place / "lake", 20, seed=2, time=None)
    write(place / "lake", 20, seed=3, adapter="stranger")
    run = watcher(place)
    run.poll()
    (row,) = of(place)
    assert (row.adapter, row.requests, row.counted, row.novel) == ("support", 20, 0, 0)
    assert (row.novelty_share, row.novelty_low, row.novelty_high) == (None, None, None)
    assert run.episodes["support"].requests == 40


def test_who_reads_chooses_adapters_and_days(place: Path) -> None:
    """By name, from a day on, or both; in the order of names and days."""
    write_baseline(place / "baselines" / "other", "other", domain=1)
    for day in (1, 0, 2):
        write(place / "lake", 20, seed=day, day=day)
        write(place / "lake", 20, seed=day, day=day, adapter="other", domain=1)
    watcher(place).poll()
    found = [(row.adapter, row.day[-2:]) for row in of(place)]
    assert found == [(name, day) for name in ("other", "support") for day in ("01", "02", "03")]
    assert [row.day[-2:] for row in of(place, adapter="other", since=FIRST + 1)] == ["02", "03"]
    assert [row.adapter for row in of(place, since=FIRST + 2)] == ["other", "support"]
    assert of(place, adapter="nobody") == []


def test_a_new_beginning_can_be_told(place: Path) -> None:
    """Days before a person resolved the alarm keep their evidence and slot; those after have the next, and little evidence."""
    write(place / "lake", 80, seed=1, domain=3)
    run = watcher(place)
    assert len(run.poll().raised) == 1
    change_alarm(run.state, 1, "resolved", "ann", "retrained")
    run.poll()
    write(place / "lake", 80, seed=2, day=1)
    run.poll()
    first, second = of(place)
    assert (first.slot, second.slot) == (0, 1)
    assert first.e_value is not None
    assert second.e_value is not None
    assert second.e_value < 1 < first.line < first.e_value
    assert second.line == adapters_of(run)[0].line > first.line


def test_topics_are_those_of_the_newest_baseline(place: Path) -> None:
    """With a baseline that is made again in the middle of a day, clusters are others: only requests since are in its topics."""
    write(place / "lake", 50, seed=1)
    run = watcher(place)
    run.poll()
    write_baseline(place / "baselines" / "support", seed=5)
    write(place / "lake", 30, seed=2)
    run.poll()
    (row,) = of(place)
    assert (row.requests, row.counted, row.slot) == (80, 80, 1)
    assert sum(row.topics) <= 30 < row.counted - row.novel


def test_old_days_are_forgotten(place: Path) -> None:
    """After four hundred, so that a watch that goes on for years does not grow for ever."""
    write(place / "lake", 30, seed=1, day=-KEPT)
    write(place / "lake", 30, seed=2, day=1 - KEPT)
    run = watcher(place)
    run.poll()
    assert [row.day for row in of(place)] == ["2025-09-27", "2025-09-28"]
    write(place / "lake", 30, seed=3, day=1)
    run.poll()
    assert [row.day for row in of(place)] == ["2025-09-28", "2026-11-02"]
    with run.state.change():
        forget_days(run.state, FIRST + 2)
    assert of(place) == []


def test_looks_that_find_nothing_leave_it_alone(place: Path) -> None:
    """And of five adapters only those are written that had requests."""
    for number in range(5):
        write_baseline(place / "baselines" / f"a{number}", f"a{number}")
        write(place / "lake", 30, seed=number, adapter=f"a{number}")
    run = watcher(place)
    run.poll()
    before = of(place)
    written: list[str] = []
    run.state.database.set_trace_callback(written.append)
    run.poll()
    assert not [said for said in written if "INTO diary" in said or "UPDATE diary" in said]
    write(place / "lake", 30, seed=9, adapter="a3")
    run.poll()
    assert len([said for said in written if "INTO diary" in said]) == 1
    assert len([said for said in written if "UPDATE diary SET slot" in said]) == 1
    assert [row for row in of(place) if row.adapter != "a3"] == [row for row in before if row.adapter != "a3"]


def test_a_failure_in_the_middle_leaves_it_as_it_was(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full while evidence is kept takes the day's counts back with it."""
    write(place / "lake", 100)
    run = watcher(place)

    def full(self, episodes):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(State, "keep", full)
        with pytest.raises(sqlite3.OperationalError):
            run.poll()
    assert of(place) == []
    run.poll()
    assert [row.requests for row in of(place)] == [100]


def _over(folder: Path, state: str) -> Watcher:
    return Watcher(Plan(lake=folder / "lake", baselines=[folder / "baselines"]), State(folder / state))


def _watch_until(folder: Path, state: str, changes: int) -> None:
    """Watch, and be killed where that many changes were begun."""
    begin, run = State.change, _over(folder, state)

    def counted(self: State):
        nonlocal changes
        changes -= 1
        if changes < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return begin(self)

    State.change = counted  # type: ignore[method-assign]
    run.poll()


def _finished(folder: Path, state: str) -> list[WatchDay]:
    """What a watch that comes to its end finds."""
    run = _over(folder, state)
    run.poll()
    found = days(run.state)
    run.state.close()
    return found


def test_killed_between_any_two_changes_it_is_as_if_it_had_not_been(place: Path) -> None:
    """Counts and evidence of every day are equal, number by number, wherever the kill fell: also before a day's decision."""
    write_baseline(place / "baselines" / "other", "other", domain=1)
    for day in range(3):
        write(place / "lake", 60, seed=day, day=day, domain=3 if day == 1 else 0, nll=1.0 + 0.01 * day)
        write(place / "lake", 40, seed=day, day=day, adapter="other", domain=1)
    expected = _finished(place, "alone.sqlite")
    assert len(expected) == 6
    ended = []
    for changes in range(21):
        state = f"{changes}.sqlite"
        process = multiprocessing.get_context("fork").Process(target=_watch_until, args=(place, state, changes))
        process.start()
        process.join()
        ended.append(process.exitcode)
        assert _finished(place, state) == expected, changes
    assert ended[0] == -signal.SIGKILL
    assert ended[-1] == 0
    assert set(ended) == {0, -signal.SIGKILL}


def _watch_for_ever(folder: Path) -> None:
    run = watcher(folder)
    while True:
        run.poll()


def test_a_kill_at_any_moment_loses_and_doubles_no_request(place: Path) -> None:
    """While files come in: the days hold each request once."""
    generator = np.random.default_rng(1)
    for day in range(3):
        process = multiprocessing.get_context("spawn").Process(target=_watch_for_ever, args=(place,))
        process.start()
        for part in range(3):
            write(place / "lake", 40, seed=10 * day + part, day=day)
            time.sleep(float(generator.uniform(0.1, 0.5)))
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
    run = watcher(place)
    run.poll()
    rows = of(place)
    assert [(row.requests, row.counted, row.novel + sum(row.topics)) for row in rows] == [(120, 120, 120)] * 3
    assert rows[-1].e_value == adapters_of(run)[0].e_value


def test_the_state_of_an_older_loradiag_goes_on(place: Path) -> None:
    """Without the table a reader finds no days and adds none; the next watch begins to remember them."""
    write(place / "lake", 60, seed=1)
    run = watcher(place)
    run.poll()
    run.state.database.execute("DROP TABLE diary")
    run.state.close()
    before = {path.name: path.read_bytes() for path in place.glob("watch.sqlite")}
    assert of(place) == []
    assert {path.name: path.read_bytes() for path in place.glob("watch.sqlite")} == before
    write(place / "lake", 25, seed=2, day=1)
    again = watcher(place)
    again.poll()
    assert [(row.day, row.requests) for row in of(place)] == [("2026-11-02", 25)]
    assert again.episodes["support"].requests == 85


def test_a_snapshot_is_what_the_watch_says_itself(place: Path) -> None:
    """Every number and path, by a reader without baselines; files that are left out are counted too."""
    write(place / "lake", 80, seed=1, domain=3)
    good = next((place / "lake").glob("date=*/*/*.parquet"))
    good.with_name("torn.parquet").write_bytes(b"PAR1")
    run = watcher(place)
    run.poll()
    told = (totals_of(run.totals), adapters_of(run))
    shutil.rmtree(place / "baselines")
    found = snapshot(State(place / "watch.sqlite", read_only=True))
    assert (found.totals, found.adapters) == told
    assert found.totals.flawed_files == 1
    (one,) = found.adapters
    assert (one.lake, one.baseline) == (str(place / "lake"), str(place / "baselines" / "support"))
    assert [alarm.status for alarm in one.alarms] == ["open"]
    novelty = one.signals[0]
    assert novelty.signal == "novelty"
    assert 0 < (novelty.expected or 0) < (novelty.tolerated or 0)


def test_a_baseline_that_is_gone_is_not_named(place: Path) -> None:
    """Where the others still are; the adapter is told of all the same."""
    write_baseline(place / "baselines" / "other", "other", domain=1)
    run = watcher(place)
    run.poll()
    shutil.rmtree(place / "baselines" / "support")
    run.poll()
    found = snapshot(State(place / "watch.sqlite", read_only=True), "elsewhere")
    assert [(one.adapter, one.baseline is None, one.lake) for one in found.adapters] == [
        ("other", False, "elsewhere"),
        ("support", True, "elsewhere"),
    ]


def test_a_state_that_nobody_has_watched_with_is_no_watch(place: Path) -> None:
    """Nor is one that is damaged."""
    State(place / "watch.sqlite").close()
    for read in (snapshot, days):
        with pytest.raises(InputError, match="holds no watch"):
            read(State(place / "watch.sqlite", read_only=True))
    run = watcher(place)
    write(place / "lake", 30)
    run.poll()
    run.state.database.execute("UPDATE diary SET topics = x'c1'")
    with pytest.raises(InputError, match="move it away"):
        of(place)
