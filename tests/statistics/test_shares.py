"""Exact intervals and bounds of shares, beside scipy's, and by the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loradiag.statistics.shares import share_interval, share_intervals, upper_bound


@given(st.integers(1, 300), st.data())
def test_share_interval_is_clopper_pearson(n: int, data: st.DataObject) -> None:
    """Both ends are those of scipy's exact binomial interval."""
    count = data.draw(st.integers(0, n))
    interval = stats.binomtest(count, n).proportion_ci(0.95, method="exact")
    assert share_interval(count, n) == pytest.approx((interval.low, interval.high), abs=1e-9)


def test_share_intervals_are_those_of_each() -> None:
    """Of many at once; none and all among them, and no shares at all."""
    counts, n = np.array([0, 1, 5, 7, 300]), np.array([4, 1, 9, 2000, 300])
    exact = [
        stats.binomtest(*pair).proportion_ci(0.9, method="exact")
        for pair in zip(counts.tolist(), n.tolist(), strict=True)
    ]
    low, high = share_intervals(counts, n, 0.9)
    assert low == pytest.approx([interval.low for interval in exact], abs=1e-9)
    assert high == pytest.approx([interval.high for interval in exact], abs=1e-9)
    assert share_intervals(counts[:0], n[:0])[0].size == 0


@pytest.mark.parametrize(("count", "n"), [(3, 2), (-1, 2), (0, 0)])
def test_impossible_shares_are_refused(count: int, n: int) -> None:
    """Of one, and of one among many."""
    with pytest.raises(ValueError, match=r"of 2|must be|count"):
        share_interval(count, n)
    with pytest.raises(ValueError, match="each from 0 to its n"):
        share_intervals(np.array([1, count]), np.array([1, n]))


@pytest.mark.parametrize(("count", "n"), [(0, 1), (0, 200), (3, 200), (199, 200), (18, 199)])
def test_the_bound_is_where_so_few_become_rare(count: int, n: int) -> None:
    """At the bound as few as were seen are seen once in twenty times."""
    assert stats.binom.cdf(count, n, upper_bound(count, n)) == pytest.approx(0.05)


def test_bound_by_hand() -> None:
    """None of 200: 1 − .05^(1/200), about 3/200. All: 1."""
    assert upper_bound(0, 200) == pytest.approx(1 - 0.05 ** (1 / 200))
    assert upper_bound(7, 7) == 1.0
    for count, n in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match=r"n must|count must|3 of 2"):
            upper_bound(count, n)
