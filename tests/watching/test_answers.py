"""Answers day by day."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from loradiag.statistics.betting import log_e
from loradiag.watching import answers
from loradiag.watching.answers import WATCHED, Days, add, change, close, evidence, tolerated

PERPLEXITY, LENGTH, TRUNCATED = (WATCHED[name] for name in ("perplexity", "response_length", "truncated"))


def days_of(values, metric=PERPLEXITY, count: int = 30) -> Days:
    """A measure whose days had these means."""
    state = Days()
    for day, value in enumerate(values):
        add(state, day, value * count, count)
        close(state, metric, day + 1, "test")
    return state


def test_a_day_is_one_value_and_closed_once() -> None:
    """Sums of its parts, in any order; what comes after it was closed is left out."""
    state = Days()
    add(state, 3, 10.0, 5)
    add(state, 4, 99.0, 50)
    add(state, 3, 50.0, 25)
    close(state, PERPLEXITY, 4, "test")
    assert state.past == [pytest.approx(2.0)]
    assert (state.wealth.n, state.closed) == (1, 3)
    add(state, 3, 1000.0, 1000)
    close(state, PERPLEXITY, 4, "test")
    assert (state.past, sorted(state.sums)) == ([pytest.approx(2.0)], [4])


def test_small_days_are_put_together() -> None:
    """Until there are twenty answers."""
    state = Days()
    for day in range(5):
        add(state, day, float(day) * 5, 5)
    close(state, PERPLEXITY, 5, "test")
    assert state.past == [pytest.approx((0 + 1 + 2 + 3) / 4)]
    assert state.carried == (20.0, 5)


def test_ranks_of_days_are_uniform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without drift, for measures that look one way and for those that look both ways."""
    for metric in (PERPLEXITY, LENGTH):
        seen: list[float] = []
        monkeypatch.setattr(answers, "bet", lambda state, factors, block, seen=seen: seen.append(float(factors[0, 0])))
        state = Days()
        for value in np.random.default_rng(0).normal(size=1500):
            answers._over(state, metric, float(value), f"{len(seen)}")
        p = (np.array(seen) / 0.1) ** (-1 / 0.9)  # the first bet is 0.1 · p^−0.9
        assert stats.kstest(np.clip(p[50:], 0, 1), "uniform").pvalue > 0.001


def test_ties_are_broken_as_before_a_kill() -> None:
    """The same numbers give the same evidence, and another adapter draws others."""
    values = [1.0] * 30
    one, same = days_of(values), days_of(values)
    assert log_e(one.wealth) == log_e(same.wealth)
    other = Days()
    for day, value in enumerate(values):
        add(other, day, value * 30, 30)
        close(other, PERPLEXITY, day + 1, "another")
    assert log_e(other.wealth) != log_e(one.wealth)


def test_a_rise_of_perplexity_is_found_in_days() -> None:
    """+20% from the fortieth day on is worth more than 1,000 within ten days; a fall is worth nothing."""
    noise = np.random.default_rng(1).normal(0, 0.02, 50)
    rise = np.r_[np.zeros(40), np.full(10, math.log(1.2))]
    state = days_of(1.0 + noise + rise)
    assert evidence(state, PERPLEXITY) > math.log(1000)
    assert change(state, PERPLEXITY) == pytest.approx(
        np.exp(np.mean((1 + noise + rise)[-3:]) - np.mean((1 + noise + rise)[:-3])) - 1
    )
    assert evidence(days_of(1.0 + noise - rise), PERPLEXITY) == -math.inf


def test_a_change_that_does_not_matter_is_none_however_certain() -> None:
    """A rise of 2% that is seen on every day."""
    values = np.r_[np.zeros(40), np.full(40, math.log(1.02))] + np.random.default_rng(2).normal(0, 1e-4, 80)
    state = days_of(values)
    assert log_e(state.wealth) > math.log(1000)
    assert evidence(state, PERPLEXITY) == -math.inf


def test_lengths_look_both_ways_and_shares_only_up() -> None:
    """Answers that become shorter are a change; truncated ones that become more, but not those that become fewer."""
    noise = np.random.default_rng(3).normal(0, 0.02, 52)
    moved = np.r_[np.zeros(40), np.full(12, 0.5)]
    assert evidence(days_of(4 + noise - moved, LENGTH), LENGTH) > math.log(20)
    assert evidence(days_of(0.1 + noise + moved, TRUNCATED), TRUNCATED) > math.log(100)
    assert evidence(days_of(0.6 + noise - moved, TRUNCATED), TRUNCATED) == -math.inf


def test_few_days_say_nothing() -> None:
    """Three recent ones need three before them."""
    assert change(days_of([1.0, 2.0, 3.0, 4.0, 5.0]), PERPLEXITY) is None
    assert change(days_of([1.0] * 6), PERPLEXITY) == pytest.approx(0.0)
    beyond = change(days_of([1.0] * 6 + [999.0] * 3), PERPLEXITY)  # e to 998 is no float
    assert beyond is not None
    assert 1e300 < beyond < math.inf


def test_what_is_tolerated() -> None:
    """+5% of perplexity, 15% of lengths, five points of shares and of repetition, 0.1 nats of entropy."""
    found = {name: tolerated(metric) for name, metric in WATCHED.items()}
    assert (found["perplexity"], found["prompt_perplexity"]) == (0.05, 0.05)
    assert (found["response_length"], found["truncated"], found["repetition"], found["entropy"]) == (
        0.15,
        0.05,
        0.05,
        0.1,
    )


def test_the_past_is_bounded() -> None:
    """A year and a bit is remembered day by day."""
    assert len(days_of(np.zeros(420)).past) == 400
