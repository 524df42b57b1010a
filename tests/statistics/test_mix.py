"""Shares of topics, against scipy's test of homogeneity and against simulations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loradiag.statistics.mix import compare_mix

COUNTS = st.lists(st.integers(10, 80), min_size=2, max_size=8)


@given(COUNTS, st.data())
def test_without_tolerance_it_is_the_test_of_homogeneity(reference: list[int], data: st.DataObject) -> None:
    """Where no topic is rare, p is that of scipy's chi2_contingency."""
    counts = data.draw(st.lists(st.integers(20, 60), min_size=len(reference), max_size=len(reference)))
    expected = sum(counts) * np.array(reference) / sum(reference)
    if expected.min() < 5:
        return
    p = compare_mix(np.array(counts), np.array(reference)).p
    table = np.array([counts, reference])
    assert p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-6, abs=1e-9)


def test_effect_by_hand() -> None:
    """Of 60:40 beside 50:50 (100 each), χ² is 2.0202 and w² = χ²/50 less 1/50."""
    found = compare_mix(np.array([60, 40]), np.array([50, 50]))
    square = 50 * (0.1**2 / 0.55 + 0.1**2 / 0.45)
    assert found.effect == pytest.approx(np.sqrt((square - 1) / 50))
    assert found.residuals == pytest.approx([np.sqrt(50) * 0.1 / np.sqrt(0.55), -np.sqrt(50) * 0.1 / np.sqrt(0.45)])


def test_a_tolerated_change_is_no_alarm_however_many_requests() -> None:
    """With w = 0.08 and a million requests the ordinary test is certain; the tolerant one says nothing."""
    shares = np.full(10, 0.1)
    moved = shares + 0.008 * np.array([1, -1] * 5)  # w = √(Σ d²/p) = 0.08
    counts, reference = (1e6 * moved).astype(np.int64), (1e6 * shares).astype(np.int64)
    assert (compare_mix(counts, reference).p or 0) < 1e-12
    assert (compare_mix(counts, reference, 0.1).p or 0) > 0.99
    assert (compare_mix(counts, reference, 0.05).p or 1) < 1e-6


@pytest.mark.parametrize("tolerance", [0.0, 0.2])
def test_false_alarms_at_the_edge_of_the_tolerance(tolerance: float) -> None:
    """Where the true w equals the tolerance, p ≤ .05 comes in about 5% of windows of 200, and not in clearly more."""
    rng = np.random.default_rng(11)
    shares = np.full(20, 0.05)
    edge = shares + tolerance * 0.05 * np.array([1, -1] * 10)
    p = [
        compare_mix(rng.multinomial(200, edge), rng.multinomial(2000, shares), tolerance).p or 0.0 for _ in range(1500)
    ]
    assert float(np.mean(np.array(p) <= 0.05)) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1500) + 0.01


def test_rare_topics_are_put_together_by_the_reference_alone() -> None:
    """Four topics of one reference in a hundred are one; a sample that is all of one of them is still seen."""
    reference = np.array([500, 460, 10, 10, 10, 10])
    together = compare_mix(np.array([50, 46, 4, 0, 0, 0]), reference)
    table = np.array([[50, 46, 4], [500, 460, 40]])
    # 4 are expected of the four together, fewer than five: the next larger topic joins them.
    merged = np.array([[50, 50], [500, 500]])
    assert together.p == pytest.approx(stats.chi2_contingency(merged, correction=False).pvalue)
    assert table.sum() == 1100
    assert (compare_mix(np.array([0, 0, 100, 0, 0, 0]), reference).p or 1) < 1e-10


def test_what_cannot_be_compared_has_no_p() -> None:
    """An empty side, or one topic: None."""
    assert compare_mix(np.array([0, 0]), np.array([5, 5])).p is None
    assert compare_mix(np.array([9]), np.array([5])).p is None
    with pytest.raises(ValueError, match="tolerance"):
        compare_mix(np.array([9]), np.array([5]), -1.0)
