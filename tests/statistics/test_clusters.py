"""Clustered standard errors against loops over pairs of documents, and numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.statistics.clusters import cautious_design_effect, design_effect, group, variance_of_mean

VALUES = np.array([1.0, 1.0, 0.0, 0.0, -1.0, 2.0])
LABELS = ["a", "a", "b", "b", "c", "c"]


def test_labels_are_numbered_by_first_appearance() -> None:
    """Any hashable will do, mixed too."""
    groups = group(["x", 7, "x", ("t", 1), 7], 5)
    assert groups.codes.tolist() == [0, 1, 0, 2, 1]
    assert groups.count == 3
    assert groups.sums(np.array([1.0, 2.0, 3.0, 4.0, 5.0])).tolist() == [4.0, 7.0, 4.0]
    assert group(None, 3).codes.tolist() == [0, 1, 2]


def test_variance_by_hand() -> None:
    """Mean .5; residuals add up to 1, −1 and 0 in the clusters; 3/2 · (1 + 1 + 0)/36 = 1/12.

    Apart: residuals ±.5 four times and ±1.5 twice, squares add up to 5.5, /(6·5) = .18333; the ratio is .4545.
    """
    groups = group(LABELS, 6)
    assert variance_of_mean(VALUES, groups) == pytest.approx(1 / 12)
    assert variance_of_mean(VALUES, group(None, 6)) == pytest.approx(5.5 / 30)
    assert design_effect(VALUES, groups) == pytest.approx((1 / 12) / (5.5 / 30))


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-9, 9), st.integers(0, 4)), min_size=2, max_size=25))
def test_variance_is_a_sum_over_pairs_of_one_cluster(documents: list[tuple[float, int]]) -> None:
    """Σ_c Σ_{i∈c} Σ_{j∈c} r_i·r_j/n², as Miller writes it but for the factor, by three loops."""
    values, labels = [value for value, _ in documents], [label for _, label in documents]
    count = len(set(labels))
    if count < 2:
        return
    mean = sum(values) / len(values)
    total = 0.0
    for i, first in enumerate(values):
        for j, second in enumerate(values):
            if labels[i] == labels[j]:
                total += (first - mean) * (second - mean)
    expected = count / (count - 1) * total / len(values) ** 2
    assert variance_of_mean(np.array(values), group(labels, len(values))) == pytest.approx(expected, abs=1e-12)


def test_against_statsmodels() -> None:
    """A regression on a constant with clustered covariance has the same factor G/(G−1)."""
    api = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 9, 60)
    values = rng.standard_normal(60) + rng.standard_normal(9)[labels]
    fit = api.OLS(values, np.ones(60)).fit(cov_type="cluster", cov_kwds={"groups": labels})
    assert np.sqrt(variance_of_mean(values, group(labels.tolist(), 60))) == pytest.approx(fit.bse[0])


def test_copies_of_documents_multiply_the_design_effect() -> None:
    """Every document five times, told as five documents of one cluster: the variance is what it was of one each.

    With S the squares of the ten: S/(9·10) over 5S/(49·50) is 49/9.
    """
    values = np.random.default_rng(4).standard_normal(10)
    five, labels = np.repeat(values, 5), np.repeat(np.arange(10), 5).tolist()
    groups = group(labels, 50)
    assert variance_of_mean(five, groups) == pytest.approx(np.var(values, ddof=1) / 10)
    assert design_effect(five, groups) == pytest.approx(49 / 9)


def test_no_design_effect_without_variance_or_clusters() -> None:
    """0/0, and a sample of one."""
    assert design_effect(np.zeros(4), group("aabb", 4)) is None
    assert design_effect(np.array([0.0, 1.0]), group("aa", 2)) is None


def test_sizes_and_freedom_by_hand() -> None:
    """Sizes 2, 2, 2: usual size 2, 6/2 − 1 = 2. Sizes 4, 1, 1: (16 + 1 + 1)/6 = 3, 6/3 − 1 = 1, though G − 1 is 2."""
    assert (group(LABELS, 6).usual_size(), group(LABELS, 6).freedom()) == (2, 2)
    assert (group("aaaabc", 6).usual_size(), group("aaaabc", 6).freedom()) == (3, 1)
    assert group(None, 7).freedom() == 6


def test_cautious_design_effect_by_hand() -> None:
    """No flip: the size of a cluster. One flip of 4 documents in clusters of 2: see below. Clusters of one: 1.

    d = (1, 0, 0, 0), mean .25. Squares .5625 + 3·.0625 = .75, · 4/3 = 1. Clusters: .5 and −.5, squares .5, · 2/1 = 1.
    (1 + 2)/(1 + 1) = 1.5.
    """
    assert cautious_design_effect(np.zeros(6), group(LABELS, 6)) == 2
    assert cautious_design_effect(np.array([1.0, 0, 0, 0]), group("aabb", 4)) == pytest.approx(1.5)
    assert cautious_design_effect(np.array([1.0, 0, 0, -1]), group(None, 4)) == 1


def test_cautious_design_effect_comes_to_the_plain_one() -> None:
    """Whole clusters that flip together, many of them: both are about the size of a cluster."""
    rng = np.random.default_rng(8)
    labels = np.repeat(np.arange(400), 6)
    values = rng.choice([-1.0, 0.0, 1.0], 400)[labels]
    groups = group(labels.tolist(), labels.size)
    plain = design_effect(values, groups)
    assert plain is not None
    assert plain == pytest.approx(6, rel=0.01)
    assert cautious_design_effect(values, groups) == pytest.approx(plain, rel=0.01)


def test_opposite_documents_of_a_cluster_earn_no_credit() -> None:
    """A design effect below 1 is taken as 1 where the interval is to be cautious."""
    values, labels = np.array([1.0, -1.0] * 8), np.repeat(np.arange(8), 2).tolist()
    assert design_effect(values, group(labels, 16)) == 0
    assert cautious_design_effect(values, group(labels, 16)) == 1
