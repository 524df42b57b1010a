"""Directions of updates beside dense float64 decompositions, and what their overlaps must be."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.linalg.directions import Directions, directions, overlap, triangular

Array = npt.NDArray[Any]


def drawn(seed: int, rows: int, cols: int, rank: int, decay: float = 0.8) -> tuple[Array, Array]:
    """Factors [rows, rank] and [rank, cols] of an update with a decaying spectrum."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, rank)) * decay ** np.arange(rank), rng.standard_normal((rank, cols))


def dense(first: Array, second: Array, rank_a: int, rank_b: int) -> dict[str, float]:
    """Every number of an overlap, from dense matrices and their full decompositions."""
    (ua, _, vat), (ub, _, vbt) = (np.linalg.svd(matrix, full_matrices=False) for matrix in (first, second))
    ua, vat, ub, vbt = ua[:, :rank_a], vat[:rank_a], ub[:, :rank_b], vbt[:rank_b]
    few = min(rank_a, rank_b)
    total = np.sum(first**2) + np.sum(second**2)
    mixed = np.sum((ua.T @ second @ vat.T) ** 2) + np.sum((ub.T @ first @ vbt.T) ** 2)
    return {
        "left": float(np.sum((ua.T @ ub) ** 2) / few),
        "right": float(np.sum((vat @ vbt.T) ** 2) / few),
        "cosine": float(np.sum(first * second) / np.linalg.norm(first) / np.linalg.norm(second)),
        "distance": float(np.linalg.norm(first - second) / max(np.linalg.norm(first), np.linalg.norm(second))),
        "interference": float(np.sqrt(mixed / total)),
    }


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 40),
    cols=st.integers(1, 40),
    rank_a=st.integers(1, 12),
    rank_b=st.integers(1, 12),
    scale=st.sampled_from([1e-30, 1e-3, 1.0, 1e5, 1e60]),
)
def test_overlaps_are_those_of_dense_decompositions(
    seed: int, rows: int, cols: int, rank_a: int, rank_b: int, scale: float
) -> None:
    """Of any shapes and sizes, also of ranks beyond the width, to 1e-9 of a dense calculation."""
    (b, a), (d, c) = drawn(seed, rows, cols, rank_a), drawn(seed + 1, rows, cols, rank_b)
    first, second = directions(b, a, scale), directions(d, c, -scale)
    expected = dense(b @ a, -(d @ c), min(rank_a, rows, cols), min(rank_b, rows, cols))
    found = overlap(first, second)._asdict()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def test_singular_values_and_vectors_are_those_of_the_product() -> None:
    """The thin decomposition multiplies out to the update, and its columns are orthonormal."""
    b, a = drawn(3, 60, 50, 8)
    found = directions(b, a, 0.25)
    again = found.left.dense() * found.sigma @ found.right.dense().T
    assert np.allclose(again, 0.25 * b @ a, atol=1e-12)
    assert np.allclose(found.sigma, np.linalg.svd(0.25 * b @ a, compute_uv=False)[:8], rtol=1e-11)
    for side in (found.left, found.right):
        assert np.allclose(side.dense().T @ side.dense(), np.eye(8), atol=1e-11)
        places = np.array([5, 1, 7])
        assert np.allclose(side.rows(places), side.dense()[places], atol=1e-14)


@pytest.mark.parametrize("rank", [1, 4, 9, 16, 33])
def test_an_update_lies_in_itself(rank: int) -> None:
    """All overlaps of an update with itself are 1 to 1e-9, whatever its factors; with its opposite the cosine is −1."""
    b, a = drawn(rank, 300, 200, rank)
    turn = np.random.default_rng(0).standard_normal((rank, rank))
    same = overlap(directions(b, a), directions(b @ turn, np.linalg.inv(turn) @ a))
    for value in (same.left, same.right, same.cosine, same.interference):
        assert value == pytest.approx(1.0, abs=1e-9)
    assert same.distance < 1e-7
    opposite = overlap(directions(b, a), directions(-b, a))
    assert opposite.cosine == pytest.approx(-1.0, abs=1e-9)
    assert opposite.distance == pytest.approx(2.0, abs=1e-9)


def test_random_updates_overlap_as_chance_has_it() -> None:
    """The mean over many random pairs is r/d on either side, within four standard errors."""
    rows, cols, rank = 96, 64, 6
    found = [
        overlap(directions(*drawn(seed, rows, cols, rank)), directions(*drawn(seed + 5000, rows, cols, rank)))
        for seed in range(300)
    ]
    for side, extent in (("left", rows), ("right", cols)):
        values = np.array([getattr(row, side) for row in found])
        assert abs(values.mean() - rank / extent) < 4 * values.std() / np.sqrt(values.size)


def test_dependent_factors_have_the_rank_that_they_have() -> None:
    """Columns that are copies, zero or tiny give no direction of their own, and are no more than noise in an overlap."""
    b, a = drawn(1, 80, 70, 4)
    padded_b = np.hstack([b, b[:, :1], np.zeros((80, 1)), 1e-13 * np.ones((80, 1))])
    padded_a = np.vstack([a, a[:1], np.ones((2, 70))])
    found = directions(padded_b, padded_a)
    assert found.sigma.size in (4, 5)  # the tiny column is at what float64 rounds off
    assert found.sigma[:4] == pytest.approx(np.linalg.svd(padded_b @ padded_a, compute_uv=False)[:4], rel=1e-10)


def test_badly_conditioned_factors_lose_nothing() -> None:
    """Singular values 1e-9 of the first are still right, where a Gram matrix would lose them."""
    rng = np.random.default_rng(4)
    q, _ = np.linalg.qr(rng.standard_normal((50, 3)))
    p, _ = np.linalg.qr(rng.standard_normal((40, 3)))
    mixed = np.array([[1.0, 1.0, 1.0], [0.0, 1e-5, 1e-5], [0.0, 0.0, 1e-9]])
    found = directions(q @ mixed, p.T)
    assert found.sigma == pytest.approx(np.linalg.svd(mixed, compute_uv=False), rel=1e-6)
    same = overlap(found, directions(q @ mixed, p.T))
    assert (same.left, same.right) == (pytest.approx(1.0, abs=1e-9), pytest.approx(1.0, abs=1e-9))


def test_nothing_beside_something() -> None:
    """An update that is zero has no directions, and overlaps with nothing."""
    nothing = directions(np.zeros((9, 2)), np.ones((2, 7)))
    something = directions(*drawn(0, 9, 7, 2))
    assert (nothing.sigma.size, nothing.left.shape, nothing.norm) == (0, (9, 0), 0.0)
    assert overlap(nothing, something) == (0.0, 0.0, 0.0, 1.0, 0.0)
    assert overlap(nothing, nothing) == (0.0, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    """NaN, infinity, and numbers whose products overflow."""
    b, a = drawn(0, 9, 7, 2)
    b[3, 1] = bad
    with pytest.raises(np.linalg.LinAlgError, match="not finite"):
        directions(b, a * (1e200 if bad == 1e200 else 1.0))


@pytest.mark.parametrize("shape", [(30, 4), (4, 30), (5, 5), (7, 0), (0, 3)])
def test_a_factor_is_put_together_again(shape: tuple[int, int]) -> None:
    """F·T·R is the matrix, and F·T has orthonormal columns, tall, wide, square or empty."""
    matrix = np.random.default_rng(2).standard_normal(shape)
    factor, r, turn = triangular(matrix)
    assert np.allclose(factor @ turn @ r, matrix, atol=1e-12)
    columns = factor @ turn
    assert np.allclose(columns.T @ columns, np.eye(columns.shape[1]), atol=1e-11)


def test_directions_are_values() -> None:
    """Norms are those of the update."""
    b, a = drawn(6, 20, 30, 3)
    found: Directions = directions(b, a, -2.0)
    assert found.norm == pytest.approx(2 * np.linalg.norm(b @ a), rel=1e-12)
