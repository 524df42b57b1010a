"""What happens to a watch that goes on for months: disks that fail, clocks that are wrong, baselines that are gone."""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from loradiag.core.errors import InputError, UsageError
from loradiag.statistics.budget import discoveries
from loradiag.traffic.files import LakeFile
from loradiag.watching import watcher as watching
from loradiag.watching.alarms import alarms, change_alarm, raised
from loradiag.watching.arrivals import Arrivals, Part
from loradiag.watching.episodes import Evidence, is_calm
from loradiag.watching.state import State
from tests.analyzers.drift.making import DAY, START
from tests.watching.making import watcher, write, write_baseline


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a baseline and an empty lake."""
    write_baseline(tmp_path / "baselines" / "support")
    (tmp_path / "lake").mkdir()
    return tmp_path


def test_an_alarm_of_a_baseline_that_is_gone_ends_nothing(place: Path) -> None:
    """Its adapter was retired: the alarm is resolved by hand, the others are watched, and it begins anew when it is back."""
    write_baseline(place / "baselines" / "other", "other", domain=1)
    write(place / "lake", 80, seed=1, domain=3)
    run = watcher(place)
    assert len(run.poll().raised) == 1
    shutil.move(place / "baselines" / "support", place / "aside")
    change_alarm(run.state, 1, "resolved", "ann", "retired")
    write(place / "lake", 30, seed=2, adapter="other", domain=1)
    for _ in range(2):
        news = run.poll()
        assert (news.raised, news.resolved) == ([], [])
    assert run.episodes["other"].counted == 30
    shutil.move(place / "aside", place / "baselines" / "support")
    run.poll()
    assert (run.episodes["support"].counted, run.episodes["support"].alarm) == (0, None)
    assert alarms(run.state) == []


def test_a_beginning_that_fails_is_made_again(place: Path) -> None:
    """A baseline was made again while the disk takes nothing: the alarm of the old one is not left open for ever."""
    write(place / "lake", 80, seed=1, domain=3)
    run = watcher(place)
    assert len(run.poll().raised) == 1
    write_baseline(place / "baselines" / "support", seed=5)
    run.state.database.execute("PRAGMA query_only = ON")
    with pytest.raises(UsageError, match="cannot be written"):
        run.poll()
    run.state.database.execute("PRAGMA query_only = OFF")
    assert [alarm.status for alarm in alarms(run.state)] == ["open"]
    run.poll()
    assert alarms(run.state) == []
    assert (run.episodes["support"].alarm, run.episodes["support"].slot, run.totals.slots) == (None, 1, 2)


def test_baselines_that_are_gone_for_a_moment_cost_no_requests(place: Path) -> None:
    """A look without any fails, and the next counts what came: it is nobody's only where nobody has a baseline."""
    run = watcher(place)
    shutil.move(place / "baselines", place / "aside")
    write(place / "lake", 30, seed=1)
    with pytest.raises(InputError, match="holds no baseline"):
        run.poll()
    shutil.move(place / "aside", place / "baselines")
    run.poll()
    assert (run.episodes["support"].counted, run.totals.unwatched) == (30, 0)


def test_a_file_that_cannot_be_read_for_a_while_is_counted_then(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named meanwhile, looked at again more and more rarely, and at once by another watch."""
    write(place / "lake", 30, seed=1)
    run = watcher(place)
    tries: list[str] = []

    def failing(file: LakeFile) -> Iterator[Part]:
        tries.append(file.path.name)
        raise InputError(file.path, "is damaged (Too many open files)")

    monkeypatch.setattr(watching, "parts_of", failing)
    clock = [1000.0]
    monkeypatch.setattr("loradiag.watching.arrivals.time.monotonic", lambda: clock[0])
    for _ in range(3):
        run.poll()
    assert len(tries) == 1
    for _ in range(30):
        clock[0] += 60.0
        run.poll()
    assert 3 <= len(tries) <= 6
    assert ["Too many" in problem for problem in run.flawed.values()] == [True]
    monkeypatch.undo()
    other = watcher(place)
    other.poll()
    assert (other.episodes["support"].counted, other.flawed) == (30, {})


def test_a_flawed_file_that_was_removed_is_named_no_more(place: Path) -> None:
    """As its message says what to do."""
    write(place / "lake", 30, seed=1)
    good = next((place / "lake").glob("date=*/*/*.parquet"))
    torn = good.with_name("torn.parquet")
    torn.write_bytes(b"PAR1")
    arrivals = Arrivals(place / "lake", [])
    arrivals.files()
    assert len(arrivals.flawed) == 1
    torn.unlink()
    arrivals.files()
    assert arrivals.flawed == {}


def test_looks_that_find_nothing_write_next_to_nothing(place: Path) -> None:
    """The evidence of every adapter is written where it has changed; after a failure it is written again."""
    write_baseline(place / "baselines" / "other", "other", domain=1)
    write(place / "lake", 30, seed=1)
    run = watcher(place)
    run.poll()
    before = run.state.database.total_changes
    run.poll()
    assert run.state.database.total_changes - before == 2  # the totals, after deciding and in the end
    run.episodes["other"].requests = 7

    def full() -> None:
        with run.state.change():
            run.state.keep([run.episodes["other"]])
            raise sqlite3.OperationalError("full")

    with pytest.raises(sqlite3.OperationalError):
        full()
    with run.state.change():
        run.state.keep([run.episodes["other"]])
    assert State(place / "watch.sqlite", read_only=True).episodes()["other"].requests == 7


def test_a_wrong_clock_ends_no_day(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request from next week leaves the day that goes on open: all its answers count, not those of its first hour."""
    monkeypatch.setattr("loradiag.watching.watcher.time.time", lambda: (START + DAY // 2) / 1e6)
    lake = place / "lake"
    write(lake, 30, seed=1, nll=1.0)
    write(lake, 1, seed=2, day=7, nll=9.0)
    run = watcher(place)
    run.poll()
    answers = run.episodes["support"].answers["perplexity"]
    assert answers.closed == -1
    write(lake, 60, seed=3, nll=1.0)
    run.poll()
    assert run.episodes["support"].answers["perplexity"].sums[START // DAY][1] == 90


def test_what_is_no_folder_of_requests_ends_nothing(place: Path) -> None:
    """A file, and a link to nowhere, by the names of folders: the others are looked into."""
    write(place / "lake", 30, seed=1)
    day = next((place / "lake").glob("date=*"))
    (day / "bucket=98").write_text("x")
    (day / "bucket=99").symlink_to(place / "nowhere")
    run = watcher(place)
    run.poll()
    assert (run.episodes["support"].counted, run.flawed) == (30, {})


def signal(name: str, recent: float) -> Evidence:
    """A signal of which 0.05 is tolerated."""
    return Evidence(name, 0.1, 10, 0.0, 0.0, recent, 0.0, 0.05)


def test_what_has_become_better_is_calm() -> None:
    """Of measures of which only a rise is harm; lengths look both ways."""
    assert is_calm([signal("perplexity", -0.3), signal("truncated", -0.2), signal("novelty", 0.04)])
    assert not is_calm([signal("perplexity", 0.06)])
    assert not is_calm([signal("response_length", -0.3)])


def test_no_alarm_without_one_that_reaches_its_own_line(place: Path) -> None:
    """Ten adapters that have half of what they need are discoveries of e-BH, but sums of such evidence promise nothing."""
    for number in range(10):
        write_baseline(place / "baselines" / f"a{number}", f"a{number}", domain=number % 4)
    run = watcher(place)
    episodes = [run.episodes[f"a{number}"] for number in range(10)]

    def found(shares: list[float]) -> list[int]:
        logs = [math.log(share / (0.05 * episode.weight)) for share, episode in zip(shares, episodes, strict=True)]
        rows = [[Evidence("novelty", 1.0, 9, log, log, 0.5, 0.05, 0.08)] for log in logs]
        weights = np.array([episode.weight for episode in episodes])
        assert discoveries(np.array(logs), weights, 0.05).all()
        return raised(episodes, rows, 0.05)

    assert found([0.5] * 10) == []
    assert found([1.01] + [0.5] * 9) == list(range(10))
