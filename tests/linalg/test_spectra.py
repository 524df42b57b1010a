"""Measures of a spectrum, against their definitions written out, and products of matrices against dense ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.linalg import spectra

SPECTRA = st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=40).filter(lambda s: max(s) > 1e-6)


@settings(max_examples=200, deadline=None)
@given(values=SPECTRA)
def test_measures_follow_their_definitions(values: list[float]) -> None:
    """Every measure equals its formula, computed in plain Python or by scipy."""
    sigma = sorted(values, reverse=True)
    m = spectra.measures(np.array(sigma))
    top, energy = sigma[0], math.fsum(s * s for s in sigma)
    assert m.effective_rank == sum(s > 0.01 * top for s in sigma)
    assert m.effective_rank_10 == sum(s > 0.1 * top for s in sigma)
    assert m.stable_rank == pytest.approx(energy / top**2, rel=1e-12)
    assert m.entropy_rank == pytest.approx(math.exp(scipy.stats.entropy(sigma)), rel=1e-9)
    assert m.frobenius_norm == pytest.approx(math.sqrt(energy), rel=1e-12)
    assert m.spectral_norm == top
    for tau, k in ((0.90, m.energy_rank_90), (0.95, m.energy_rank_95), (0.99, m.energy_rank_99)):
        assert math.fsum(s * s for s in sigma[:k]) >= tau * energy * (1 - 1e-9)
        assert k == 1 or math.fsum(s * s for s in sigma[: k - 1]) < tau * energy * (1 + 1e-9)


def test_known_spectra() -> None:
    """A flat spectrum uses all of its rank by every measure, a single value one direction, a zero one none."""
    flat = spectra.measures(np.ones(16))
    assert (flat.effective_rank, flat.stable_rank, flat.energy_rank_99) == (16, 16, 16)
    assert flat.entropy_rank == pytest.approx(16)
    single = spectra.measures(np.array([5.0] + [0.0] * 7))
    assert (single.effective_rank, single.entropy_rank, single.stable_rank, single.energy_rank_90) == (1, 1, 1, 1)
    assert set(spectra.measures(np.zeros(8))) == {0}
    assert set(spectra.measures(np.zeros(0))) == {0}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), p=st.integers(1, 6), q=st.integers(1, 6), n=st.integers(1, 30), m=st.integers(1, 30))
def test_face_splitting_gives_exact_factors_of_a_hadamard_product(seed: int, p: int, q: int, n: int, m: int) -> None:
    """(A₁B₁) ⊙ (A₂B₂) equals the product of the face-splitting factors."""
    rng = np.random.default_rng(seed)
    a1, a2 = rng.standard_normal((n, p)), rng.standard_normal((n, q))
    b1, b2 = rng.standard_normal((p, m)), rng.standard_normal((q, m))
    product = spectra.face_splitting(a1, a2) @ spectra.face_splitting(b1.T, b2.T).T
    np.testing.assert_allclose(product, (a1 @ b1) * (a2 @ b2), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), shapes=st.tuples(*[st.integers(1, 7)] * 4))
def test_kronecker_singular_values_are_products(seed: int, shapes: tuple[int, int, int, int]) -> None:
    """Singular values of a Kronecker product equal those of numpy's dense one."""
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal(shapes[:2]), rng.standard_normal(shapes[2:])
    ours = spectra.of_kronecker(spectra.of_dense(first), spectra.of_dense(second))
    dense = np.linalg.svd(np.kron(first, second), compute_uv=False)
    np.testing.assert_allclose(ours, dense[: ours.size], atol=1e-11)
    assert np.all(dense[ours.size :] < 1e-11)
