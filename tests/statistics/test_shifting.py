"""Bets on the topics of requests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.statistics import shifting
from loradiag.statistics.betting import log_e
from loradiag.statistics.shifting import bet_on_topics, recent_effect, shift

REFERENCE = np.array([0.4, 0.3, 0.15, 0.1, 0.05])


def at_distance(reference: np.ndarray, direction: np.ndarray, w: float) -> np.ndarray:
    """Shares at Cohen's w from a reference, in a direction."""
    step = direction - direction.sum() * reference
    return reference + step * w / math.sqrt(float(np.sum(step**2 / reference)))


@given(
    st.lists(st.floats(0.01, 1), min_size=2, max_size=20),
    st.lists(st.floats(0, 500), min_size=20, max_size=20),
    st.lists(st.floats(0, 1), min_size=20, max_size=20),
    st.floats(0, 0.6),
)
def test_no_tolerated_mix_makes_a_bet_worth_more_than_it_costs(shares, recent, other, tolerated):
    """Whatever was seen before, and whichever mix within the tolerance comes: 1 + λ(d − w) is at most 1 on average."""
    reference = np.array(shares) / sum(shares)
    payoff = shifting._payoff(np.array(recent[: reference.size]), reference)
    assert float(reference @ payoff) == pytest.approx(0, abs=1e-6)
    assert float(reference @ payoff**2) <= 1 + 1e-9
    mix = np.array(other[: reference.size]) + 1e-3
    mix /= mix.sum()
    away = math.sqrt(float(np.sum((mix - reference) ** 2 / reference)))
    mix = reference + (mix - reference) * min(1.0, tolerated / max(away, 1e-12))
    assert float(mix @ payoff) <= tolerated + 1e-9


def test_stakes_never_lose_everything():
    """Even where the rarest topic comes again and again, factors stay above 0."""
    state = shift(5)
    bet_on_topics(state, np.array([0] * 400 + [4] * 400 + [0] * 400), REFERENCE, 0.5)
    assert math.isfinite(log_e(state.wealth))
    assert all(math.isfinite(value) for value in state.wealth.won)


def test_where_nothing_is_tolerated_the_first_bet_is_none():
    """Before anything has moved there is no direction to bet on, and nothing to lose: later requests are bet on."""
    state = shift(5)
    bet_on_topics(state, np.array([4] * 8), REFERENCE, 0.0)
    assert log_e(state.wealth) == pytest.approx(0.0)
    bet_on_topics(state, np.array([4] * 100), REFERENCE, 0.0)
    assert log_e(state.wealth) > 1


@given(st.integers(0, 1000), st.lists(st.integers(1, 199), max_size=5))
def test_parts_make_no_difference(seed, cuts):
    """Requests that come in parts are bet on as those that come at once."""
    topics = np.random.default_rng(seed).choice(5, size=200, p=REFERENCE[::-1])
    whole, parts = shift(5), shift(5)
    bet_on_topics(whole, topics, REFERENCE, 0.2)
    for part in np.split(topics, sorted(set(cuts))):
        bet_on_topics(parts, part, REFERENCE, 0.2)
    assert parts.wealth.n == whole.wealth.n == 200
    assert log_e(parts.wealth) == pytest.approx(log_e(whole.wealth), rel=1e-9)
    assert parts.recent == whole.recent


def test_at_the_edge_of_the_tolerance_the_line_is_ever_reached_in_at_most_alpha_of_runs():
    """A mix at exactly the tolerated distance, in the direction that the bets can learn."""
    alpha, runs = 0.1, 200
    generator = np.random.default_rng(3)
    mix = at_distance(REFERENCE, np.array([0, 0, 0, 0, 1.0]), 0.2)
    assert mix.min() > 0
    assert math.sqrt(float(np.sum((mix - REFERENCE) ** 2 / REFERENCE))) == pytest.approx(0.2)
    reached = 0
    for _ in range(runs):
        state = shift(5)
        bet_on_topics(state, generator.choice(5, size=1500, p=mix), REFERENCE, 0.2)
        reached += state.wealth.peak >= math.log(1 / alpha)
    assert reached / runs <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)


def test_a_topic_that_takes_half_of_the_traffic_is_found():
    """After 3,000 requests as expected, a rare topic as every second request is worth 1,000 within 150."""
    generator = np.random.default_rng(4)
    state = shift(5)
    bet_on_topics(state, generator.choice(5, size=3000, p=REFERENCE), REFERENCE, 0.3)
    before = log_e(state.wealth)
    mix = REFERENCE * 0.5 + np.array([0, 0, 0, 0, 0.5])
    bet_on_topics(state, generator.choice(5, size=150, p=mix), REFERENCE, 0.3)
    assert before < math.log(20)
    assert log_e(state.wealth) > math.log(1000)


def test_the_recent_effect_is_cohens_w_of_what_comes_now():
    """Over many requests of one mix it is near that mix's distance; of few nothing is said."""
    generator = np.random.default_rng(5)
    mix = at_distance(REFERENCE, np.array([1.0, 0, 0, 0, 0]), 0.6)
    state = shift(5)
    bet_on_topics(state, generator.choice(5, size=10, p=mix), REFERENCE, 0.3)
    assert recent_effect(state, REFERENCE) is None
    found = []
    for _ in range(40):
        bet_on_topics(state, generator.choice(5, size=600, p=mix), REFERENCE, 0.3)
        found.append(recent_effect(state, REFERENCE))
    assert np.mean(found) == pytest.approx(0.6, abs=0.04)
