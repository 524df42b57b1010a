"""Tango's interval against a likelihood that is maximised numerically, and against Wilson's where they must agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binomtest

from loradiag.statistics.score import score_interval

Z = 1.959963984540054


def statistic(lost: int, won: int, n: int, difference: float) -> float:
    """The score statistic of a difference, with the shares that are likeliest under it found by a search."""
    same = n - lost - won

    def surprise(share: float) -> float:  # of the share lost; the share won is share + difference
        parts = ((lost, share), (won, share + difference), (same, 1 - 2 * share - difference))
        return -sum(count * np.log(max(chance, 1e-300)) for count, chance in parts if count)

    low, high = max(0.0, -difference), (1 - difference) / 2
    share = minimize_scalar(surprise, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
    variance = (2 * share + difference - difference**2) / n
    return float(((won - lost) / n - difference) / np.sqrt(variance))


@pytest.mark.parametrize(("lost", "won", "n"), [(7, 1, 21), (16, 6, 161), (20, 40, 160), (3, 9, 30), (70, 40, 1000)])
def test_ends_are_where_the_score_test_turns(lost: int, won: int, n: int) -> None:
    """|T| = 1.96 at both ends."""
    low, high = score_interval(lost, won, n, Z)
    middle = (won - lost) / n
    assert high == pytest.approx(brentq(lambda x: statistic(lost, won, n, x) + Z, middle + 1e-6, 1 - 1e-6), abs=1e-5)
    assert low == pytest.approx(brentq(lambda x: statistic(lost, won, n, x) - Z, -1 + 1e-6, middle - 1e-6), abs=1e-5)


@pytest.mark.parametrize(("won", "n"), [(0, 10), (1, 10), (5, 20), (20, 20), (3, 500)])
def test_wilsons_upper_end_where_nothing_was_lost(won: int, n: int) -> None:
    """Above (won − 0)/n the likeliest share lost is 0, and the statistic is that of a single proportion."""
    wilson = binomtest(won, n).proportion_ci(method="wilson")
    assert score_interval(0, won, n, Z)[1] == pytest.approx(wilson.high, abs=1e-6)


def test_no_flip_by_hand() -> None:
    """nΔ² = z²·Δ(1 − Δ): Δ = z²/(n + z²) = 3.8415/23.8415 = .16113 of 20, either way."""
    low, high = score_interval(0, 0, 20, Z)
    assert high == pytest.approx(0.161125, abs=1e-6)
    assert low == -high


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 200), st.floats(0.5, 4))
def test_shape(lost: int, won: int, same: int, z: float) -> None:
    """It holds the difference, stays within ±1, has a width, turns round with the models, and grows with z."""
    n = lost + won + same
    if n == 0:
        return
    low, high = score_interval(lost, won, n, z)
    assert -1 <= low <= (won - lost) / n <= high <= 1
    assert low < high
    assert score_interval(won, lost, n, z) == (-high, -low)
    wider = score_interval(lost, won, n, z + 1)
    assert wider[0] <= low
    assert wider[1] >= high
    twice = score_interval(2 * lost, 2 * won, 2 * n, z)
    assert twice[1] - twice[0] < high - low


def test_counts_need_not_be_whole() -> None:
    """Halves lie between."""
    ends = [score_interval(lost, 2, 50, Z) for lost in (3, 3.5, 4)]
    assert ends[0][0] > ends[1][0] > ends[2][0]
    assert ends[0][1] > ends[1][1] > ends[2][1]
