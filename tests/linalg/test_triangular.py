"""The triangular factor, against LAPACK's dense SVD in float64."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.linalg.spectra import of_product
from loradiag.linalg.triangular import gram, r_factor
from loradiag.linalg.widen import Array


def conditioned(rng: np.random.Generator, rows: int, cols: int, log_condition: float) -> Array:
    """A random [rows, cols] matrix whose singular values fall geometrically over ``log_condition`` decades."""
    left, _, right = np.linalg.svd(rng.standard_normal((rows, cols)), full_matrices=False)
    return left * np.logspace(0, -log_condition, min(rows, cols)) @ right


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rank=st.integers(1, 40),
    d_in=st.integers(1, 200),
    d_out=st.integers(1, 200),
    decades=st.floats(0, 16),
    size=st.integers(-8, 8),
)
def test_singular_values_agree_with_dense_svd(
    seed: int, rank: int, d_in: int, d_out: int, decades: float, size: int
) -> None:
    """σ from factors equals the dense SVD of B·A to 1e-10 of σ₁, however ill-conditioned the factors."""
    rng = np.random.default_rng(seed)
    a = conditioned(rng, d_in, rank, decades).T * 10.0**size
    b = conditioned(rng, d_out, rank, decades)
    sigma = of_product(r_factor(b, "F64", tall=True), r_factor(a, "F64", tall=False))
    dense = scipy.linalg.svdvals(b @ a, check_finite=True)
    wide = np.zeros(max(sigma.size, dense.size))
    ours, reference = wide.copy(), wide.copy()
    ours[: sigma.size], reference[: dense.size] = sigma, dense
    assert np.abs(ours - reference).max() <= 1e-10 * dense[0]


@pytest.mark.parametrize("decades", [0, 1, 2, 5, 8, 12])
@pytest.mark.parametrize("tall", [True, False])
def test_small_singular_values_keep_relative_accuracy(decades: int, tall: bool) -> None:
    """Values far below σ₁ come out right relative to themselves, which a Gram matrix alone would lose below 1e-8."""
    rng = np.random.default_rng(decades)
    matrix = conditioned(rng, 400, 12, decades)
    sigma = np.linalg.svd(r_factor(matrix if tall else matrix.T, "F64", tall=tall), compute_uv=False)
    np.testing.assert_allclose(sigma, np.logspace(0, -decades, 12), rtol=1e-3 if decades > 10 else 1e-6)


@pytest.mark.parametrize("rank", [1, 2, 7, 16, 47, 48, 64])
@pytest.mark.parametrize("tall", [True, False])
def test_gram_equals_product_across_blocks(rank: int, tall: bool) -> None:
    """Blocks of every size add up to the plain product, on both sides of the switch to BLAS's symmetric update."""
    rng = np.random.default_rng(rank)
    matrix = rng.standard_normal((70_000 // rank + 3, rank))
    result = gram(matrix if tall else np.ascontiguousarray(matrix.T), "F64", tall=tall)
    np.testing.assert_allclose(result, matrix.T @ matrix, rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_storage_formats_are_widened_exactly(dtype: str) -> None:
    """A stored factor gives the R of exactly the numbers that it stores."""
    rng = np.random.default_rng(1)
    values = rng.standard_normal((300, 8)).astype(np.float32)
    if dtype == "BF16":
        raw = (values.view(np.uint32) >> 16).astype(np.uint16)
        exact = (raw.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    else:
        raw = values.astype(np.float16 if dtype == "F16" else np.float32)
        exact = raw.astype(np.float64)
    sigma = np.linalg.svd(r_factor(raw, dtype, tall=True), compute_uv=False)
    np.testing.assert_allclose(sigma, scipy.linalg.svdvals(exact), rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("tall", [True, False])
def test_nonfinite_elements_are_refused(bad: float, tall: bool) -> None:
    """One NaN or infinity anywhere is noticed."""
    matrix = np.ones((5000, 16))
    matrix[4321, 3] = bad
    with pytest.raises(ValueError, match="NaN or infinite"):
        r_factor(matrix if tall else matrix.T, "F64", tall=tall)


def test_zero_and_rank_deficient_factors() -> None:
    """All-zero, partly zero and wide factors give their exact singular values."""
    assert not r_factor(np.zeros((50, 4)), "F64", tall=True).any()
    half = np.zeros((50, 4))
    half[:, 1] = 1.0
    sigma = np.linalg.svd(r_factor(half, "F64", tall=True), compute_uv=False)
    np.testing.assert_allclose(sigma, [np.sqrt(50), 0, 0, 0], atol=1e-12)
    wide = np.random.default_rng(0).standard_normal((6, 8))
    sigma = np.linalg.svd(r_factor(wide, "F64", tall=True), compute_uv=False)
    np.testing.assert_allclose(sigma, scipy.linalg.svdvals(wide), rtol=1e-12)


def test_tiny_and_huge_float32_do_not_overflow() -> None:
    """Squares of the largest and the least F32 numbers stay within float64."""
    for size in (3e38, 1e-38):
        matrix = (np.random.default_rng(0).uniform(-1, 1, (100, 4)) * size).astype(np.float32)
        sigma = np.linalg.svd(r_factor(matrix, "F32", tall=True), compute_uv=False)
        np.testing.assert_allclose(sigma, scipy.linalg.svdvals(matrix.astype(np.float64)), rtol=1e-10)
