"""Ratios of sums: against the delta method written out, a slow bootstrap-t, and the mean of documents."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.statistics.paired import paired
from loradiag.statistics.ratios import bootstrap_ratio
from loradiag.statistics.resampling import draws


def corpus(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nats of both models, and tokens."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(20, 400, n).astype(float)
    nats = rng.normal(2.0, 0.3, n)
    return nats * tokens, (nats + rng.normal(0.05, 0.1, n)) * tokens, tokens


def perplexity(nats: np.ndarray, tokens: np.ndarray) -> float:
    """Of a corpus."""
    return float(np.exp(np.sum(nats) / np.sum(tokens)))


def jackknife_error(
    base: np.ndarray, adapter: np.ndarray, tokens: np.ndarray, drawn: np.ndarray, scale: float
) -> float:
    """The standard error of a difference of perplexities from its derivative by each document's weight, numerically."""
    slopes = []
    for index in range(base.size):
        more, less = drawn.astype(float), drawn.astype(float)
        more[index] += scale
        less[index] -= scale
        change = [
            perplexity(adapter * weight, tokens * weight) - perplexity(base * weight, tokens * weight)
            for weight in (more, less)
        ]
        slopes.append((change[0] - change[1]) / (2 * scale))
    return float(np.sqrt(base.size / (base.size - 1) * np.sum(drawn * np.square(slopes))))


def test_points_and_error_of_perplexity() -> None:
    """Perplexities by definition; the error from the numerical derivative by each document's weight."""
    base, adapter, tokens = corpus(25)
    found = bootstrap_ratio(base, adapter, tokens, exponential=True)
    assert found.base == pytest.approx(perplexity(base, tokens))
    assert found.adapter == pytest.approx(perplexity(adapter, tokens))
    assert found.difference == pytest.approx(perplexity(adapter, tokens) - perplexity(base, tokens))
    assert found.standard_error == pytest.approx(jackknife_error(base, adapter, tokens, np.ones(25), 1e-5), rel=1e-5)
    assert found.certain


def test_interval_is_a_bootstrap_t() -> None:
    """Each resample's deviation in its own error, by a loop that derives numerically; the same draws."""
    base, adapter, tokens = corpus(8, seed=2)
    found = bootstrap_ratio(base, adapter, tokens, exponential=True, resamples=150, level=0.8)
    value = perplexity(adapter, tokens) - perplexity(base, tokens)
    error = jackknife_error(base, adapter, tokens, np.ones(8), 1e-5)
    scores = []
    for counts in np.concatenate(list(draws(8, 150))):
        again = perplexity(adapter * counts, tokens * counts) - perplexity(base * counts, tokens * counts)
        scores.append((again - value) / jackknife_error(base, adapter, tokens, counts, 1e-5))
    scores.sort()
    # the 10th and 90th percentiles of 150 scores lie at positions 14.9 and 134.1, taken outwards: 14 and 135
    assert found.low == pytest.approx(value - error * scores[135], rel=1e-4)
    assert found.high == pytest.approx(value - error * scores[14], rel=1e-4)


@pytest.mark.parametrize("labels", [None, list("aabbccddeeffgghhiijj")])
def test_weights_of_one_make_it_a_mean(labels: list[str] | None) -> None:
    """Difference and standard error as of ``paired``; an interval much like Student's."""
    rng = np.random.default_rng(3)
    base = rng.standard_normal(20)
    adapter = base + rng.normal(0.2, 1, 20)
    found, mean = bootstrap_ratio(base, adapter, np.ones(20), clusters=labels), paired(base, adapter, labels)
    assert found.difference == pytest.approx(mean.difference)
    assert found.standard_error == pytest.approx(mean.standard_error)
    assert found.clusters == mean.clusters
    assert mean.standard_error is not None
    assert found.low == pytest.approx(mean.low, abs=mean.standard_error)
    assert found.high == pytest.approx(mean.high, abs=mean.standard_error)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_swapping_the_models_turns_it_round(seed: int, exponential: bool) -> None:
    """As far as the perplexity's curve allows: exactly for ratios, and for perplexities too."""
    base, adapter, tokens = corpus(12, seed)
    one = bootstrap_ratio(base, adapter, tokens, exponential=exponential, resamples=200)
    other = bootstrap_ratio(adapter, base, tokens, exponential=exponential, resamples=200)
    assert one.low is not None
    assert one.high is not None
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), rel=1e-6, abs=1e-9)


def test_clusters_of_one_and_clusters_of_copies() -> None:
    """Labels that are all different change nothing; a document cut into two of one cluster neither."""
    base, adapter, tokens = corpus(15)
    plain = bootstrap_ratio(base, adapter, tokens, exponential=True)
    assert bootstrap_ratio(base, adapter, tokens, exponential=True, clusters=range(15)) == plain
    halves = [np.repeat(column / 2, 2) for column in (base, adapter, tokens)]
    cut = bootstrap_ratio(*halves, exponential=True, clusters=np.repeat(np.arange(15), 2).tolist())
    assert (cut.low, cut.high) == pytest.approx((plain.low, plain.high))
    assert (cut.n, cut.clusters) == (30, 15)
    apart = bootstrap_ratio(*halves, exponential=True)
    assert apart.low is not None
    assert apart.high is not None
    assert plain.low is not None
    assert plain.high is not None
    assert apart.high - apart.low < 0.85 * (plain.high - plain.low)


def test_identical_models() -> None:
    """The point 0."""
    base, _, tokens = corpus(10)
    found = bootstrap_ratio(base, base.copy(), tokens, exponential=True)
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert found.identical
    assert found.certain


def test_a_constant_shift_is_not_certain() -> None:
    """.1 nats on every token: no resample differs."""
    base, _, tokens = corpus(10)
    found = bootstrap_ratio(base, base + 0.1 * tokens, tokens)
    assert found.difference == pytest.approx(0.1)
    assert not found.certain
    assert not found.identical


def test_one_hurt_document_bounds_nothing() -> None:
    """One of 12 changed: a third of the resamples see no change, and so no end of what it could be. Six of 12 do."""
    base, _, tokens = corpus(12)
    hurt = base.copy()
    hurt[3] += 50
    found = bootstrap_ratio(base, hurt, tokens, exponential=True)
    assert found.difference is not None
    assert found.difference > 0
    assert not found.certain
    hurt[:6] += np.arange(20, 80, 10)
    assert bootstrap_ratio(base, hurt, tokens, exponential=True).certain


@pytest.mark.parametrize("labels", [["a"] * 10, ["a"] * 9 + ["b"]])
def test_one_cluster_tells_nothing(labels: list[str]) -> None:
    """Nor does one beside a scrap."""
    base, adapter, tokens = corpus(10)
    assert not bootstrap_ratio(base, adapter, tokens, clusters=labels).certain
    assert not bootstrap_ratio(base, base, tokens, clusters=labels).certain


def test_perplexities_beyond_numbers() -> None:
    """An adapter that costs 1000 nats a token has no finite perplexity; its nats are told."""
    base, _, tokens = corpus(10)
    broken = 1000.0 * tokens
    broken[0] *= 1.1
    found = bootstrap_ratio(base, broken, tokens, exponential=True)
    assert (found.adapter, found.difference, found.standard_error, found.certain) == (None, None, None, False)
    assert bootstrap_ratio(base, broken, tokens).certain


def test_empty_documents_are_allowed() -> None:
    """A weight of 0 among others; a resample of empty documents alone has no ratio."""
    base, adapter, tokens = corpus(30)
    base[0] = adapter[0] = tokens[0] = 0.0
    assert bootstrap_ratio(base, adapter, tokens).certain
    assert not bootstrap_ratio([1, 0, 0], [2, 0, 0], [1, 0, 0]).certain
