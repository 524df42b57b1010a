"""Paired differences against scipy's t-test and numbers worked by hand; what they do when the data say little."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student_t
from scipy.stats import ttest_rel

from loradiag.statistics.paired import paired
from loradiag.statistics.score import score_interval

Z = 1.959963984540054
REAL = st.floats(-100, 100).map(lambda value: round(value, 3))
PAIRS = st.lists(st.tuples(REAL, REAL, st.integers(0, 4)), min_size=2, max_size=30)
FLIPS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=40)


def test_by_hand() -> None:
    """Differences −.1, 0, −.3, 0: mean −.1, squares .06, SE √(.06/12) = .070711, spread √.02, t 3.18245: ±.22503."""
    found = paired([0.5, 0.2, 0.9, 0.4], [0.4, 0.2, 0.6, 0.4])
    assert (found.n, found.clusters, found.method) == (4, 4, "student")
    assert found.base == pytest.approx(0.5)
    assert found.adapter == pytest.approx(0.4)
    assert found.difference == pytest.approx(-0.1)
    assert found.standard_error == pytest.approx(0.0707107, abs=1e-6)
    assert found.spread == pytest.approx(0.1414214, abs=1e-6)
    assert found.design_effect == pytest.approx(1)
    assert (found.low, found.high) == pytest.approx((-0.325033, 0.125033), abs=1e-5)
    assert found.certain
    assert not found.identical
    assert not found.binary


def test_clusters_by_hand() -> None:
    """SE √(1/12) as in test_clusters; three clusters of two, so t of 2 degrees, 4.302653: .5 ± 1.24207."""
    found = paired(np.zeros(6), [1, 1, 0, 0, -1, 2], list("aabbcc"))
    assert found.clusters == 3
    assert found.standard_error == pytest.approx(np.sqrt(1 / 12))
    assert (found.low, found.high) == pytest.approx((0.5 - 1.242069, 0.5 + 1.242069), abs=1e-5)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_against_scipy(level: float) -> None:
    """The t-test of related samples gives the same interval."""
    rng = np.random.default_rng(1)
    base = rng.standard_normal(40)
    adapter = base + rng.normal(0.1, 0.3, 40)
    test = ttest_rel(adapter, base)
    expected = test.confidence_interval(level)
    found = paired(base, adapter, level=level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.standard_error is not None
    assert found.difference / found.standard_error == pytest.approx(test.statistic)
    assert found.level == level


@settings(deadline=None)
@given(PAIRS)
def test_swapping_the_models_turns_it_round(documents: list[tuple[float, float, int]]) -> None:
    """Difference and interval change their sign, errors and certainty do not."""
    base, adapter, labels = (list(column) for column in zip(*documents, strict=True))
    one, other = paired(base, adapter, labels), paired(adapter, base, labels)
    assert other.difference == pytest.approx(-one.difference)
    assert other.standard_error == pytest.approx(one.standard_error)
    assert other.method == one.method
    if one.low is not None and one.high is not None:
        assert (other.low, other.high) == pytest.approx((-one.high, -one.low))


@settings(deadline=None)
@given(PAIRS | FLIPS, st.randoms(use_true_random=False))
def test_order_does_not_matter(documents: list[tuple[float, float, int]], random: Random) -> None:
    """Nor do the names of the clusters."""
    shuffled = list(documents)
    random.shuffle(shuffled)
    base, adapter, labels = (list(column) for column in zip(*documents, strict=True))
    one = paired(base, adapter, labels)
    base, adapter, labels = (list(column) for column in zip(*shuffled, strict=True))
    other = paired(base, adapter, [f"source {label}" for label in labels])
    for name in ("difference", "standard_error", "low", "high", "design_effect"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-7), name


@settings(deadline=None)
@given(PAIRS | FLIPS)
def test_clusters_of_one_are_no_clusters(documents: list[tuple[float, float, int]]) -> None:
    """The same numbers, with and without, of 0/1 metrics too."""
    base, adapter, _ = (list(column) for column in zip(*documents, strict=True))
    one, other = paired(base, adapter), paired(base, adapter, range(len(base)))
    assert one == other


@settings(deadline=None)
@given(PAIRS | FLIPS)
def test_twice_the_documents_narrow_it(documents: list[tuple[float, float, int]]) -> None:
    """The same documents again, as other documents: the difference stays, the interval shrinks."""
    base, adapter, _ = (list(column) for column in zip(*documents, strict=True))
    one, other = paired(base, adapter), paired(base * 2, adapter * 2)
    assert other.difference == pytest.approx(one.difference)
    if one.method in ("student", "score"):
        assert one.low is not None
        assert one.high is not None
        assert other.low is not None
        assert other.high is not None
        assert other.high - other.low < one.high - one.low


@settings(deadline=None)
@given(PAIRS)
def test_shifting_and_scaling(documents: list[tuple[float, float, int]]) -> None:
    """Another unit changes all numbers by the same factor, and another zero none but the means."""
    base, adapter, labels = (np.array(column) for column in zip(*documents, strict=True))
    one = paired(base, adapter, labels.tolist(), binary=False)
    other = paired(4 * base + 8, 4 * adapter + 8, labels.tolist(), binary=False)
    assert other.difference == pytest.approx(4 * one.difference)
    if one.method == "student" and one.low is not None:
        assert other.low == pytest.approx(4 * one.low, abs=1e-9)


@settings(deadline=None)
@given(FLIPS)
def test_binary_metrics_always_have_a_width(documents: list[tuple[int, int, int]]) -> None:
    """Whatever the flips and the clusters, the score interval holds the difference and has a width."""
    base, adapter, labels = (list(column) for column in zip(*documents, strict=True))
    found = paired(base, adapter, labels)
    if not found.certain:
        return
    assert found.method == "score"
    assert found.low is not None
    assert found.high is not None
    assert -1 <= found.low <= found.difference <= found.high <= 1
    assert found.high - found.low > 0.02
    alone = paired(base, adapter)
    assert alone.low is not None
    assert alone.high is not None
    assert found.high - found.low >= alone.high - alone.low - 1e-12  # clusters never make it narrower


def test_binary_metrics_have_the_score_interval() -> None:
    """Two lost and one won of ten; booleans or numbers; Student's where the caller says it is not 0/1."""
    base, adapter = [1, 1, 1, 0, 0, 1, 1, 0, 0, 1], [0, 0, 1, 1, 0, 1, 1, 0, 0, 1]
    found = paired(np.array(base, dtype=bool), np.array(adapter, dtype=bool))
    assert (found.low, found.high) == pytest.approx(score_interval(2, 1, 10, Z))
    assert found.binary
    plain = paired(base, adapter, binary=False)
    assert plain.method == "student"
    assert plain.low is not None
    assert found.low is not None
    assert plain.low != pytest.approx(found.low)


def test_clusters_scale_the_counts_down() -> None:
    """Every document thrice in a cluster of its own, 2 lost and 1 won of 10: counts as of fewer than 10, not 30, documents.

    With residuals r of the ten, clusters have squares (3r)² and documents 3r² in all.
    """
    changes = np.array([-1.0, -1, 1, 0, 0, 0, 0, 0, 0, 0])
    base = np.array([1, 1, 0, 1, 1, 1, 0, 0, 0, 1])
    found = paired(np.repeat(base, 3), np.repeat(base + changes, 3), np.repeat(np.arange(10), 3).tolist())
    mean = -1 / 10
    together = 10 / 9 * 9 * sum((change - mean) ** 2 for change in changes)
    apart = 30 / 29 * 3 * sum((change - mean) ** 2 for change in changes)
    effect = (together + 3) / (apart + 1)
    fewer = (student_t.ppf(0.975, 29) / student_t.ppf(0.975, 9)) ** 2 / effect
    assert (found.low, found.high) == pytest.approx(score_interval(6 * fewer, 3 * fewer, 30 * fewer, Z))
    assert 5 < 30 * fewer < 10


def test_an_untrained_adapter_is_the_same_on_every_document() -> None:
    """Of log-likelihoods that is the point 0. Of a 0/1 metric it may be chance: ±3.84/(n + 3.84), and ``identical`` says so."""
    values = np.random.default_rng(0).standard_normal(30)
    found = paired(values, values.copy())
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert found.identical
    assert found.certain
    assert found.method == "identical"
    assert found.standard_error == 0
    flat = paired(np.ones(30), np.ones(30))
    assert flat.identical
    assert flat.certain
    assert (flat.low, flat.high) == pytest.approx((-3.8414588 / 33.8414588, 3.8414588 / 33.8414588))


def test_rounding_is_no_difference() -> None:
    """.1 + .2 is not .3 in binary, and no adapter made the difference."""
    found = paired(np.full(5, 0.3), np.full(5, 0.1 + 0.2))
    assert found.identical
    assert (found.low, found.high) == (0, 0)


def test_equal_differences_other_than_zero_are_not_certain() -> None:
    """Everyone lost exactly .1, but for rounding: nobody has seen a spread, so there is no interval, and no point either."""
    base = np.array([0.3, 0.7, 0.2, 0.9])
    found = paired(base + 0.1, base)
    assert found.difference == pytest.approx(-0.1)
    assert found.standard_error == 0
    assert not found.certain
    assert (found.low, found.high, found.method) == (None, None, "none")
    lost = paired(np.ones(4), np.zeros(4))  # 0/1: Δ with 4(1 + Δ)² = z²(1 − Δ²)
    assert lost.low == -1
    assert lost.high == pytest.approx((Z**2 - 4) / (Z**2 + 4))


def test_clusters_that_cancel_are_not_certain() -> None:
    """+1 and −1 in each cluster: the clusters' sums do not vary, and three clusters are no proof that they never do."""
    found = paired(np.zeros(6), [1.5, -1.5] * 3, list("aabbcc"))
    assert found.standard_error == 0
    assert found.spread == pytest.approx(1.5 * np.sqrt(6 / 5))
    assert not found.certain


@pytest.mark.parametrize("binary", [True, False])
def test_one_document_or_cluster_tells_nothing(binary: bool) -> None:
    """No error, no interval; of one document no spread either."""
    value = 1 if binary else 0.5
    single = paired([0], [value])
    assert (single.standard_error, single.spread, single.low, single.certain) == (None, None, None, False)
    assert single.difference == value
    together = paired([0, 0, 0], [value, 0, 0], ["a", "a", "a"])
    assert (together.standard_error, together.low, together.certain, together.clusters) == (None, None, False, 1)
    assert together.spread is not None


def test_one_large_cluster_is_nearly_one_cluster() -> None:
    """Sizes 98, 1, 1: 100²/9606 = 1.04 clusters, fewer than two. Sizes 4, 1, 1 have 1 degree of freedom, not 2: t 12.7."""
    rng = np.random.default_rng(2)
    base = rng.standard_normal(100)
    adapter = base + rng.standard_normal(100)
    assert not paired(base, adapter, ["big"] * 98 + ["a", "b"]).certain
    found = paired(base[:6], adapter[:6], list("aaaabc"))
    assert found.high is not None
    assert found.standard_error is not None
    assert (found.high - found.difference) / found.standard_error == pytest.approx(student_t.ppf(0.975, 1))
