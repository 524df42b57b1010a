"""Detectable differences and numbers of documents: by hand, and by simulating the verdict that they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.core.margins import against_margin, documents_needed, documents_without_flips
from loradiag.statistics.paired import paired
from loradiag.statistics.power import minimum_detectable


def test_minimum_detectable_by_hand() -> None:
    """(1.644854 + .841621) · .3/√100 = .0745942; another level and power have other quantiles."""
    assert minimum_detectable(0.03) == pytest.approx(0.0745942, abs=1e-6)
    assert minimum_detectable(0.03, level=0.975, power=0.9) == pytest.approx(0.03 * (1.959964 + 1.281552), abs=1e-6)


def test_no_spread_is_no_answer() -> None:
    """Documents that did not differ do not say that none ever will."""
    assert minimum_detectable(0.0) is None
    assert documents_needed(0.0, 0.0, 0.05) is None


def test_documents_needed_by_hand() -> None:
    """(2.486475 · .3/.05)² = 222.57, + 1.3528 for Student's t: 223.9, so 224."""
    assert documents_needed(0.0, 0.3, 0.05) == 224
    assert documents_needed(-0.1, 0.3, 0.05) == 224  # as far below as above
    assert documents_needed(0.0, 0.3, 0.05, design_effect=2) == 447  # 445.13 + 1.35


def test_never() -> None:
    """At −margin, and so near to it that ten million would not do."""
    assert documents_needed(-0.05, 0.3, 0.05) is None
    assert documents_needed(-0.05 + 1e-5, 0.3, 0.05) is None
    assert documents_needed(-0.05 + 1e-5, 0.3, 0.05, cap=10**10) is not None
    assert documents_needed(0.0, 0.3, 0.05, cap=223) is None
    assert documents_needed(0.0, 0.3, 0.05, cap=224) == 224


@settings(deadline=None)
@given(st.floats(0.01, 5), st.integers(20, 5000), st.floats(1, 4))
def test_the_two_are_inverse(spread: float, n: int, effect: float) -> None:
    """What n documents can just tell takes n documents, and the one or two of the correction."""
    reach = minimum_detectable(spread * np.sqrt(effect / n))
    assert reach is not None
    needed = documents_needed(reach, spread, 0.0, design_effect=effect)
    assert needed is not None
    assert n <= needed <= n + 3


@pytest.mark.parametrize(("difference", "answer"), [(0.0, "safe"), (-0.35, "forgot")])
def test_that_many_documents_decide_four_times_in_five(difference: float, answer: str) -> None:
    """The 90% interval's verdict on samples of that size: 80% within four standard errors of 1500."""
    n = documents_needed(difference, 1.0, 0.15 if answer == "safe" else 0.05)
    assert n is not None
    rng = np.random.default_rng(n)
    right = 0
    for _ in range(1500):
        found = paired(np.zeros(n), rng.normal(difference, 1.0, n), level=0.9)
        right += against_margin(found.low, found.high, 0.15 if answer == "safe" else 0.05) == answer
    assert right / 1500 == pytest.approx(0.8, abs=0.042)


@pytest.mark.parametrize(("margin", "level"), [(0.05, 0.95), (0.01, 0.95), (0.3, 0.9), (0.9, 0.8)])
def test_documents_without_flips_are_the_fewest_that_do(margin: float, level: float) -> None:
    """With that many, none of which flips, the verdict is safe; with one fewer it is not."""
    n = documents_without_flips(margin, level)

    def verdict(documents: int) -> str:
        found = paired(np.ones(documents), np.ones(documents), level=2 * level - 1)
        return against_margin(found.low, found.high, margin)

    assert verdict(n) == "safe"
    assert verdict(n - 1) == "inconclusive"


def test_documents_without_flips_by_hand() -> None:
    """1.644854² · .95/.05 = 51.4, so 52."""
    assert documents_without_flips(0.05) == 52
