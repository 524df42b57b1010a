"""Bounds on squared cosines: never below the largest that numpy's dense decomposition gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.linalg.atoms import largest_share
from loradiag.linalg.products import InMemory
from tests.linalg.matrices import KINDS, SHAPES, Array, matrix, orthonormal, unit

TOLERANCE = 1e-4
"""Of a squared cosine: products are in single precision."""


def truth(values: npt.NDArray[Any], vectors: Array) -> Array:
    """The largest squared cosine with a singular vector that has a value above a thousandth of the largest."""
    left, sigma, _ = np.linalg.svd(values.astype(np.float64), full_matrices=False)
    counted = left[:, sigma > 1e-3 * sigma[0]] if values.shape[0] > values.shape[1] else left
    return np.square(counted.T @ (vectors / np.linalg.norm(vectors, axis=0))).max(axis=0)


def bounded(values: npt.NDArray[Any], vectors: Array, enough: float = 0.0) -> Array:
    """The bound, after it was checked against the truth."""
    found = largest_share(InMemory(values), vectors, enough)
    assert (found >= truth(values, vectors) - TOLERANCE).all()
    assert (found <= 1 + 1e-12).all()
    return found


def planted(values: npt.NDArray[Any], rng: np.random.Generator) -> Array:
    """Singular vectors, mixtures of one with noise and of two, and directions that mean nothing."""
    rows = values.shape[0]
    left = np.linalg.svd(values.astype(np.float64))[0]  # [rows, rows]: the null space is in it
    some = rng.choice(min(values.shape), 6, replace=False)
    halves = [left[:, i] * np.sqrt(share) + unit(rng, rows) * np.sqrt(1 - share) for i in some for share in (0.5, 0.25)]
    return np.stack(
        [
            *left[:, some].T,
            *halves,
            left[:, some[0]] + left[:, some[1]],
            left[:, 0] + 0.1 * left[:, -1],
            left[:, -1],
            unit(rng, rows),
        ],
        axis=1,
    ) * rng.uniform(0.01, 100, 22)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("enough", [0.0, 0.2])
def test_never_below_the_truth(kind: str, shape: tuple[int, int], enough: float) -> None:
    """Planted vectors on every spectrum, of any length, all in one call; also where it may stop early."""
    seed = int(enough > 0)
    values = matrix(kind, shape, seed)
    bounded(values, planted(values, np.random.default_rng(seed)), enough)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.integers(1, 40),
    cols=st.integers(1, 40),
    rank=st.integers(1, 40),
    place=st.integers(0, 39),
    share=st.floats(0, 1),
    seed=st.integers(0, 10**6),
)
def test_any_small_matrix(rows: int, cols: int, rank: int, place: int, share: float, seed: int) -> None:
    """Any shape and rank; a mixture of a singular vector and a random direction in any proportion."""
    rng = np.random.default_rng(seed)
    rank = min(rank, rows, cols)
    values = (rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, cols))).astype(np.float32)
    left = np.linalg.svd(values.astype(np.float64))[0]
    vector = left[:, place % rank] * np.sqrt(share) + unit(rng, rows) * np.sqrt(1 - share)
    bounded(values, vector[:, None])


def test_random_directions_are_bounded_well_below_a_quarter() -> None:
    """On generic matrices a vector that is like nothing is told so, which is what convicts intruders."""
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        values = matrix("gaussian", shape)
        vectors = np.stack([unit(rng, shape[0]) for _ in range(8)], axis=1)
        assert largest_share(InMemory(values), vectors, 0.0).max() < 0.2


def test_the_null_space_of_a_tall_matrix_holds_nothing_to_match() -> None:
    """A direction that no column reaches has a bound of nearly 0, one half in it and half a singular vector of a half."""
    values = matrix("decaying", (180, 100))
    left = np.linalg.svd(values.astype(np.float64))[0]
    vectors = np.stack([left[:, -1], left[:, -1] + left[:, 5], left[:, 120] + left[:, 130]], axis=1)
    found = bounded(values, vectors)
    assert found[[0, 2]].max() < 0.01
    assert found[1] == pytest.approx(0.5, abs=0.01)


def test_invariant_subspaces_end_the_process() -> None:
    """Vectors made of a few singular vectors: the bound is the truth."""
    rng = np.random.default_rng(2)
    left, right = orthonormal(rng, 60, 60), orthonormal(rng, 60, 60)
    sigma = np.repeat([4.0, 3.0, 2.0, 1.0], 15)
    values = ((left * sigma) @ right.T).astype(np.float32)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    vector = left[:, [0, 15, 30, 45]] @ np.sqrt(shares)
    found = largest_share(InMemory(values), vector[:, None], 0.0)
    assert found[0] == pytest.approx(0.4, abs=1e-4)
    assert largest_share(InMemory(np.eye(50, dtype=np.float32)), unit(rng, 50)[:, None], 0.0)[0] == pytest.approx(1.0)


def test_many_columns_are_independent() -> None:
    """A vector's bound does not depend on its neighbours."""
    values = matrix("decaying", (140, 180))
    vectors = planted(values, np.random.default_rng(3))
    together = largest_share(InMemory(values), vectors, 0.0)
    alone = [largest_share(InMemory(values), vectors[:, [i]], 0.0)[0] for i in range(0, 22, 7)]
    np.testing.assert_allclose(together[::7], alone, atol=1e-2)
