"""Holm's adjustment, by its definition and by closed testing."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.statistics.holm import holm

P = st.floats(0, 1)


def test_by_hand() -> None:
    """.01·4, .02·3 = .06, .03·2 = .06, .04·1 raised to .06; in the order given."""
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_untested_tasks_are_left_out() -> None:
    """None and NaN stay None, and do not count: two tests, not four."""
    assert holm([None, 0.01, float("nan"), 0.5]) == [None, 0.02, None, 0.5]
    assert holm([None]) == [None]


@settings(deadline=None)
@given(st.lists(P, min_size=1, max_size=6))
def test_closed_testing_with_bonferroni(p_values: list[float]) -> None:
    """Holm's p is the largest Bonferroni p of any set of hypotheses that holds the one in question (Marcus 1976)."""
    m = len(p_values)
    for index, adjusted in enumerate(holm(p_values)):
        sets = [group for size in range(1, m + 1) for group in combinations(range(m), size) if index in group]
        expected = max(min(1.0, len(group) * min(p_values[member] for member in group)) for group in sets)
        assert adjusted == pytest.approx(expected)


@settings(deadline=None)
@given(st.lists(P | st.none(), max_size=20))
def test_order_is_kept_and_nothing_shrinks(p_values: list[float | None]) -> None:
    """No adjusted p is below its own; smaller stays smaller; the largest of them is no smaller than before."""
    adjusted = holm(p_values)
    both = [(p, q) for p, q in zip(p_values, adjusted, strict=True) if p is not None and q is not None]
    assert [q is None for q in adjusted] == [p is None for p in p_values]
    assert all(p <= q <= 1 for p, q in both)
    assert [q for _, q in sorted(both)] == sorted(q for _, q in both)


def test_false_alarms_over_tasks() -> None:
    """Ten tasks without an effect: one alarm or more in at most 5% of 4000 rounds, but for noise; 40% unadjusted."""
    rounds = np.random.default_rng(1).random((4000, 10))
    adjusted = np.array([holm(row.tolist()) for row in rounds], dtype=float)
    assert np.mean(adjusted.min(axis=1) <= 0.05) == pytest.approx(0.05, abs=0.014)
    assert np.mean(rounds.min(axis=1) <= 0.05) > 0.35


def test_against_statsmodels() -> None:
    """The same adjusted p-values."""
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p_values = np.random.default_rng(2).random(9) ** 3
    np.testing.assert_allclose(holm(p_values.tolist()), multitest.multipletests(p_values, method="holm")[1])
