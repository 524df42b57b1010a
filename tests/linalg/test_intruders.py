"""Intruder dimensions against the definition: two dense decompositions in float64 and every cosine between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.linalg.intruders import EPSILON, Intruders, K, intruders
from loradiag.linalg.leading import leading
from loradiag.linalg.products import InMemory, Transposed
from tests.linalg.matrices import DISTINCT, SHAPES, SPECTRA, Array, matrix, unit

Matrix = npt.NDArray[Any]

UNCERTIFIED = {"gaussian": 0, "decaying": 3, "steep": 6, "harmonic": 6}
"""Of 14 answers, those that may stay open: at cosines around ε, and where small singular values crowd near zero."""


def best_matches(old: Matrix, new: Matrix, k: int = K) -> Array:
    """By definition, with all left singular vectors of W; of a tall one those of more than a thousandth of the largest."""
    left, sigma, _ = np.linalg.svd(old.astype(np.float64), full_matrices=False)
    whole = min(old.shape) <= 128
    counted = left[:, sigma > 1e-3 * sigma[0]] if old.shape[0] > old.shape[1] and not whole else left
    changed = np.linalg.svd(new.astype(np.float64), full_matrices=False)[0][:, :k]
    return np.abs(counted.T @ changed).max(axis=0)


def checked(old: Matrix, new: Matrix, k: int = K, epsilon: float = EPSILON) -> Intruders:
    """The outcome, after a certified one was compared with the definition."""
    new = new.astype(np.float32)
    found = intruders(InMemory(old), InMemory(new), k=k, epsilon=epsilon)
    if found.certified:
        assert found.count == np.count_nonzero(best_matches(old, new, k) < epsilon)
    assert found.matches.size == min(k, *old.shape)
    return found


def updates(old: Matrix, rng: np.random.Generator, strength: float) -> dict[str, Matrix]:
    """Changes of a few kinds, of ``strength`` times the largest singular value."""
    rows, cols = old.shape
    left, sigma, right = np.linalg.svd(old.astype(np.float64), full_matrices=False)
    size = strength * sigma[0]

    def mixed(place: int) -> Matrix:
        cosine = rng.choice([0.3, 0.45, 0.49, 0.51, 0.55, 0.8])
        towards = cosine * left[:, place] + np.sqrt(1 - cosine**2) * unit(rng, rows)
        return size * np.outer(towards / np.linalg.norm(towards), unit(rng, cols))

    return {
        "one random direction": size * np.outer(unit(rng, rows), unit(rng, cols)),
        "four random directions": size * sum(np.outer(unit(rng, rows), unit(rng, cols)) for _ in range(4)),
        "existing directions": size * (np.outer(left[:, 4], right[6]) + np.outer(left[:, -3], right[5])),
        "near a leading one": mixed(3),
        "near a middle one": mixed(60),
        "noise everywhere": rng.standard_normal(old.shape) * size / 40,
        "stretched": strength * left[:, :8] * sigma[:8] @ right[:8],
    }


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["gaussian", *SPECTRA])
def test_certified_counts_are_those_of_the_definition(kind: str, shape: tuple[int, int]) -> None:
    """Spectra × updates × strengths; where the vectors of W can be told apart most answers are certified."""
    rng = np.random.default_rng(len(kind))
    old = matrix(kind, shape, seed=2)
    found = {
        (name, strength): checked(old, old + change)
        for strength in (0.1, 1.5)
        for name, change in updates(old, rng, strength).items()
    }
    unsure = [key for key, outcome in found.items() if not outcome.certified]
    assert len(unsure) <= UNCERTIFIED.get(kind, len(found)), unsure


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", DISTINCT)
def test_a_planted_intruder_is_found(kind: str, shape: tuple[int, int]) -> None:
    """One strong random direction: one intruder, and it is the first."""
    rng = np.random.default_rng(5)
    old = matrix(kind, shape)
    size = 3 * np.linalg.norm(old, 2)
    found = checked(old, old + size * np.outer(unit(rng, shape[0]), unit(rng, shape[1])))
    assert (found.count, int(found.matches.argmin())) == (1, 0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", DISTINCT)
def test_no_intruder_without_a_change_of_directions(kind: str, shape: tuple[int, int]) -> None:
    """The same matrix, a multiple of it, and its sign turned."""
    old = matrix(kind, shape)
    for factor in (1, -3, 1e-3):
        found = checked(old, old * np.float32(factor))
        assert (found.count, found.certified) == (0, True)
        assert found.matches.min() > 1 - 1e-6


@pytest.mark.parametrize("strength", [1.5, 4.0])
def test_a_singular_direction_of_the_tail_that_grew_is_no_intruder(strength: float) -> None:
    """It becomes the first direction, and W has it: not among the leading ones, which only a bound can tell."""
    old = matrix("decaying", (150, 150))
    left, sigma, right = np.linalg.svd(old.astype(np.float64))
    found = checked(old, old + strength * sigma[0] * np.outer(left[:, 100], right[100]))
    assert not (found.certified and found.count)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 30),
    cols=st.integers(1, 30),
    rank=st.integers(1, 30),
    k=st.integers(1, 40),
    strength=st.floats(0, 5),
    epsilon=st.floats(0.1, 0.9),
    seed=st.integers(0, 10**6),
)
def test_small_matrices(rows: int, cols: int, rank: int, k: int, strength: float, epsilon: float, seed: int) -> None:
    """Any shape, rank, k beyond the rank and beyond the shape, any ε."""
    rng = np.random.default_rng(seed)
    old = (rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, cols))).astype(np.float32)
    new = (old + strength * np.outer(unit(rng, rows), unit(rng, cols))).astype(np.float32)
    values = np.linalg.svd(new.astype(np.float64), compute_uv=False)[: min(k, rows, cols)]
    found = intruders(InMemory(old), InMemory(new), k=k, epsilon=epsilon)
    if found.certified and values[-1] > 1e-4 * values[0]:
        best = best_matches(old, new, k)
        if np.abs(best - epsilon).min() > 1e-4:  # singular values of zero have no vectors of their own
            assert found.count == np.count_nonzero(best < epsilon)


def test_what_is_known_of_the_old_matrix_is_used() -> None:
    """Vectors handed in give the same outcome as those computed here; of a transpose, those of the other side count."""
    rng = np.random.default_rng(6)
    old = matrix("gaussian", (180, 140))
    new = (old + 40 * np.outer(unit(rng, 180), unit(rng, 140))).astype(np.float32)
    expected = checked(old, new)
    again = intruders(InMemory(old), InMemory(new), known=leading(InMemory(old), K + 6))
    assert (again.count, again.certified) == (expected.count, expected.certified)
    turned = intruders(Transposed(InMemory(old)), Transposed(InMemory(new)))
    assert turned.certified
    assert turned.count == np.count_nonzero(best_matches(old.T, new.T) < EPSILON)


@pytest.mark.parametrize("shape", [(180, 140), (140, 180)])
def test_a_merge_that_leaves_nothing(shape: tuple[int, int]) -> None:
    """W′ = 0 has no directions, so nothing is certain."""
    old = matrix("decaying", shape)
    assert not intruders(InMemory(old), InMemory(np.zeros_like(old))).certified
