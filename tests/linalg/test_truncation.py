"""Cuts against the dense singular value decomposition, and rounding against numbers that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.linalg.narrow import PRECISIONS, narrow
from loradiag.linalg.truncation import (
    difference_norm,
    factored,
    product_norm,
    rank_for_energy,
    rank_for_error,
    tails,
)
from loradiag.linalg.widen import Array, widen


def _pair(seed: int, d_out: int, d_in: int, rank: int, decay: float) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    falling = 10.0 ** (-decay * np.arange(rank))
    return rng.normal(size=(d_out, rank)) * falling, rng.normal(size=(rank, d_in))


PAIRS = st.builds(
    _pair,
    st.integers(0, 2**32),
    st.integers(1, 24),
    st.integers(1, 24),
    st.integers(1, 12),
    st.sampled_from([0.0, 0.1, 0.4]),
)


@given(PAIRS, st.integers(1, 12))
def test_the_error_is_the_tail(pair: tuple[Array, Array], rank: int) -> None:
    """Whatever the shapes, the cut is as near as the dense decomposition allows, and its error is the tail."""
    b, a = pair
    dense = b @ a
    sigma = np.linalg.svd(dense, compute_uv=False)[: min(b.shape[1], *dense.shape)]
    product = factored(b, a)
    new_b, new_a = product.balanced(rank)
    kept = min(rank, sigma.size)
    assert new_b.shape == (b.shape[0], kept)
    assert new_a.shape == (kept, a.shape[1])
    norm = float(np.linalg.norm(dense))
    tail = float(np.linalg.norm(sigma[kept:]))
    assert np.linalg.norm(dense - new_b @ new_a) == pytest.approx(tail, rel=1e-9, abs=1e-12 * norm)
    assert tails(product.sigma)[kept] * norm == pytest.approx(tail, rel=1e-9, abs=1e-12 * norm)
    assert difference_norm(pair, (new_b, new_a)) == pytest.approx(tail, rel=1e-9, abs=1e-12 * norm)
    assert product_norm(b, a) == pytest.approx(norm, rel=1e-12)


@given(PAIRS)
def test_factors_are_balanced(pair: tuple[Array, Array]) -> None:
    """Both factors carry √σ in each direction."""
    product = factored(*pair)
    b, a = product.balanced(product.sigma.size)
    top = product.sigma[0]
    np.testing.assert_allclose(b.T @ b, np.diag(product.sigma), atol=1e-12 * top)
    np.testing.assert_allclose(a @ a.T, np.diag(product.sigma), atol=1e-12 * top)


@given(st.lists(st.just(0.0) | st.floats(1e-6, 10), min_size=1, max_size=10), st.floats(0, 0.999))
def test_ranks_are_the_least(values: list[float], share: float) -> None:
    """One rank less would lose too much, up to ties."""
    sigma = np.sort(values)[::-1]
    total = float(np.sum(sigma**2))
    for rank, allowed in (
        (rank_for_error(sigma, share), share**2 * total),
        (rank_for_energy(sigma, 1 - share), share * total),
    ):
        assert 1 <= rank <= sigma.size
        # A tail of 1e-14 counts as nothing, so this much is allowed beyond the share.
        assert np.sum(sigma[rank:] ** 2) <= (np.sqrt(allowed * (1 + 1e-9)) + 1e-13 * np.sqrt(total)) ** 2
        if rank > 1:
            assert np.sum(sigma[rank - 1 :] ** 2) >= allowed * (1 - 1e-9)


def test_exact_shares_are_enough() -> None:
    """σ² = 81, 18, 1: 0.99 of the energy is in two directions and 0.81 in one; nothing is lost only with three."""
    sigma = np.sqrt([81.0, 18.0, 1.0])
    assert [rank_for_energy(sigma, share) for share in (0.5, 0.81, 0.82, 0.99, 0.995, 1)] == [1, 1, 2, 2, 3, 3]
    assert [rank_for_error(sigma, error) for error in (0.5, 0.1, 0.09, 0)] == [1, 2, 3, 3]
    assert rank_for_error(np.array([1.0, 1e-16, 0]), 0) == 1  # float64 rounds more off than that
    assert rank_for_error(np.zeros(4), 0) == rank_for_energy(np.zeros(4), 1) == 1
    assert tails(np.zeros(2)).tolist() == [0, 0, 0]


def test_products_that_are_not_finite() -> None:
    """They are an error, and nothing at all has no directions."""
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(np.linalg.LinAlgError):
        factored(np.full((3, 1), 1e200), np.full((1, 3), 1e200))
    assert factored(np.zeros((3, 0)), np.zeros((0, 4))).sigma.size == 0


@pytest.mark.parametrize("dtype", sorted(PRECISIONS))
@given(values=st.lists(st.floats(-6e4, 6e4), min_size=1, max_size=20))
def test_rounding_is_within_its_precision(dtype: str, values: list[float]) -> None:
    """Each number moves by no more than the format's precision, and one of the format does not move."""
    exact = np.array(values)
    rounded = widen(narrow(exact, dtype), dtype)
    precision = PRECISIONS[dtype]
    assert np.all(np.abs(rounded - exact) <= precision.relative * np.abs(exact) + precision.absolute)
    assert np.array_equal(widen(narrow(rounded, dtype), dtype), rounded)


def test_bf16_rounds_to_even_and_to_infinity() -> None:
    """Known numbers: 8 significant bits, ties to even, and what is too large becomes infinite."""
    exact = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -3.0e38, 3.4e38, 1e39])
    expected = [1.0, 1.0, 1 + 2**-6, 1 + 2**-7, -3.0e38, np.inf, np.inf]
    np.testing.assert_allclose(widen(narrow(exact, "BF16"), "BF16"), expected, rtol=2**-8)
    assert widen(narrow(exact, "BF16"), "BF16")[:4].tolist() == expected[:4]


@pytest.mark.parametrize("dtype", sorted(PRECISIONS))
def test_what_is_no_number_stays_none(dtype: str) -> None:
    """NaN of either sign and any bits, infinities, and what lies beside them; in single precision too."""
    bits = np.array([0x7FC00000, 0x7FFFFFFF, 0xFFFFFFFF, 0x7F800001, 0xFF800000, 0x7F800000, 0x3F800000], np.uint32)
    single = bits.view(np.float32)
    with np.errstate(invalid="ignore"):
        both = widen(narrow(single, dtype), dtype), widen(narrow(single.astype(np.float64), dtype), dtype)
    for found in both:
        np.testing.assert_array_equal(found, [*[np.nan] * 4, -np.inf, np.inf, 1.0])
