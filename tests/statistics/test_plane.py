"""The plane of two samples, against a weighted principal component analysis written out by another way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.statistics.plane import plane_of

Array = npt.NDArray[np.float64]


def by_repetition(first: Array, second: Array) -> tuple[Array, Array, float]:
    """Equal weights by copying every point as often as the other sample is large; then plain PCA by numpy's SVD."""
    points = np.concatenate([np.repeat(first, len(second), axis=0), np.repeat(second, len(first), axis=0)])
    middle = points.mean(axis=0)
    _, sigma, right = np.linalg.svd(points - middle)
    return middle, right[:2], float((sigma[:2] ** 2).sum() / (sigma**2).sum())


def sample(count: int, dimension: int, seed: int) -> Array:
    """Points whose axes have different lengths, so that components are apart."""
    rng = np.random.default_rng(seed)
    made: Array = rng.normal(size=(count, dimension)) * np.geomspace(3.0, 0.3, dimension) + rng.normal(size=dimension)
    return made


@pytest.mark.parametrize(("n", "m", "d"), [(40, 7, 5), (3, 50, 12), (6, 5, 30), (1, 2, 4), (60, 60, 2)])
def test_is_the_weighted_pca(n: int, m: int, d: int) -> None:
    """Middle, share and axes but for their signs; also with more dimensions than points."""
    first, second = sample(n, d, 1), sample(m, d, 2) + 1.0
    plane = plane_of(first, second)
    assert plane is not None
    middle, axes, explained = by_repetition(first, second)
    assert plane.middle == pytest.approx(middle)
    assert plane.explained == pytest.approx(explained)
    assert np.abs(plane.axes @ axes.T) == pytest.approx(np.eye(2), abs=1e-7)
    assert plane.at(first) == pytest.approx((first - middle) @ plane.axes.T)
    assert (np.take_along_axis(plane.axes, np.abs(plane.axes).argmax(axis=1)[:, None], axis=1) > 0).all()


def test_the_smaller_sample_counts_the_same() -> None:
    """Twenty points that lie apart from two thousand make the first axis, which plain PCA would not see."""
    rng = np.random.default_rng(3)
    many = rng.normal(size=(2000, 6)) * np.array([2.0, 1.0, 1.0, 1.0, 1.0, 0.1])
    few = rng.normal(size=(20, 6)) * 0.1
    few[:, 5] += 8.0
    plane = plane_of(many, few)
    assert plane is not None
    assert abs(plane.axes[0, 5]) > 0.99
    pooled = np.concatenate([many, few])
    assert abs(np.linalg.svd(pooled - pooled.mean(axis=0))[2][0, 0]) > 0.99


def test_there_is_not_always_a_plane() -> None:
    """Of no points, of one dimension, and of one point many times over; of points on a line the second axis is nought."""
    made = sample(5, 3, 4)
    assert plane_of(made[:0], made) is None
    assert plane_of(made, made[:0]) is None
    assert plane_of(made[:, :1], made[:, :1]) is None
    assert plane_of(made[:1], np.repeat(made[:1], 4, axis=0)) is None
    line = np.linspace(-1, 1, 7)[:, None] * np.array([[3.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    for points in (line, line[:, :3]):
        plane = plane_of(points[:3], points[3:])
        assert plane is not None
        assert plane.explained == pytest.approx(1.0)
        assert plane.explained <= 1.0
        assert plane.axes @ plane.axes.T == pytest.approx(np.eye(2))
        assert plane.at(points)[:, 1] == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(2, 20), st.integers(0, 10**6), st.permutations(range(3)))
def test_promises_hold_of_any_samples(n: int, m: int, d: int, seed: int, order: list[int]) -> None:
    """Distances never grow, shares are the variance that coordinates have, and neither copies nor order change anything."""
    first, second = sample(n, d, seed), sample(m, d, seed + 1)
    plane = plane_of(first, second)
    assert plane is not None
    assert 0 < plane.explained <= 1
    both, placed = np.concatenate([first, second]), plane.at(np.concatenate([first, second]))
    far = np.linalg.norm(both[:, None] - both[None], axis=2)
    near = np.linalg.norm(placed[:, None] - placed[None], axis=2)
    assert (near <= far + 1e-9).all()
    held = sum((plane.at(one) ** 2).sum() / (2 * len(one)) for one in (first, second))
    every = sum(((one - plane.middle) ** 2).sum() / (2 * len(one)) for one in (first, second))
    assert plane.explained == pytest.approx(held / every)
    copied = plane_of(np.repeat(first, 3, axis=0), np.roll(second, order[0], axis=0))
    assert copied is not None
    assert copied.explained == pytest.approx(plane.explained)
    assert copied.middle == pytest.approx(plane.middle)
