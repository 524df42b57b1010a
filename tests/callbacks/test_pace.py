"""When to measure, and what it may cost. The clock is turned by hand."""

from __future__ import annotations

import pytest

from loradiag.callbacks.pace import Pace


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def measured(pace: Pace, clock: Clock, seconds: float) -> None:
    """Take a measure that lasts so long."""
    with pace.timed():
        clock.now += seconds


def test_the_schedule_goes_by_steps() -> None:
    """Every third step is due; without a schedule none is."""
    assert [step for step in range(1, 10) if Pace(3, None).due(step)] == [3, 6, 9]
    assert not any(Pace(None, None).due(step) for step in range(10))


def test_the_budget_is_never_exceeded_by_a_scheduled_measure() -> None:
    """With a hundredth of the time, measures of .5 s are taken once 100 s have passed since training began, then every 50."""
    clock = Clock()
    pace = Pace(1, 0.01, clock)
    pace.start(0)
    measured(pace, clock, 0.5)
    taken = []
    for step in range(1, 301):
        clock.now = 100.0 + step
        if pace.affords():
            taken.append(step)
            measured(pace, clock, 0.5)
            assert pace.spent <= 0.01 * (clock.now - 100.0) + 0.01
    assert taken == [100, 150, 200, 250, 300]
    assert pace.skipped == 300 - len(taken)


def test_without_a_budget_nothing_is_skipped() -> None:
    """No limit, no skipping, whatever it costs."""
    clock = Clock()
    pace = Pace(1, None, clock)
    measured(pace, clock, 1e6)
    assert pace.affords()
    assert pace.skipped == 0


def test_a_start_begins_anew() -> None:
    """A second call of train has a budget of its own."""
    clock = Clock()
    pace = Pace(1, 0.01, clock)
    measured(pace, clock, 5)
    assert not pace.affords()
    pace.start(40)
    assert (pace.spent, pace.skipped, pace.first) == (0.0, 0, 40)


def test_a_failed_measure_counts() -> None:
    """Time that ended in an error was spent as well."""
    clock = Clock()
    pace = Pace(1, 0.01, clock)
    try:
        with pace.timed():
            clock.now += 3
            raise ValueError
    except ValueError:
        pass
    assert pace.spent == 3


def test_what_is_no_measure_counts_and_foretells_nothing() -> None:
    """Writing a report is quick, and no sign that the next measure will be."""
    clock = Clock()
    pace = Pace(1, 0.01, clock)
    pace.start(0)
    measured(pace, clock, 1.0)
    with pace.timed(measure=False):
        clock.now += 0.1
    assert pace.spent == pytest.approx(1.1)
    clock.now = 100.0 + 200
    assert not pace.affords()
    clock.now = 100.0 + 211
    assert pace.affords()
