"""The course of an adapter's traffic: windows of many checks, and since when it has drifted."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from loradiag.analyzers.drift.wanted import FLOOR
from loradiag.core.drift import DriftWindow
from loradiag.core.watching import WatchDay
from loradiag.overview.course import floor_of, joined, known_topics, onset, seconds
from tests.outputs.traffic_parts import baseline, day, drift, window

STATUSES = ("steady", "novel", "shifted", "novel+shifted", "insufficient", "unjudged")


def of(*statuses: str) -> list[DriftWindow]:
    """A window a day."""
    return [window(number, status=status) for number, status in enumerate(statuses)]


def watch_day(*topics: int) -> WatchDay:
    """A day of which the topics matter alone."""
    return WatchDay(
        adapter="ledger", day="2026-11-02", requests=9, counted=9, novel=0, novelty_share=0.0, novelty_low=0.0,
        novelty_high=0.3, topics=list(topics), e_value=1.0, line=40.0, signals={}, slot=0,
    )  # fmt: skip


def test_times_are_seconds() -> None:
    """Of UTC, also where a time says no zone; None of what is no time."""
    expected = datetime(2026, 11, 2, 6, 30, tzinfo=UTC).timestamp()
    assert seconds("2026-11-02T06:30:00Z") == seconds("2026-11-02T06:30:00") == expected
    assert seconds("2026-11-02") == expected - 6.5 * 3600
    assert [seconds(word) for word in (None, "", "<b>", "2026-02-30")] == [None] * 4


def test_newer_checks_go_first() -> None:
    """Of windows of two checks about the same days the newer check's are kept, and the older one's before them."""
    older = drift([window(number, 1) for number in range(6)])
    newer = drift([window(number, 99) for number in range(3, 9)])
    found = joined([newer, older])
    assert [row.start for row in found] == [day(number) for number in range(9)]
    assert [row.novelty_share for row in found] == [1 / 200] * 3 + [99 / 200] * 6


def test_windows_that_cannot_be_placed_are_left_out() -> None:
    """Those without times, with others than times, or that end before they begin; and those of another baseline."""
    odd = [window(start=None, end=None), window(start="<b>", end=day(1)), window(start=day(2), end=day(1))]
    other = drift([window(-9)], baseline=baseline(data_sha256="ff" * 32))
    assert joined([drift([*odd, window(4)]), other]) == [window(4)]
    assert joined([]) == []


@given(st.lists(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 5)), max_size=6), max_size=5))
def test_no_two_windows_of_different_checks_overlap(checks: list[list[tuple[int, int]]]) -> None:
    """Whatever is joined stands in the order of time, and all windows of the newest check are there."""
    made = [
        drift([window(start=day(first), end=day(first + size), requests=age) for first, size in rows])
        for age, rows in enumerate(checks)
    ]
    found = joined(made)
    starts = [seconds(row.start) or 0.0 for row in found]
    assert starts == sorted(starts)
    for row in found:
        newer = [one for check in made[: row.requests] for one in check.windows if one in found]
        assert all((seconds(row.end) or 0.0) <= (seconds(one.start) or 0.0) for one in newer)
    if made:
        assert all(row in found for row in made[0].windows)


def test_drift_goes_on_since_its_first_window() -> None:
    """Back to the last steady window; too few requests, or none judged, neither begin nor end it."""
    cases = {
        ("steady", "novel", "insufficient", "shifted"): 1,
        ("novel", "steady", "novel+shifted"): 2,
        ("novel", "novel", "unjudged"): 0,
        ("novel", "steady"): None,
        ("insufficient", "unjudged"): None,
        (): None,
    }
    for statuses, place in cases.items():
        rows = of(*statuses)
        assert onset(rows) == (None if place is None else rows[place]), statuses


@given(st.lists(st.sampled_from(STATUSES), max_size=12))
def test_no_steady_window_follows_the_onset(statuses: list[str]) -> None:
    """And what stands before it, of those that were judged, is steady."""
    rows = of(*statuses)
    found = onset(rows)
    drifted = ("novel", "shifted", "novel+shifted")
    if found is None:
        assert next((word for word in reversed(statuses) if word == "steady" or word in drifted), "steady") == "steady"
        return
    place = rows.index(found)
    assert "steady" not in statuses[place:]
    assert (
        next((word for word in reversed(statuses[:place]) if word == "steady" or word in drifted), "steady") == "steady"
    )


def test_the_floor_is_that_of_the_newest_check() -> None:
    """Else the one that checks have by default."""
    assert floor_of(drift([], floor=120)) == 120
    assert floor_of(None) == FLOOR


def test_topics_are_known_by_their_baseline() -> None:
    """A check names the topics of days only where its baseline has as many."""
    found = drift([window()], baseline=baseline(clusters=20))
    named = {row.topic: row for row in window().topics}
    assert known_topics(found, [watch_day(*range(20)), watch_day()]) == named
    assert known_topics(found, [watch_day(1, 2, 3)]) == {}
    assert known_topics(None, []) == {}
