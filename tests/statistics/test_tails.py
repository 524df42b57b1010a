"""Exact tails, against the beta-binomial distribution that they are said to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loradiag.statistics.tails import beyond_p, conformal_p, rank_of


@given(st.data())
def test_beyond_p_is_a_beta_binomial_tail(data: st.DataObject) -> None:
    """The number of m new values below the r-th of n is beta-binomial with r and n − r + 1, by scipy."""
    n = data.draw(st.integers(1, 400))
    rank = data.draw(st.integers(1, n))
    m = data.draw(st.integers(0, 300))
    count = data.draw(st.integers(0, m))
    expected = stats.betabinom(m, rank, n - rank + 1).sf(count - 1) if m else 1.0
    assert beyond_p(count, m, rank, n) == pytest.approx(float(expected), rel=1e-6, abs=1e-12)


def test_false_alarms_keep_their_level() -> None:
    """Of exchangeable values, p ≤ .05 comes in at most 5% of draws, and not in far fewer."""
    rng = np.random.default_rng(3)
    n, m, rank = 400, 100, 20
    p = []
    for _ in range(2000):
        values = rng.normal(size=n + m)
        p.append(beyond_p(int(np.sum(values[:m] < np.sort(values[m:])[rank - 1])), m, rank, n))
    share = float(np.mean(np.array(p) <= 0.05))
    assert 0.02 < share <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 2000)


def test_rank_of_is_the_largest_that_keeps_the_rate() -> None:
    """r/(n + 1) is at most the rate, and (r + 1)/(n + 1) is more."""
    for n, rate in ((19, 0.05), (20, 0.05), (500, 0.05), (2000, 0.01), (99, 0.5)):
        rank = rank_of(rate, n)
        assert rank / (n + 1) <= rate + 1e-12 < (rank + 1) / (n + 1)
    with pytest.raises(ValueError, match="at least 19 are needed"):
        rank_of(0.05, 18)


def test_conformal_p_counts_what_is_as_small() -> None:
    """By hand: of 1, 2, 2, 5 the values 0, 2 and 9 have p-values 1/5, 4/5 and 1."""
    p = conformal_p(np.array([0.0, 2.0, 9.0]), np.array([5.0, 2.0, 1.0, 2.0]))
    assert p.tolist() == [0.2, 0.8, 1.0]


@pytest.mark.parametrize(("count", "m", "rank", "n"), [(3, 2, 1, 5), (1, 2, 6, 5), (-1, 2, 1, 5), (0, 1, 0, 5)])
def test_impossible_counts_are_refused(count: int, m: int, rank: int, n: int) -> None:
    """More than there are, a rank beyond the last: a ValueError."""
    with pytest.raises(ValueError, match=r"beyond|must be"):
        beyond_p(count, m, rank, n)
