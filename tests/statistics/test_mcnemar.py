"""McNemar's exact test against scipy's binomial test and a sum of binomial coefficients."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from loradiag.statistics.mcnemar import mcnemar


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_against_scipy(lost: int, won: int) -> None:
    """The binomial test of a fair coin; 1 of no flip."""
    expected = binomtest(lost, lost + won).pvalue if lost + won else 1.0
    assert mcnemar(lost, won).p == pytest.approx(expected)


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_mid_p_counts_what_was_seen_half(lost: int, won: int) -> None:
    """All outcomes less likely than the one seen, and half of those as likely as it; turned round, it stays."""
    flipped = lost + won
    found = mcnemar(lost, won)
    here = comb(flipped, lost)
    rarer = sum(comb(flipped, k) for k in range(flipped + 1) if comb(flipped, k) < here)
    equal = sum(comb(flipped, k) for k in range(flipped + 1) if comb(flipped, k) == here)
    expected = (rarer + equal / 2) / 2**flipped if flipped else 1.0
    assert found.mid_p == pytest.approx(expected)
    assert found.mid_p <= found.p + 1e-12
    assert (mcnemar(won, lost).p, mcnemar(won, lost).mid_p) == (found.p, found.mid_p)


def test_by_hand() -> None:
    """5 lost, none won: 2/32; mid-p 1/32. One of each: 1; mid-p 1 − ½·½. None: 1."""
    assert (mcnemar(5, 0).p, mcnemar(5, 0).mid_p) == pytest.approx((2 / 32, 1 / 32))
    assert (mcnemar(1, 1).p, mcnemar(1, 1).mid_p) == pytest.approx((1.0, 0.75))
    assert (mcnemar(0, 0).p, mcnemar(0, 0).mid_p) == (1.0, 1.0)


def test_many_flips() -> None:
    """Of a million flips the tail is still a number: z = 4 gives 6.3e-5."""
    assert mcnemar(502_000, 498_000).p == pytest.approx(6.33e-5, rel=0.02)
