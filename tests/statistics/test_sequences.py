"""Confidence sequences: coverage over all looks, and the formulas by other means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.statistics.sequences import BURN_IN, bounded_sequence, looks, normal_sequence, radius

ALPHA = 0.1


def missed(found, mean: float) -> bool:
    """Whether any interval leaves the true mean out."""
    return any(not row.low <= mean <= row.high for row in found)


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.9])
def test_exact_intervals_hold_at_all_looks(rate: float) -> None:
    """Looked at after every third of 400 observations, in 100 runs: at most 10% ever leave the true share out."""
    generator = np.random.default_rng(0)
    at = list(range(1, 401, 3))
    runs = [missed(bounded_sequence((generator.random(400) < rate).astype(float), ALPHA, at), rate) for _ in range(100)]
    assert np.mean(runs) <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / 100)


def test_exact_intervals_of_differences_become_narrow() -> None:
    """Paired differences of −1, 0 and 1: after 4,000 within some points of the mean."""
    generator = np.random.default_rng(1)
    values = generator.choice([-1.0, 0.0, 1.0], p=[0.1, 0.75, 0.15], size=4000)
    found = bounded_sequence(values, 0.05, [10, 100, 1000, 4000], -1.0, 1.0)
    widths = [row.high - row.low for row in found]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.08
    assert found[-1].low <= 0.05 <= found[-1].high
    assert found[-1].mean == pytest.approx(values.mean())


def by_hand(values: np.ndarray, alpha: float, mean: float) -> float:
    """The capital against one mean, by the definition."""
    up, down = 1.0, 1.0
    total, squares = 0.5, 0.25
    spread = 0.25
    for n, value in enumerate(values, 1):
        stake = math.sqrt(2 * math.log(2 / alpha) / (spread * n * math.log(n + 1)))
        up *= 1 + min(stake, 0.5 / mean) * (value - mean)
        down *= 1 - min(stake, 0.5 / (1 - mean)) * (value - mean)
        total += value
        squares += (value - total / (n + 1)) ** 2
        spread = squares / (n + 1)
    return max(up, down)


@settings(max_examples=12)
@given(st.integers(0, 1000), st.sampled_from([[5], [1, 2, 3, 60], [10, 30, 60], [60, 60]]), st.booleans())
def test_the_ends_are_those_of_the_whole_grid(seed: int, at: list[int], shifting: bool) -> None:
    """At every look, whichever way an end has moved since the last: every thousandth is asked by the definition."""
    generator = np.random.default_rng(seed)
    rates = generator.random(2) if shifting else [generator.random()] * 2
    values = np.concatenate([generator.random(30) < rates[0], generator.random(30) < rates[1]]).astype(float)
    grid = [max(1e-12, min(1 - 1e-12, place / 1000)) for place in range(1001)]
    for row in bounded_sequence(values, ALPHA, at):
        left = [mean for mean in grid if by_hand(values[: row.n], ALPHA, mean) < 2 / ALPHA]
        ends = (left[0], left[-1]) if left else (row.mean, row.mean)
        assert row.low == pytest.approx(max(0.0, ends[0] - 0.001), abs=1e-9)
        assert row.high == pytest.approx(min(1.0, ends[1] + 0.001), abs=1e-9)


def test_a_hundred_thousand_observations_are_no_burden() -> None:
    """Looked at 120 times: the ends of the last are those by the definition."""
    values = np.random.default_rng(3).choice([0.0, 0.5, 1.0], p=[0.02, 0.95, 0.03], size=100_000)
    found = bounded_sequence(values, ALPHA, looks(values.size, 120))[-1]
    for end, inside in ((found.low, 0.002), (found.high, -0.002)):
        assert by_hand(values, ALPHA, end) >= 2 / ALPHA
        assert by_hand(values, ALPHA, end + inside) < 2 / ALPHA


@given(st.integers(0, 1000), st.integers(5, 80))
def test_means_are_left_out_whose_capital_was_enough(seed: int, n: int) -> None:
    """Those inside have not lost 2/α, up to the step of the grid."""
    values = np.random.default_rng(seed).beta(2, 3, size=n)
    (found,) = bounded_sequence(values, ALPHA, [n])
    for mean in (0.1, 0.25, 0.4, 0.6, 0.85):
        lost = by_hand(values, ALPHA, mean) >= 2 / ALPHA
        if lost and found.low <= mean <= found.high:
            assert min(mean - found.low, found.high - mean) <= 0.0011
        if not lost:
            assert found.low <= mean <= found.high


def test_asymptotic_intervals_hold_at_all_looks() -> None:
    """Skewed observations, looked at from the fiftieth to the 3,000th."""
    generator = np.random.default_rng(2)
    at = list(range(BURN_IN, 3001, 10))
    runs = [missed(normal_sequence(generator.exponential(size=3000), ALPHA, at), 1.0) for _ in range(400)]
    assert np.mean(runs) <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / 400)


def test_the_radius_is_that_of_the_mixture() -> None:
    """Where the normal mixture martingale of a drift equals 1/α, found by bisection."""
    n, alpha, tight = 700, 0.05, 300
    told = -2 * math.log(alpha)
    scale = (told + math.log(told + 1)) / tight

    def mixture(reach: float) -> float:
        """∫ exp(λS − λ²n/2) dN(0, ρ²) of S = n·reach."""
        return math.exp((n * reach) ** 2 * scale / (2 * (n * scale + 1))) / math.sqrt(n * scale + 1)

    low, high = 0.0, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if mixture(middle) < 1 / alpha else (low, middle)
    assert radius(n, 1.0, alpha, tight) == pytest.approx(low, rel=1e-9)
    assert radius(n, 2.5, alpha, tight) == pytest.approx(2.5 * low, rel=1e-9)


def test_numbers_far_from_zero_keep_their_spread() -> None:
    """A hundred million more on each: intervals are moved by as much, and have the same width."""
    values = np.random.default_rng(4).normal(0, 1, 400)
    near, far = (normal_sequence(values + more, 0.05, [100, 400]) for more in (0.0, 1e8))
    for one, other in zip(near, far, strict=True):
        assert other.high - other.low == pytest.approx(one.high - one.low, rel=1e-6)
        assert other.mean - 1e8 == pytest.approx(one.mean, abs=1e-6)


def test_few_observations_have_no_asymptotic_interval() -> None:
    """Below fifty."""
    assert [row.n for row in normal_sequence(np.arange(60.0), 0.05, [10, 49, 50, 60])] == [50, 60]


def test_what_is_out_of_bounds_is_refused() -> None:
    """A share of 1.2."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        bounded_sequence(np.array([0.5, 1.2]), 0.05, [2])


def test_looks_end_with_the_last() -> None:
    """All of few, and about two hundred of many."""
    assert looks(3) == [1, 2, 3]
    many = looks(100_000)
    assert many[-1] == 100_000
    assert many == sorted(set(many))
    assert len(many) <= 200
