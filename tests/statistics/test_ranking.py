"""Online conformal p-values, and bets on them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from loradiag.statistics import ranking
from loradiag.statistics.betting import log_e
from loradiag.statistics.ranking import bet_on_ranks, factors, ranked


@given(st.integers(0, 10**6), st.integers(1, 60), st.lists(st.integers(1, 59), max_size=3))
def test_p_values_are_ranks_among_all_so_far(seed, n, cuts):
    """As counted one by one, in whatever parts scores come."""
    generator = np.random.default_rng(seed)
    beginning, scores = generator.normal(size=30), generator.normal(-0.3, size=n)
    chances = generator.random(n)
    state = ranked(beginning)
    edges = np.array(state.edges)
    bins = [int((edges <= score).sum()) for score in beginning]
    expected = []
    for score, chance in zip(scores, chances, strict=True):
        own = int((edges <= score).sum())
        bins.append(own)
        smaller, equal = sum(other < own for other in bins), sum(other == own for other in bins)
        expected.append((smaller + chance * equal) / len(bins))
    found, done = [], 0
    for part in np.split(scores, sorted({cut for cut in cuts if cut < n})):
        own = np.searchsorted(edges, part, side="right")
        found += ranking._ranks(np.array(state.counts), own, chances[done : done + part.size]).tolist()
        bet_on_ranks(state, part, chances[done : done + part.size])
        done += part.size
    assert found == pytest.approx(expected)
    assert sum(state.counts) == 30 + n


def test_p_values_of_one_distribution_are_uniform_and_independent():
    """Whatever distribution it is, and however few scores there were at the beginning."""
    generator = np.random.default_rng(0)
    state = ranked(generator.exponential(size=40))
    bins = np.searchsorted(np.array(state.edges), generator.exponential(size=5000), side="right")
    p = ranking._ranks(np.array(state.counts), bins, generator.random(5000))
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(p[:-1], p[1:])[0, 1]) < 0.05


@pytest.mark.parametrize("column", range(4))
def test_bets_are_densities(column):
    """Against uniform p-values each is fair, and none can lose everything."""
    total, _ = integrate.quad(
        lambda p: float(factors(np.array([p]))[0, column]), 0, 1, points=[0.01, 0.05, 0.1, 0.2, 0.4]
    )
    assert total == pytest.approx(1.0, abs=1e-6)
    assert factors(np.array([1.0]))[0, column] > 0


def test_without_a_change_the_line_is_ever_reached_in_at_most_alpha_of_runs():
    """Even with fifty held-out scores, of which the sampling error is large."""
    generator = np.random.default_rng(1)
    alpha, runs, reached = 0.1, 300, 0
    for _ in range(runs):
        state = ranked(generator.normal(size=50))
        bet_on_ranks(state, generator.normal(size=2000), generator.random(2000))
        reached += state.wealth.peak >= math.log(1 / alpha)
    assert reached / runs <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)


def test_a_change_is_found():
    """A fifth of scores that are clearly smaller, after 2,000 that are not."""
    generator = np.random.default_rng(2)
    state = ranked(generator.normal(size=500))
    bet_on_ranks(state, generator.normal(size=2000), generator.random(2000))
    before = log_e(state.wealth)
    moved = np.where(generator.random(400) < 0.2, generator.normal(-2.5, 0.5, 400), generator.normal(size=400))
    bet_on_ranks(state, moved, generator.random(400))
    assert before < math.log(20)
    assert log_e(state.wealth) > math.log(1000)


def test_scores_that_are_all_the_same_are_no_evidence():
    """Ties are broken at random."""
    state = ranked(np.full(100, 0.5))
    bet_on_ranks(state, np.full(1000, 0.5), np.random.default_rng(3).random(1000))
    assert log_e(state.wealth) < math.log(20)
