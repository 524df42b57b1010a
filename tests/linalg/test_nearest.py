"""Nearest neighbours, against a dense product in float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.linalg.nearest import BlockedSearch, BoundedSearch, Search, search_over

Halves = npt.NDArray[np.float16]


def vectors(count: int, dimension: int, seed: int, centres: int = 7, spread: float = 0.3) -> Halves:
    """Unit vectors in clusters, rounded to float16."""
    rng = np.random.default_rng(seed)
    middle = np.random.default_rng(99).normal(size=(centres, dimension))
    made = middle[rng.integers(0, centres, count)] + spread * rng.normal(size=(count, dimension))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float16)


def check(search: Search, queries: Halves, references: Halves) -> None:
    """Cosines are those of the dense product to float32, and the references named have them."""
    dense = queries.astype(np.float64) @ references.astype(np.float64).T
    cosines, found = search.nearest(queries)
    assert cosines == pytest.approx(dense.max(axis=1), abs=1e-7)
    assert dense[np.arange(len(queries)), found] == pytest.approx(dense.max(axis=1), abs=2e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 1600), st.integers(1, 70), st.integers(1, 40), st.integers(0, 10**6))
def test_both_searches_are_exact(references: int, queries: int, dimension: int, seed: int) -> None:
    """Whatever the sizes: blocks that are not full, one reference, one dimension."""
    there, asked = vectors(references, dimension, seed), vectors(queries, dimension, seed + 1)
    check(BlockedSearch(there), asked, there)
    check(BoundedSearch(there), asked, there)


def test_neighbours_that_bfloat16_cannot_tell_apart() -> None:
    """Thousands of references within one bfloat16 step of each other: the bound keeps all of them open."""
    there = vectors(3000, 64, 1, centres=1, spread=0.002)
    asked = vectors(50, 64, 2, centres=1, spread=0.002)
    check(BoundedSearch(there), asked, there)


def test_queries_far_from_everything() -> None:
    """Vectors that no cluster holds are found their true neighbours, where an index would fail."""
    there = vectors(5000, 48, 3)
    asked = vectors(100, 48, 4, centres=7, spread=30.0)
    check(BoundedSearch(there), asked, there)


def test_copies_and_a_memory_map(tmp_path: object) -> None:
    """A reference itself has a cosine of one, also where references lie on disk."""
    import pathlib

    path = pathlib.Path(str(tmp_path)) / "index.npy"
    np.save(path, vectors(900, 16, 5))
    there = np.load(path, mmap_mode="r")
    for search in (BlockedSearch(there), BoundedSearch(there)):
        cosines, _ = search.nearest(np.asarray(there[100:140]))
        assert cosines == pytest.approx(np.ones(40), abs=2e-3)


def test_small_indexes_take_the_plain_way() -> None:
    """A copy of a small index in another precision is not worth its making."""
    assert isinstance(search_over(vectors(100, 8, 6)), BlockedSearch)
