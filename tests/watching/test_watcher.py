"""The watch from end to end, on lakes of vectors."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from loradiag.core.errors import InputError, UsageError
from loradiag.traffic.compacting import compact
from loradiag.watching.alarms import alarms, change_alarm
from loradiag.watching.episodes import plain, signals, together
from loradiag.watching.state import State
from tests.watching.making import watcher, write, write_baseline


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a baseline and an empty lake."""
    write_baseline(tmp_path / "baselines" / "support")
    (tmp_path / "lake").mkdir()
    return tmp_path


def evidence(run) -> dict[str, float]:
    """What every adapter's evidence is."""
    return {name: together(signals(episode)) for name, episode in run.episodes.items()}


def test_requests_are_counted_once_however_often_one_looks(place: Path) -> None:
    """A second look at the same lake, and another watch on the same state, find nothing new."""
    write(place / "lake", 300)
    first = watcher(place)
    first.poll()
    before = evidence(first)
    assert first.episodes["support"].counted == first.episodes["support"].requests == first.totals.requests == 300
    first.poll()
    again = watcher(place)
    again.poll()
    assert evidence(first) == evidence(again) == before
    assert again.totals.requests == 300


def test_without_drift_there_is_no_alarm_and_with_drift_there_is(place: Path) -> None:
    """Requests of the baseline's domain are calm; of another domain they alarm, and the alarm says what and when."""
    write(place / "lake", 400, seed=11)
    run = watcher(place)
    assert not run.poll().raised
    write(place / "lake", 100, seed=12, domain=3, day=1)
    raised = run.poll().raised
    assert [(alarm.adapter, alarm.status, alarm.id) for alarm in raised] == [("support", "open", 1)]
    assert raised[0].e_value > raised[0].line > 20
    assert "unlike the baseline" in raised[0].message
    assert "2026-11-02" in raised[0].message
    assert not run.poll().raised  # the same alarm is not raised twice
    assert alarms(run.state) == raised


def test_a_topic_that_takes_over_is_a_change_of_the_mix(place: Path) -> None:
    """Known topics in other shares: no request is novel, and the alarm is of the mix."""
    write(place / "lake", 300, seed=21)
    write(place / "lake", 300, seed=22, day=1, topics=[0.86] + [0.02] * 7)
    raised = watcher(place).poll().raised
    assert [alarm.signal for alarm in raised] == ["mix"]
    assert "mix of topics" in raised[0].message


def test_the_order_of_days_and_files_is_that_of_time(place: Path) -> None:
    """Days that were logged in another order are counted in theirs, where one look finds them all."""
    for day in (2, 0, 1):
        write(place / "lake", 50, seed=day, day=day)
    seen = []
    run = watcher(place)
    count = run._count_file

    def watched(file):
        seen.append(file.date)
        count(file)

    run._count_file = watched  # type: ignore[method-assign]
    run.poll()
    assert seen == ["2026-11-01", "2026-11-02", "2026-11-03"]


def test_merged_files_are_not_counted_again(place: Path) -> None:
    """Neither where all that they are made of was counted, nor where a part of it was."""
    lake = place / "lake"
    write(lake, 60, seed=1)
    run = watcher(place)
    run.poll()
    write(lake, 60, seed=2)
    compact(lake, lambda *_: None, grace=0.0)  # one counted and one new file become one, and are removed
    compact(lake, lambda *_: None, grace=0.0)
    assert len(list(lake.glob("date=*/*/*.parquet"))) == 1
    run.poll()
    assert run.episodes["support"].counted == run.totals.requests == 120
    write(lake, 60, seed=3)
    run.poll()
    compact(lake, lambda *_: None, grace=0.0)
    again = watcher(place)
    again.poll()
    assert again.episodes["support"].counted == again.totals.requests == 180


def test_a_request_that_lies_in_two_files_is_counted_once(place: Path) -> None:
    """As two writers leave it that wrote at once."""
    lake = place / "lake"
    write(lake, 40)
    file = next(lake.glob("date=*/*/*.parquet"))
    (file.parent / ("f" * 32 + ".parquet")).write_bytes(file.read_bytes())
    run = watcher(place)
    run.poll()
    assert run.episodes["support"].counted == run.totals.requests == 40


def test_a_vector_that_comes_later_is_counted_then(place: Path) -> None:
    """A request that was logged without one counts for requests at first, and for the evidence once it is embedded."""
    lake = place / "lake"
    write(lake, 30, encoder=None, embedding=None)
    run = watcher(place)
    run.poll()
    assert (run.totals.requests, run.episodes["support"].counted) == (30, 0)
    write(lake, 30)
    run.poll()
    assert (run.totals.requests, run.episodes["support"].requests, run.episodes["support"].counted) == (30, 30, 30)


def test_conversations_and_texts_count_once_a_day(place: Path) -> None:
    """Twenty turns of one conversation are one observation, and the same again on the next day; so are copies of a text."""
    lake = place / "lake"
    write(lake, 20, seed=1, conversation=7)
    write(lake, 20, seed=2, text_hash=8)
    run = watcher(place)
    run.poll()
    assert run.episodes["support"].counted == 2
    write(lake, 20, seed=3, conversation=7)  # more turns, in a file that comes later
    run.poll()
    assert run.episodes["support"].counted == 2
    write(lake, 20, seed=4, conversation=7, day=1)
    run.poll()
    assert (run.episodes["support"].counted, run.totals.requests) == (3, 80)


def test_requests_of_nobody_and_of_others_are_told_apart(place: Path) -> None:
    """Requests without an adapter, of one without a baseline, and of the base are counted, not watched; failed ones are not."""
    lake = place / "lake"
    write(lake, 5, seed=1)
    write(lake, 6, seed=2, adapter="stranger")
    write(lake, 7, seed=3, adapter=None)  # type: ignore[arg-type]
    write(lake, 8, seed=4, adapter=None, base="the-base")  # type: ignore[arg-type]
    write(lake, 9, seed=5, failed=True)
    run = watcher(place)
    run.poll()
    assert (run.totals.requests, run.totals.unwatched, run.totals.unattributed) == (26, 6, 7)
    assert run.episodes["support"].requests == 5


def test_what_comes_a_month_late_is_told_and_not_counted(place: Path) -> None:
    """Older requests are not remembered one by one, so none of them may count twice."""
    write(place / "lake", 30, seed=1, day=40)
    run = watcher(place)
    run.poll()
    write(place / "lake", 10, seed=2, day=1)
    run.poll()
    assert (run.totals.late, run.totals.requests) == (10, 30)


def test_a_wrong_clock_makes_nobody_else_late(place: Path) -> None:
    """Requests from a far future are not counted, and a few from next week do not make those of today late."""
    lake = place / "lake"
    write(lake, 40, seed=1, day=40_000)
    write(lake, 5, seed=2, day=45)
    write(lake, 30, seed=3, nll=1.0)
    run = watcher(place)
    run.poll()
    assert (run.totals.late, run.totals.requests, run.episodes["support"].counted) == (40, 35, 35)
    assert run.totals.newest_day is not None
    assert run.totals.newest_day < 40_000


def test_torn_files_are_named_and_the_rest_goes_on(place: Path) -> None:
    """A file that is no Parquet, and one whose rows are damaged, cost only themselves."""
    lake = place / "lake"
    write(lake, 30, seed=1)
    good = next(lake.glob("date=*/*/*.parquet"))
    (good.parent / "torn.parquet").write_bytes(good.read_bytes()[:500])
    write(lake, 30, seed=2, embedding=[b"\0" * (48 if number else 46) for number in range(30)])
    run = watcher(place)
    run.poll()
    assert run.episodes["support"].counted == 30
    assert sorted(name.rpartition("/")[2] == "torn.parquet" for name in run.flawed) == [False, True]
    assert "different lengths" in " ".join(run.flawed.values())
    write(lake, 30, seed=3)
    run.poll()
    assert run.episodes["support"].counted == 60


def test_an_alarm_resolves_when_it_is_calm_again_and_the_adapter_is_watched_anew(place: Path) -> None:
    """After 200 requests of the baseline's kind; the next drift is a new alarm, with a smaller share of the budget."""
    lake = place / "lake"
    write(lake, 80, seed=1, domain=3)
    run = watcher(place)
    assert len(run.poll().raised) == 1
    write(lake, 150, seed=2, day=1)
    assert not run.poll().resolved
    for day in range(2, 9):
        write(lake, 150, seed=day + 1, day=day)
    news = run.poll()
    assert [alarm.status for alarm in news.resolved] == ["resolved"]
    assert "tolerated again" in (news.resolved[0].why or "")
    assert run.episodes["support"].slot == 1
    assert run.episodes["support"].weight < 0.5
    write(lake, 80, seed=99, domain=3, day=9)
    assert [alarm.id for alarm in run.poll().raised] == [2]


def test_people_acknowledge_and_resolve(place: Path) -> None:
    """Who and why is kept; a resolved alarm cannot be changed, and its adapter begins anew."""
    write(place / "lake", 80, seed=1, domain=3)
    run = watcher(place)
    run.poll()
    other = State(place / "watch.sqlite")
    told = change_alarm(other, 1, "acknowledged", "ann", "campaign\n\x1b[31m of this week")
    assert (told.status, told.by, told.why) == ("acknowledged", "ann", "campaign\\x0a\\x1b[31m of this week")
    write(place / "lake", 20, seed=2, domain=3, day=1)
    assert not run.poll().raised
    change_alarm(other, 1, "resolved", "bob", "retrained")
    run.poll()
    assert run.episodes["support"].counted == 0
    with pytest.raises(InputError, match="alarm 1 is resolved"):
        change_alarm(other, 1, "acknowledged", "ann", "again")
    with pytest.raises(InputError, match="no alarm 9"):
        change_alarm(other, 9, "acknowledged", "ann", "which?")


def test_a_baseline_that_is_made_again_begins_anew(place: Path) -> None:
    """Its alarm is over, and evidence begins with nothing; another adapter's baseline that appears is watched as well."""
    write(place / "lake", 80, seed=1, domain=3)
    run = watcher(place)
    run.poll()
    write_baseline(place / "baselines" / "support", domain=3, seed=5)
    write_baseline(place / "baselines" / "other", "other", domain=1)
    write(place / "lake", 30, seed=2, domain=3, day=1)
    run.poll()
    assert alarms(run.state) == []
    assert sorted(run.episodes) == ["other", "support"]
    assert run.episodes["support"].counted == 30
    assert run.totals.slots == 3


def test_a_damaged_baseline_stops_nobody_else(place: Path) -> None:
    """It is named; the others are watched."""
    write_baseline(place / "baselines" / "other", "other", domain=1)
    (place / "baselines" / "other" / "index.npy").write_bytes(b"no array")
    write(place / "lake", 30, seed=1)
    write(place / "lake", 30, seed=2, adapter="other", domain=1)
    run = watcher(place)
    run.poll()
    assert run.episodes["support"].counted == 30
    assert "index.npy" in " ".join(run.flawed.values())


def test_another_budget_is_refused(place: Path) -> None:
    """What was promised for all time cannot be changed on the way."""
    watcher(place).poll()
    with pytest.raises(UsageError, match=r"begun with 0\.05"):
        watcher(place, alpha=0.01)


def test_a_failure_in_the_middle_changes_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full while a part is written: memory and file agree, and the next look counts it."""
    write(place / "lake", 200)
    run = watcher(place)
    keep = State.keep

    def full(self, episodes):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(State, "keep", full)
    with pytest.raises(sqlite3.OperationalError):
        run.poll()
    assert run.totals.requests == 0
    assert run.episodes["support"].counted == 0
    monkeypatch.setattr(State, "keep", keep)
    run.poll()
    assert run.episodes["support"].counted == run.totals.requests == 200


def _watch_for_ever(folder: Path) -> None:
    run = watcher(folder)
    while True:
        run.poll()


def test_a_kill_at_any_moment_loses_and_doubles_nothing(place: Path) -> None:
    """Killed again and again while files come in, the evidence is that of a watch that was left alone."""
    lake = place / "lake"
    context = multiprocessing.get_context("spawn")
    generator = np.random.default_rng(0)
    for number in range(6):
        process = context.Process(target=_watch_for_ever, args=(place,))
        process.start()
        for part in range(4):
            write(lake, 40, seed=10 * number + part, day=number)
            time.sleep(float(generator.uniform(0.0, 0.4)))
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
    run = watcher(place)
    run.poll()
    assert run.totals.requests == run.episodes["support"].requests == run.episodes["support"].counted == 6 * 4 * 40
    assert run.episodes["support"].novelty.n == 960
    assert not any(math.isnan(row.log_e) for row in signals(run.episodes["support"]))


def test_e_values_are_written_as_numbers_that_json_has() -> None:
    """However large the evidence."""
    assert plain(5000.0) == 1e300
    assert plain(-math.inf) == 0.0
    assert plain(0.0) == 1.0
