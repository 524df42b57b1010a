"""Exact tests of training beside held-out documents, against sums of binomial coefficients and other distributions."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binom, fisher_exact

from loradiag.statistics.exchange import Stratum, flag, more_than_control

COUNTS = st.integers(0, 30).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@settings(deadline=None)
@given(COUNTS, COUNTS)
def test_one_stratum_is_fishers_test(ours: tuple[int, int], theirs: tuple[int, int]) -> None:
    """Against scipy's."""
    table = [[ours[0], ours[1] - ours[0]], [theirs[0], theirs[1] - theirs[0]]]
    expected = fisher_exact(table, alternative="greater").pvalue
    assert more_than_control([Stratum(*ours, *theirs)]) == pytest.approx(expected)


def chances(stratum: Stratum) -> dict[int, float]:
    """The chance of each number of hit training documents, by counting ways to deal."""
    hits, total = stratum.hit + stratum.control_hit, stratum.of + stratum.control_of
    ways = {k: comb(hits, k) * comb(total - hits, stratum.of - k) for k in range(min(hits, stratum.of) + 1)}
    return {k: count / comb(total, stratum.of) for k, count in ways.items()}


@settings(deadline=None)
@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=2, max_size=2))
def test_two_strata_are_summed_over(rows: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    """Every pair of numbers whose sum is as large. A stratum without documents changes nothing."""
    first, second = (Stratum(*ours, *theirs) for ours, theirs in rows)
    seen = first.hit + second.hit
    expected = sum(p * q for j, p in chances(first).items() for k, q in chances(second).items() if j + k >= seen)
    assert more_than_control([first, second]) == pytest.approx(expected, abs=1e-12)
    assert more_than_control([first, Stratum(0, 0, 0, 0), second]) == more_than_control([first, second])


def test_nothing_hit() -> None:
    """Says nothing."""
    assert more_than_control([Stratum(0, 200, 0, 100), Stratum(0, 0, 0, 0)]) == 1.0


@pytest.mark.parametrize(("of", "control"), [(200, 200), (200, 40), (40, 200), (5000, 100)])
def test_false_alarms_never_exceed_their_level(of: int, control: int) -> None:
    """However many documents are hit: the chance of p < .01 is at most .01, exactly."""
    for hits in (1, 3, 10, 39):
        dealt = chances(Stratum(hits, of, 0, control))
        alarms = [k for k in dealt if more_than_control([Stratum(k, of, hits - k, control)]) < 0.01]
        assert sum(dealt[k] for k in alarms) <= 0.01


@pytest.mark.parametrize(
    ("n", "rate"), [(1, 1 / 2), (5, 1 / 6), (99, 1 / 100), (100, 2 / 101), (199, 2 / 200), (1000, 11 / 1001)]
)
def test_the_rate_is_the_nearest_from_above(n: int, rate: float) -> None:
    """Of n held-out documents, r/(n + 1) is at least a hundredth; with r − 1 it would be less."""
    found = flag(np.zeros(3), np.arange(n, dtype=float))
    assert found.rate == pytest.approx(rate)
    assert found.rate >= 0.01 > found.rate - 1 / (n + 1)


def test_all_deals_of_nine_documents() -> None:
    """Four training documents among nine, in all 126 ways: p is the share of ways with as many flags."""
    deals = [np.array(deal, dtype=float) for deal in combinations(range(9), 4)]
    found = [flag(deal, np.setdiff1d(np.arange(9.0), deal)) for deal in deals]
    counts = np.array([one.count for one in found])
    assert counts.max() == 4
    for one in found:
        assert one.p == pytest.approx(np.mean(counts >= one.count))
    by_hand = flag(np.array([8.0, 7.0, 1.0, 0.0]), np.array([6.0, 5.0, 4.0, 3.0, 2.0]))
    assert (by_hand.count, by_hand.p) == (2, pytest.approx(comb(7, 2) / comb(9, 4)))


@pytest.mark.parametrize(("m", "n"), [(50, 20), (400, 150), (1000, 1000), (30, 2500)])
def test_counts_are_beta_binomial(m: int, n: int) -> None:
    """Another way to the same distribution: the threshold's share is a beta variable, the count binomial given it."""
    rank = -(-(n + 1) // 100)
    control = np.arange(n, dtype=float)
    for count in {1, 2, m // 10, m // 2, m}:
        values = np.where(np.arange(m) < count, n + 1.0, -1.0)
        found = flag(values, control)
        assert found.count == count
        assert found.p == pytest.approx(betabinom.sf(count - 1, m, rank, n - rank + 1), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("m", "n"), [(1000, 100), (3000, 400), (100, 3000)])
def test_flags_of_one_threshold_are_no_binomial_count(m: int, n: int) -> None:
    """The chance of p < .01 is at most .01. A binomial test would alarm far more often where the control is small."""
    rank = -(-(n + 1) // 100)
    counts = np.arange(m + 1)
    chance = betabinom.pmf(counts, m, rank, n - rank + 1)
    control = np.arange(n, dtype=float)
    ours = np.array([flag(np.where(np.arange(m) < k, n + 1.0, -1.0), control).p for k in counts if k < 400])
    plain = binom.sf(counts - 1, m, rank / (n + 1))
    assert chance[: ours.size][ours < 0.01].sum() <= 0.01
    if n < m:
        assert chance[plain < 0.01].sum() > 0.05


def test_values_that_are_equal_or_infinite() -> None:
    """Equal ones exceed nothing; neither does −∞, of which all are equal."""
    assert flag(np.zeros(50), np.zeros(20)).count == 0
    assert flag(np.zeros(50), np.zeros(20)).p == 1.0
    assert flag(np.full(5, -np.inf), np.full(4, -np.inf)).count == 0
    assert flag(np.array([1.0, -np.inf]), np.full(4, -np.inf)).count == 1
    with pytest.raises(ValueError, match="control"):
        flag(np.zeros(3), np.zeros(0))
