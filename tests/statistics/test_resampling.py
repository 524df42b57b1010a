"""Draws of clusters: what a bootstrap needs of them."""

from __future__ import annotations

import numpy as np
import pytest

from loradiag.statistics.resampling import BLOCK, draws


def together(clusters: int, resamples: int, **options: int) -> np.ndarray:
    """All rows."""
    return np.concatenate(list(draws(clusters, resamples, **options)))


def test_every_resample_is_as_large_as_the_sample() -> None:
    """Rows add up to the number of clusters, and there are as many as asked for."""
    for clusters, resamples in ((1, 3), (7, 100), (50, 1)):
        rows = together(clusters, resamples)
        assert rows.shape == (resamples, clusters)
        assert set(rows.sum(axis=1)) == {clusters}


def test_blocks_change_nothing_but_memory() -> None:
    """The same rows whatever the size of a block, and no block larger than it may be."""
    whole = together(13, 200)
    for block in (1, 13, 40, 1000):
        np.testing.assert_array_equal(together(13, 200, block=block), whole)
    assert max(rows.size for rows in draws(13, 200, block=40)) <= 40
    assert max(rows.size for rows in draws(3000, 1000)) <= BLOCK


def test_seeds() -> None:
    """The same seed draws the same, another draws other."""
    np.testing.assert_array_equal(together(9, 50, seed=4), together(9, 50, seed=4))
    assert np.any(together(9, 50, seed=4) != together(9, 50, seed=5))


def test_counts_are_multinomial() -> None:
    """Mean 1, variance 1 − 1/G, covariance −1/G; a cluster stays out with chance (1 − 1/G)^G."""
    rows = together(10, 40_000).astype(float)
    np.testing.assert_allclose(rows.mean(axis=0), 1, atol=0.03)
    covariance = np.cov(rows.T)
    np.testing.assert_allclose(np.diag(covariance), 0.9, atol=0.04)
    assert covariance[0, 1] == pytest.approx(-0.1, abs=0.03)
    assert np.mean(rows == 0) == pytest.approx(0.9**10, abs=0.005)
