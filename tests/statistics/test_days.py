"""Two periods day by day, against scipy's Welch test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loradiag.statistics.days import cliffs_delta, compare_days, day_means

VALUES = st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=12)


@settings(deadline=None)  # the first example waits for scipy.stats
@given(VALUES, VALUES)
def test_it_is_welchs_test_over_days(reference: list[float], current: list[float]) -> None:
    """Interval and p-value are scipy's."""
    a, b = np.array(reference, dtype=np.float64), np.array(current, dtype=np.float64)
    if a.std() < 1e-3 or b.std() < 1e-3:
        return
    found = compare_days(a, b)
    expected = stats.ttest_ind(b, a, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(float(expected.pvalue), rel=1e-6, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-9)


def test_few_days_have_no_interval() -> None:
    """With two days on a side the difference is told, and nothing about chance."""
    found = compare_days(np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0]))
    assert (found.difference, found.low, found.high, found.p) == (2.5, None, None, None)
    with pytest.raises(ValueError, match="one day"):
        compare_days(np.array([]), np.array([1.0]))


def test_days_that_are_all_alike_differ_certainly_or_not_at_all() -> None:
    """Without any spread the interval is a point."""
    same = compare_days(np.full(4, 0.3), np.full(5, 0.3))
    assert (same.low, same.high, same.p) == (0.0, 0.0, 1.0)
    assert compare_days(np.full(4, 0.3), np.full(5, 0.4)).p == 0.0


def test_rounding_is_no_difference() -> None:
    """The mean of three tenths lies a unit of the last place above that of four: nothing has changed."""
    reference, current = np.full(3, 0.1), np.full(4, 0.1)
    assert reference.mean() != current.mean()
    found = compare_days(reference, current)
    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_day_means_count_each_day_once() -> None:
    """By hand: days 3, 3 and 7."""
    assert day_means(np.array([1.0, 3.0, 10.0]), np.array([3, 3, 7])).tolist() == [2.0, 10.0]


def test_a_day_effect_makes_no_alarm() -> None:
    """With an effect of days and no change, p ≤ .05 comes in about 5% of cases however many requests a day has."""
    rng = np.random.default_rng(5)
    p = []
    for _ in range(1000):
        sides = [np.array([rng.normal(rng.normal(0, 0.05), 0.3, 500).mean() for _ in range(days)]) for days in (28, 7)]
        p.append(compare_days(*sides).p)
    assert float(np.mean(np.array(p) <= 0.05)) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_cliffs_delta_counts_pairs(a: list[int], b: list[int]) -> None:
    """It is the share of pairs that rise less the share that fall."""
    expected = sum((y > x) - (y < x) for x in a for y in b) / (len(a) * len(b))
    assert cliffs_delta(np.array(a, dtype=np.float64), np.array(b, dtype=np.float64)) == pytest.approx(expected)
