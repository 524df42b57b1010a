"""Energy in a subspace against its definition, with permutation matrices written out."""

from __future__ import annotations

import numpy as np
import pytest

from loradiag.linalg import energy
from tests.linalg.matrices import orthonormal


def test_shares_follow_the_definition() -> None:
    """‖Vᵀ·P·D‖²/‖D‖² for the identity and for 200 permutations, all different, the same in every call."""
    rng = np.random.default_rng(0)
    directions, subspace = rng.standard_normal((30, 4)), orthonormal(rng, 30, 6)
    found = energy.shares(directions, subspace)
    assert found.shape == (201,)
    projector = subspace @ subspace.T
    assert found[0] == pytest.approx(
        np.trace(directions.T @ projector @ directions) / np.trace(directions.T @ directions)
    )
    np.testing.assert_array_equal(found, energy.shares(directions * 1, subspace))
    np.testing.assert_allclose(energy.shares(7 * directions, subspace), found)
    assert np.unique(np.round(found, 12)).size > 195


def test_every_relabelling_is_a_permutation_shared_by_all_of_one_length() -> None:
    """A direction e₀ in the span of e₀…e₉: each relabelling has it inside or outside, and moves e₁ elsewhere."""
    unit = np.eye(40)
    subspace = unit[:, :10]
    rows = np.array([energy.shares(unit[:, [index]], subspace) for index in range(40)])
    assert set(np.unique(rows)) == {0.0, 1.0}
    np.testing.assert_array_equal(rows.sum(axis=0), np.full(201, 10.0))  # bijections, the same in each of the 40 calls
    np.testing.assert_array_equal(rows[:, 0], np.arange(40) < 10)
    assert rows[:, 1:].mean() == pytest.approx(0.25, abs=0.02)


def test_chance_gives_the_subspace_its_share() -> None:
    """The mean over relabellings is k/d, and an update inside the subspace has a share of 1."""
    rng = np.random.default_rng(1)
    subspace = orthonormal(rng, 200, 20)
    found = energy.shares(subspace @ rng.standard_normal((20, 3)), subspace)
    assert found[0] == pytest.approx(1.0)
    assert found[1:].mean() == pytest.approx(0.1, abs=0.01)
