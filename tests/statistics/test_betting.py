"""Evidence by betting: what it is worth, and what it promises over all time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from loradiag.statistics.betting import bet, kept, log_e, rank_factors, share_factors, shares_above, wealth

ALPHA = 0.1


def by_hand(factors: np.ndarray, block: int) -> list[float]:
    """The e-value after every observation, by the definition: what each start has won, and what is not yet bet."""
    starts = list(range(0, len(factors), block))
    values = []
    for now in range(1, len(factors) + 1):
        total = 0.0
        begun = [start for start in starts if start < now]
        for number, start in enumerate(begun):
            share = (1 + number / 4) ** -0.3 - (1 + (number + 1) / 4) ** -0.3
            total += share * float(np.prod(factors[start:now], axis=0).mean())
        values.append(total + (1 + len(begun) / 4) ** -0.3)
    return values


@given(st.integers(0, 10**6), st.integers(1, 120), st.integers(1, 40), st.lists(st.integers(1, 119), max_size=4))
def test_the_e_value_is_the_sum_over_all_starts_however_observations_come(seed, n, block, cuts):
    """Taken one by one, in parts or at once, it is what every start has won, and what is kept."""
    factors = np.random.default_rng(seed).uniform(0.2, 1.9, size=(n, 3))
    expected = by_hand(factors, block)
    state = wealth(3)
    for part in np.split(factors, sorted({cut for cut in cuts if cut < n})):
        bet(state, part, block=block)
    assert math.exp(log_e(state)) == pytest.approx(expected[-1], rel=1e-9)
    assert state.n == n
    assert math.exp(state.peak) == pytest.approx(max(1.0, *expected), rel=1e-9)


def test_nothing_seen_is_no_evidence():
    """The e-value begins with 1, and what is kept falls from 1 towards 0."""
    assert log_e(wealth(3)) == 0.0
    assert kept(0) == 1.0
    assert 0 < kept(10**6) < kept(10) < 1


def test_evidence_of_a_certainty_does_not_overflow():
    """A hundred thousand hits in a row are a number that a float can hold the logarithm of."""
    state = wealth(3)
    bet(state, share_factors(np.ones(100_000, dtype=bool), 0.08, shares_above(0.08)))
    assert 1e5 < log_e(state) < math.inf


def test_a_lost_bet_can_be_won_again():
    """A factor of 0 takes all that was bet by then, and no more."""
    state = wealth(1)
    bet(state, np.array([[0.0]]), block=1)
    assert math.exp(log_e(state)) == pytest.approx(kept(1))
    bet(state, np.array([[5.0], [5.0]]), block=1)
    assert math.exp(log_e(state)) == pytest.approx((kept(1) - kept(2)) * 25 + (kept(2) - kept(3)) * 5 + kept(3))


def test_share_factors_are_likelihood_ratios_and_fair_at_the_null():
    """At the largest share that is no alarm a bet gains nothing on average, and below it loses."""
    alternatives = shares_above(0.08)
    factors = share_factors(np.array([True, False]), 0.08, alternatives)
    assert factors[0] == pytest.approx(alternatives / 0.08)
    assert 0.08 * factors[0] + 0.92 * factors[1] == pytest.approx(1.0)
    assert np.all(0.05 * factors[0] + 0.95 * factors[1] < 1.0)


@pytest.mark.parametrize("column", range(3))
def test_rank_factors_integrate_to_one(column):
    """Against uniform p-values the bets are fair."""
    total, _ = integrate.quad(lambda p: float(rank_factors(np.array([p]))[0, column]), 0, 1, limit=400)
    assert total == pytest.approx(1.0, abs=1e-3)


def test_without_drift_the_line_is_ever_reached_in_at_most_alpha_of_runs():
    """At the very edge of what is tolerated, looked at after each of 3,000 requests."""
    generator = np.random.default_rng(1)
    reached, runs = 0, 300
    for _ in range(runs):
        state = wealth(3)
        bet(state, share_factors(generator.random(3000) < 0.08, 0.08, shares_above(0.08)))
        reached += state.peak >= math.log(1 / ALPHA)
    assert reached / runs <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)
    assert reached  # else the bets would be worth nothing


def test_a_sudden_change_after_a_long_calm_is_found_soon():
    """20% novel requests where 8% are tolerated, after 20,000 requests without: a line of 1,000 within 300 requests."""
    generator = np.random.default_rng(2)
    delays = []
    for _ in range(20):
        state = wealth(3)
        bet(state, share_factors(generator.random(20_000) < 0.05, 0.08, shares_above(0.08)))
        delay = 0
        while log_e(state) < math.log(1000) and delay < 2000:
            bet(state, share_factors(generator.random(10) < 0.23, 0.08, shares_above(0.08)))
            delay += 10
        delays.append(delay)
    assert np.median(delays) <= 300
