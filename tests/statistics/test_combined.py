"""Several differences as one: beside normal theory, by coverage for small strata, and what holds for any numbers."""

from __future__ import annotations

from math import inf, nextafter, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loradiag.statistics.combined import combined_interval
from loradiag.statistics.score import score_interval

PARTS = st.lists(st.tuples(st.floats(0, 1), st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6)
Part = tuple[float, float, float, float]


def combined(parts: list[Part]) -> tuple[float, float]:
    """Of weights, estimates and distances below and above."""
    weights, estimates, below, above = zip(*parts, strict=True)
    ends = [(x - low, x + high) for x, low, high in zip(estimates, below, above, strict=True)]
    return combined_interval(weights, estimates, ends)


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_normal_intervals(level: float) -> None:
    """Of Σ w·x with variance Σ w²σ²."""
    z = stats.norm.ppf((1 + level) / 2)
    weights, estimates, errors = [0.2, 0.5, 0.3], [0.1, -0.3, 0.05], [0.02, 0.1, 0.04]
    intervals = [(x - z * error, x + z * error) for x, error in zip(estimates, errors, strict=True)]
    expected = stats.norm.interval(
        level, np.dot(weights, estimates), sqrt(sum((w * e) ** 2 for w, e in zip(weights, errors, strict=True)))
    )
    assert combined_interval(weights, estimates, intervals) == pytest.approx(expected)


def test_intervals_that_lean() -> None:
    """By hand: below √(.5²·.2² + .5²·.1²), above √(.5²·.05² + .5²·.3²)."""
    found = combined_interval([0.5, 0.5], [0.0, 0.4], [(-0.2, 0.05), (0.3, 0.7)])
    assert found == pytest.approx((0.2 - sqrt(0.0125), 0.2 + sqrt(0.25 * (0.0025 + 0.09))))


@settings(deadline=None)
@given(PARTS)
def test_it_holds_the_estimate(parts: list[Part]) -> None:
    """And is no wider than the sum of all widths, no narrower than the widest."""
    low, high = combined(parts)
    middle = sum(weight * x for weight, x, _, _ in parts)
    assert low <= middle + 1e-12
    assert high >= middle - 1e-12
    widths = [weight * (below + above) for weight, _, below, above in parts]
    assert high - low <= sum(widths) + 1e-9
    assert middle - low >= max(weight * below for weight, _, below, _ in parts) - 1e-9


@settings(deadline=None)
@given(PARTS, st.randoms())
def test_order_does_not_matter(parts: list[Part], random: object) -> None:
    """Nor does a part without a weight."""
    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert combined(shuffled) == pytest.approx(combined(parts), abs=1e-12)
    assert combined([*parts, (0.0, 0.3, 0.5, 0.7)]) == pytest.approx(combined(parts), abs=1e-12)


@settings(deadline=None)
@given(PARTS)
def test_turned_round(parts: list[Part]) -> None:
    """Differences the other way have the ends the other way."""
    low, high = combined(parts)
    turned = combined([(weight, -x, above, below) for weight, x, below, above in parts])
    assert turned == pytest.approx((-high, -low), abs=1e-9)


@settings(deadline=None)
@given(PARTS, st.floats(0, 1))
def test_wider_parts_are_a_wider_whole(parts: list[Part], more: float) -> None:
    """At both ends."""
    low, high = combined(parts)
    wide = combined([(weight, x, below + more, above + more) for weight, x, below, above in parts])
    assert wide[0] <= low + 1e-12
    assert wide[1] >= high - 1e-12


def test_one_part_is_itself() -> None:
    """With the weight 1."""
    assert combined_interval([1.0], [0.1], [(-0.3, 0.2)]) == pytest.approx((-0.3, 0.2))


def test_an_end_that_rounding_put_beyond() -> None:
    """By the last bit: is no error."""
    assert combined_interval([1.0], [0.3], [(nextafter(0.3, inf), 0.5)])[1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("weights", "estimates", "intervals", "said"),
    [
        ([-0.1, 1.1], [0.0, 0.0], [(-1, 1), (-1, 1)], "weights must not be negative"),
        ([1.0], [2.0], [(-1, 1)], "outside its interval"),
        ([1.0], [-2.0], [(-1, 1)], "outside its interval"),
        ([1.0, 1.0], [0.0], [(-1, 1)], "zip"),
    ],
)
def test_wrong_arguments(
    weights: list[float], estimates: list[float], intervals: list[tuple[float, float]], said: str
) -> None:
    """Are errors."""
    with pytest.raises(ValueError, match=said):
        combined_interval(weights, estimates, intervals)


Z = 1.6448536269514722


def strata_held(shares: list[tuple[float, float]], n: int, weights: list[float], rounds: int) -> tuple[float, float]:
    """How often both ends, and how often the upper end, hold the truth, of strata of 0/1 documents that were lost and won."""
    rng = np.random.default_rng(41)
    truth = sum(weight * (won - lost) for weight, (lost, won) in zip(weights, shares, strict=True))
    known: dict[tuple[int, int], tuple[float, float]] = {}
    both = above = 0
    for _ in range(rounds):
        estimates, ends = [], []
        for lost, won in shares:
            flips = rng.multinomial(n, [lost, won, 1 - lost - won])
            pair = (int(flips[0]), int(flips[1]))
            if pair not in known:
                known[pair] = score_interval(*pair, n, Z)
            estimates.append((pair[1] - pair[0]) / n)
            ends.append(known[pair])
        low, high = combined_interval(weights, estimates, ends)
        both += low <= truth <= high
        above += truth <= high
    return both / rounds, above / rounds


@pytest.mark.parametrize(
    ("shares", "n", "weights"),
    [
        ([(0.1, 0.05)] * 4, 20, [0.25] * 4),
        ([(0.02, 0.02)] * 7, 20, [1 / 7] * 7),
        ([(0.3, 0.1), (0.05, 0.0), (0.1, 0.1)], 15, [0.6, 0.2, 0.2]),
        ([(0.01, 0.0), (0.2, 0.05)], 30, [0.5, 0.5]),
    ],
)
def test_coverage_of_small_strata(shares: list[tuple[float, float]], n: int, weights: list[float]) -> None:
    """Tango's intervals of 0/1 documents put together: 90%, and 95% on the side that calls it forgotten; it errs wide."""
    both, above = strata_held(shares, n, weights, 2000)
    assert both >= 0.9 - 4 * sqrt(0.9 * 0.1 / 2000)
    assert above >= 0.95 - 4 * sqrt(0.95 * 0.05 / 2000)


def test_pairs_that_never_flip_keep_a_width() -> None:
    """Four strata of 20 without a flip: z²/(n + z²) each, half of that together, where standard errors would say 0."""
    ends = score_interval(0, 0, 20, Z)
    low, high = combined_interval([0.25] * 4, [0.0] * 4, [ends] * 4)
    reach = Z**2 / (20 + Z**2) / 2
    assert (low, high) == pytest.approx((-reach, reach))
