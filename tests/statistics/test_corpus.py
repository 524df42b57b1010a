"""Resampled corpora against scipy's bootstrap, against means whose errors are known, and where there is nothing to resample."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, norm
from scipy.stats import t as student_t

from loradiag.statistics.corpus import Statistic, bootstrap_difference
from loradiag.statistics.paired import paired


def means(base: np.ndarray, adapter: np.ndarray) -> Statistic:
    """The mean of both, on indexes."""
    return lambda which: (float(np.mean(base[which])), float(np.mean(adapter[which])))


def correlations(base: np.ndarray, adapter: np.ndarray, truth: np.ndarray) -> Statistic:
    """A metric that is no mean of documents."""
    return lambda which: (
        float(np.corrcoef(base[which], truth[which])[0, 1]),
        float(np.corrcoef(adapter[which], truth[which])[0, 1]),
    )


def test_against_scipy() -> None:
    """A difference of correlations of 80 documents: ends as scipy's percentiles at the level that Hesterberg's come to."""
    rng = np.random.default_rng(5)
    truth = rng.standard_normal(80)
    base, adapter = truth + rng.standard_normal(80), truth + 1.5 * rng.standard_normal(80)
    statistic = correlations(base, adapter, truth)
    found = bootstrap_difference(statistic, 80, resamples=4000)
    tail = float(norm.cdf(-np.sqrt(80 / 79) * student_t.ppf(0.975, 79)))

    def difference(which: np.ndarray) -> float:
        first, second = statistic(which.astype(int))
        return second - first

    reference = bootstrap(
        (np.arange(80),),
        difference,
        n_resamples=4000,
        vectorized=False,
        method="percentile",
        confidence_level=1 - 2 * tail,
        rng=np.random.default_rng(6),
    )
    assert found.difference == pytest.approx(difference(np.arange(80)))
    assert found.standard_error == pytest.approx(reference.standard_error, rel=0.06)
    ends = reference.confidence_interval
    noise = 0.15 * reference.standard_error
    assert found.low == pytest.approx(ends.low, abs=noise)
    assert found.high == pytest.approx(ends.high, abs=noise)


@pytest.mark.parametrize("clustered", [True, False])
def test_means_have_the_error_of_means(clustered: bool) -> None:
    """Of a mean the bootstrap's error and interval are what the formula gives, within the noise of 4000 resamples."""
    rng = np.random.default_rng(7)
    labels = np.repeat(np.arange(40), 3).tolist() if clustered else None
    base = rng.standard_normal(120)
    shift = rng.standard_normal(40).repeat(3) if clustered else 0.0
    adapter = base + shift + rng.standard_normal(120)
    found = bootstrap_difference(means(base, adapter), 120, labels, resamples=4000)
    formula = paired(base, adapter, labels)
    assert formula.standard_error is not None
    assert (found.n, found.clusters) == (120, formula.clusters)
    assert found.difference == pytest.approx(formula.difference)
    assert found.standard_error == pytest.approx(formula.standard_error, rel=0.05)
    assert found.low == pytest.approx(formula.low, abs=0.2 * formula.standard_error)
    assert found.high == pytest.approx(formula.high, abs=0.2 * formula.standard_error)


def test_both_models_see_the_same_resample() -> None:
    """A model beside itself plus a constant: the same difference in every resample, so nobody has seen it vary."""
    base = np.random.default_rng(9).standard_normal(30)
    found = bootstrap_difference(means(base, base + 0.25), 30)
    assert found.difference == pytest.approx(0.25)
    assert not found.certain
    assert not found.identical
    assert (found.low, found.high) == (None, None)


def test_whole_clusters_are_drawn() -> None:
    """In every resample each document of a cluster appears as often as the others."""
    seen = []

    def look(which: np.ndarray) -> tuple[float, float]:
        seen.append(np.bincount(which, minlength=6))
        return 0.0, float(np.mean(which))

    found = bootstrap_difference(look, 6, ["x", "y", "x", "z", "y", "z"], resamples=50)
    counts = np.array(seen)
    assert counts.shape == (51, 6)
    np.testing.assert_array_equal(counts[:, [0, 1, 3]], counts[:, [2, 4, 5]])
    np.testing.assert_array_equal(counts[0], np.ones(6))
    assert (found.clusters, found.resamples) == (3, 50)


def test_deterministic() -> None:
    """The same call, the same numbers; another seed, others."""
    rng = np.random.default_rng(10)
    statistic = means(rng.standard_normal(20), rng.standard_normal(20))
    first = bootstrap_difference(statistic, 20, resamples=200)
    assert first == bootstrap_difference(statistic, 20, resamples=200)
    assert first != bootstrap_difference(statistic, 20, resamples=200, seed=1)


def test_identical_models() -> None:
    """The point 0, and so says ``identical``."""
    base = np.random.default_rng(11).standard_normal(30)
    found = bootstrap_difference(means(base, base), 30, resamples=100)
    assert (found.difference, found.low, found.high, found.standard_error) == (0, 0, 0, 0)
    assert found.identical
    assert found.certain


@pytest.mark.parametrize(("clusters", "certain"), [(1, False), (2, False), (4, False), (5, True), (6, True)])
def test_few_clusters_have_no_interval(clusters: int, certain: bool) -> None:
    """Fewer than five have too few different resamples for 95%."""
    rng = np.random.default_rng(12)
    base, adapter = rng.standard_normal(5 * clusters), rng.standard_normal(5 * clusters)
    labels = np.repeat(np.arange(clusters), 5).tolist()
    found = bootstrap_difference(means(base, adapter), base.size, labels)
    assert found.certain is certain
    assert (found.standard_error is None) is (clusters == 1)


def test_few_resamples_have_no_far_tail() -> None:
    """99.9% of 20 documents lies beyond 100 resamples."""
    rng = np.random.default_rng(13)
    statistic = means(rng.standard_normal(20), rng.standard_normal(20))
    assert not bootstrap_difference(statistic, 20, resamples=100, level=0.999).certain
    assert bootstrap_difference(statistic, 20, resamples=100, level=0.8).certain


def test_a_metric_that_hardly_moves_has_no_interval() -> None:
    """A median of zeros and one large value is 0 in all but a few of 4000 resamples: that bounds nothing."""
    adapter = np.zeros(9)
    adapter[0] = 5.0
    found = bootstrap_difference(lambda which: (0.0, float(np.median(adapter[which]))), 9, resamples=4000)
    assert not found.certain
    assert not found.identical


def test_what_is_not_finite_is_none() -> None:
    """A metric that some resamples do not have; one that even the sample does not have."""
    adapter = np.array([1.0] + [0.0] * 9)
    found = bootstrap_difference(lambda which: (1.0, 1 / adapter[which].sum() if adapter[which].any() else np.nan), 10)
    assert not found.certain
    assert found.difference == 0
    assert found.standard_error is None
    broken = bootstrap_difference(lambda which: (1.0, np.inf), 10, resamples=10)
    assert (broken.adapter, broken.difference, broken.certain) == (None, None, False)
