"""Answers given again: levels that hold, and numbers by another way."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from loradiag.statistics.repeats import ALIKE_AGAIN, answers_p, distances_p, excess_p, ratio_of_medians


def test_a_sign_test_by_all_tosses() -> None:
    """Counted over every sequence."""
    for more, fewer in ((0, 0), (3, 1), (7, 0), (2, 5)):
        tosses = list(product((0, 1), repeat=more + fewer))
        assert excess_p(more, fewer) == pytest.approx(sum(sum(row) >= more for row in tosses) / len(tosses))


def test_no_source_pairs_up_more_often_than_one_in_seven() -> None:
    """By the exact chances of 20,000 sources of two to six answers; two that are as likely come to it."""
    generator = np.random.default_rng(1)
    worst = 0.0
    for _ in range(20_000):
        p = generator.dirichlet(np.full(generator.integers(2, 7), generator.choice([0.1, 0.5, 1, 5])))
        alike = (np.outer(p**2, p**2)).sum() - (p**4).sum()
        varied = 1 - (p**4).sum()
        if varied > 1e-12:
            worst = max(worst, alike / varied)
    assert worst <= ALIKE_AGAIN + 1e-9
    assert worst > 0.999 * ALIKE_AGAIN
    half = np.array([0.5, 0.5])
    alike = np.outer(half**2, half**2).sum() - (half**4).sum()
    assert alike / (1 - (half**4).sum()) == pytest.approx(1 / 7)


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.5])
def test_false_alarms_stay_below_their_level(noise: float) -> None:
    """Two sources that are one: 5% at most, over 2,000 of 24 prompts."""
    generator = np.random.default_rng(2)
    drawn = (generator.random((2000, 24, 4)) < noise).astype(str)
    alarms = np.mean([answers_p([tuple(row) for row in rows]) <= 0.05 for rows in drawn])
    assert alarms <= 0.05 + 0.015


def test_distances_hold_their_level_and_find_a_shift() -> None:
    """Normal logprobs with and without a shift of one deviation."""
    generator = np.random.default_rng(3)

    def p_of(shift: float) -> float:
        values = generator.standard_normal((24, 4))
        a, again, b, also = values.T + np.array([[0], [0], [shift], [shift]])
        six = np.abs(np.stack([a - again, b - also, a - b, again - also, a - also, again - b], axis=1))
        return distances_p([tuple(row) for row in six])

    assert np.mean([p_of(0.0) <= 0.05 for _ in range(400)]) <= 0.085
    assert np.mean([p_of(4.0) <= 0.01 for _ in range(50)]) > 0.95


def test_as_many_prompts_as_anybody_gives() -> None:
    """Beside scipy's binomial distribution, where the number of ways to choose is no float any more."""
    apart, total = 240, 1500
    answers = [("a", "a", "b", "b")] * apart + [("a", "b", "b", "b")] * (total - apart)
    assert answers_p(answers) == pytest.approx(binomtest(apart, total, 1 / 7, alternative="greater").pvalue)
    assert excess_p(50_300, 49_700) == pytest.approx(binomtest(50_300, 100_000, alternative="greater").pvalue)


def test_what_repeats_itself_is_told_apart_by_five_prompts() -> None:
    """And what is the same never is."""
    assert answers_p([("a", "a", "b", "b")] * 3) == pytest.approx(1 / 343)
    assert answers_p([("a", "a", "a", "a")] * 50) == 1.0
    assert distances_p([(0.0, 0.0, 1.0, 1.0, 1.0, 1.0)] * 5) == pytest.approx(3**-5, abs=2e-3)
    assert distances_p([(0.0,) * 6] * 9) == 1.0
    assert distances_p([]) == 1.0


def test_ratios_of_medians_cover() -> None:
    """In nine of ten cases at the least, of 200 with a true ratio of two."""
    generator = np.random.default_rng(4)
    hits = 0
    for _ in range(200):
        ratio, low, high = ratio_of_medians(2 * generator.lognormal(0, 0.3, 24), generator.lognormal(0, 0.3, 24))
        assert low is not None
        assert high is not None
        assert low <= ratio <= high
        hits += low <= 2 <= high
    assert hits >= 180
    assert ratio_of_medians(np.ones(3), np.ones(3)) == (1.0, None, None)
    with pytest.raises(ValueError, match="positive"):
        ratio_of_medians(np.ones(3), np.zeros(3))
