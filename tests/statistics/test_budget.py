"""The budget of false alarms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from loradiag.statistics.budget import discoveries, left_of, weight_of


@given(st.integers(1, 600), st.integers(0, 3000))
def test_weights_never_add_up_to_more_than_one(first, used):
    """However many join, a part of the budget is left."""
    weights = [weight_of(slot, first) for slot in range(used)]
    assert all(weight > 0 for weight in weights)
    assert sum(weights) < 1
    assert left_of(used, first) == pytest.approx(1 - sum(weights), abs=1e-12)


def test_those_at_the_start_share_one_half():
    """The next places share a quarter, twice as many an eighth."""
    assert weight_of(0, 1) == 0.5
    assert [weight_of(slot, 4) for slot in (0, 3)] == [0.125, 0.125]
    assert [weight_of(slot, 4) for slot in (4, 11)] == [1 / 32, 1 / 32]
    assert [weight_of(slot, 4) for slot in (12, 27)] == [1 / 128, 1 / 128]
    assert weight_of(28, 4) == 1 / 16 / 32
    assert weight_of(500, 500) == 0.25 / 500


def by_definition(e: np.ndarray, weights: np.ndarray, alpha: float) -> set[int]:
    """e-BH by its definition: the largest k of which the k-th largest weighted e-value is at least 1/(kα)."""
    values = e * weights
    best: set[int] = set()
    for k in range(1, len(e) + 1):
        line = 1 / (k * alpha)
        order = sorted(range(len(e)), key=lambda place: -values[place])
        if values[order[k - 1]] >= line * (1 - 1e-12):
            best = set(order[:k])
    return best


@example([0.0, 121.0, 0.0, 0.0, 0.0, 0.0, 35.0, 31.0], 0.05)
@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=30), st.sampled_from([0.01, 0.05, 0.2]))
def test_discoveries_are_those_of_the_definition(values, alpha):
    """The largest number of adapters whose evidence is enough for so many."""
    e = np.array(values)
    weights = np.arange(1, e.size + 1) / np.arange(1, e.size + 1).sum()
    # On a line itself the last digit of a logarithm decides, and either answer is right.
    assume((abs(np.outer(e * weights, np.arange(1, e.size + 1)) * alpha - 1) > 1e-9).all())
    with np.errstate(divide="ignore"):
        found = discoveries(np.log(e), weights, alpha)
    assert set(np.flatnonzero(found).tolist()) == by_definition(e, weights, alpha)


@given(st.lists(st.floats(0.0, 1e4), min_size=1, max_size=30))
def test_an_alarm_needs_the_weighted_sum_to_reach_its_line(values):
    """Where anything is discovered, the weighted sum of e-values is at least 1/α: Ville's inequality is about that sum."""
    e = np.array(values)
    weights = np.full(e.size, 1 / e.size)
    with np.errstate(divide="ignore"):
        found = discoveries(np.log(e), weights, 0.05)
    if found.any():
        assert float(e @ weights) >= 20 * (1 - 1e-9)


def test_one_adapter_alone_needs_the_inverse_of_its_share():
    """Of two that are there at the start each has a quarter: the line at 5% is 80."""
    weights = np.array([weight_of(0, 2), weight_of(1, 2)])
    assert discoveries(np.log([79.0, 1.0]), weights, 0.05).tolist() == [False, False]
    assert discoveries(np.log([81.0, 1.0]), weights, 0.05).tolist() == [True, False]
    assert discoveries(np.log([41.0, 41.0]), weights, 0.05).tolist() == [True, True]  # together half is enough


def test_weights_beyond_the_budget_are_refused():
    """A promise that adds up to more than the whole is none."""
    with pytest.raises(ValueError, match=r"add up to 1\.2"):
        discoveries(np.zeros(2), np.array([0.6, 0.6]), 0.05)
    assert discoveries(np.zeros(0), np.zeros(0), 0.05).size == 0
