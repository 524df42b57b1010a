"""Leading singular vectors against numpy's dense decomposition in float64; the bounds against the true angles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.linalg.leading import Leading, every, leading
from loradiag.linalg.products import InBlocks, InMemory, Plus, Products, Transposed
from tests.linalg.matrices import DISTINCT, KINDS, SHAPES, matrix, orthonormal

COUNT = 16


def sines(found: Leading, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The sine of the angle between each vector and the true one of the same place."""
    true = np.linalg.svd(values.astype(np.float64), full_matrices=False)[0][:, : found.values.size]
    along = np.sum(true * found.vectors, axis=0)
    return np.linalg.norm(found.vectors - true * along, axis=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_bounds(kind: str, shape: tuple[int, int]) -> None:
    """Energies to 3e-6 of the largest, the largest to 1e-6 of itself; no vector is further off than it is said to be."""
    values = matrix(kind, shape, seed=1)
    found = leading(InMemory(values), COUNT)
    true = np.linalg.svd(values.astype(np.float64), compute_uv=False)
    assert found.values[0] == pytest.approx(true[0], rel=1e-6)
    np.testing.assert_allclose(found.values**2, true[:COUNT] ** 2, atol=3e-6 * true[0] ** 2)
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(COUNT), atol=1e-12)
    assert (sines(found, values) <= found.errors).all()
    assert not found.complete


@pytest.mark.parametrize("kind", DISTINCT)
def test_vectors_that_can_be_told_apart(kind: str) -> None:
    """Where values are distinct the bound says so: no empty promise of 1."""
    values = matrix(kind, (180, 140))
    found = leading(InMemory(values), COUNT)
    assert found.errors.max() < 0.05
    assert sines(found, values).max() < 1e-3


@pytest.mark.parametrize("scale", [1e-9, 1e-6, 1e6])
@pytest.mark.parametrize("kind", DISTINCT)
def test_units_do_not_matter(kind: str, scale: float) -> None:
    """A matrix of tiny or huge numbers has the same vectors, as well known."""
    values = matrix(kind, (180, 140), scale=scale)
    found = leading(InMemory(values), COUNT)
    true = np.linalg.svd(values.astype(np.float64), compute_uv=False)[:COUNT]
    np.testing.assert_allclose(found.values**2, true**2, atol=1e-6 * true[0] ** 2)
    assert found.errors.max() < 0.05
    assert (sines(found, values) <= found.errors).all()


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 12),
    cols=st.integers(1, 12),
    rank=st.integers(0, 12),
    count=st.integers(1, 12),
    seed=st.integers(0, 10**6),
)
def test_tiny_shapes(rows: int, cols: int, rank: int, count: int, seed: int) -> None:
    """Vectors, single columns and rows, any rank, zero too: decomposed whole, with bounds that hold."""
    rng = np.random.default_rng(seed)
    values = (rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, cols))).astype(np.float32)
    count = min(count, rows, cols)
    found = leading(InMemory(values), count)
    true = np.linalg.svd(values.astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(found.values, true[:count], atol=1e-7 * max(true[0], 1e-30))
    assert found.complete == (count == min(rows, cols))
    assert (sines(found, values) <= found.errors + 1e-7).all()


@pytest.mark.parametrize("shape", [(5, 3), (4, 1), (180, 140), (140, 180)])
def test_a_zero_matrix_has_no_directions(shape: tuple[int, int]) -> None:
    """Values of 0, and nothing said of the vectors but that they are orthonormal."""
    count = min(shape[0], shape[1], 4)
    found = leading(InMemory(np.zeros(shape, np.float32)), count)
    assert not found.values.any()
    np.testing.assert_array_equal(found.errors, np.ones(count))
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(count))


def test_a_beginning_that_the_matrix_takes_to_zero() -> None:
    """It costs nothing but time."""
    values = matrix("decaying", (180, 140))
    values[0] = 0
    found = leading(InMemory(values), COUNT, start=np.eye(180)[0])
    true = np.linalg.svd(values.astype(np.float64), compute_uv=False)[:COUNT]
    np.testing.assert_allclose(found.values, true, rtol=1e-5)


def test_a_singular_vector_to_begin_with_hides_no_other() -> None:
    """Its Krylov space ends after one step; the others are found all the same."""
    values = matrix("decaying", (180, 140))
    first = np.linalg.svd(values.astype(np.float64))[0][:, 3]
    found = leading(InMemory(values), COUNT, start=first)
    assert (sines(found, values) <= found.errors).all()
    assert found.errors.max() < 0.05


def in_blocks(values: npt.NDArray[np.float32], step: int = 37) -> Products:
    """The same matrix, strip by strip."""
    rows, cols = values.shape
    strips = [(start, min(start + step, rows)) for start in range(0, rows, step)]
    return InBlocks((rows, cols), strips, lambda strip: values[slice(*strip)])


def plus(values: npt.NDArray[np.float32]) -> Products:
    """The same matrix, as another one plus a product of two thin ones."""
    rng = np.random.default_rng(3)
    left, right = (
        rng.standard_normal(shape, dtype=np.float32) for shape in ((values.shape[0], 2), (2, values.shape[1]))
    )
    return Plus(InMemory(values - left @ right), left, right)


@pytest.mark.parametrize("shape", [*SHAPES, (100, 60), (3, 400)])
def test_one_matrix_in_several_guises(shape: tuple[int, int]) -> None:
    """In strips, and as the transpose of the transpose: the same products, so the same answer."""
    values = matrix("decaying", shape)
    count = min(COUNT, *shape)
    expected = leading(InMemory(values), count)
    np.testing.assert_allclose(leading(plus(values), count).values, expected.values, rtol=1e-4)  # rounded in its parts
    for guise in (in_blocks(values), Transposed(InMemory(values.T)), Transposed(in_blocks(values.T))):
        assert guise.shape == shape
        found = leading(guise, count)
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-5)
        assert (sines(found, values) <= found.errors).all()
    for x in (orthonormal(np.random.default_rng(0), shape[1], 3), np.ones(shape[1])):
        np.testing.assert_allclose(in_blocks(values).times(x.astype(np.float32)), values @ x, atol=1e-5)
    for x in (orthonormal(np.random.default_rng(0), shape[0], 3), np.ones(shape[0])):
        np.testing.assert_allclose(in_blocks(values).adjoint(x.astype(np.float32)), values.T @ x, atol=1e-5)


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5)])
def test_every_vector(shape: tuple[int, int]) -> None:
    """The thin decomposition, complete."""
    values = matrix("gaussian", shape)
    found = every(InMemory(values))
    assert found.complete
    np.testing.assert_allclose(found.values, np.linalg.svd(values.astype(np.float64), compute_uv=False), rtol=1e-12)
    assert (sines(found, values) < 1e-6).all()
    assert found.errors.max() < 1e-6


@pytest.mark.models
def test_products_on_a_device_of_torch() -> None:
    """What a GPU would compute, on torch's own CPU."""
    pytest.importorskip("torch")
    from loradiag.linalg.products import OnDevice

    values = matrix("decaying", (180, 140))
    found = leading(OnDevice(values, "cpu"), COUNT)
    np.testing.assert_allclose(found.values, leading(InMemory(values), COUNT).values, rtol=1e-5)
