"""Sketches: what is alike is proposed, what is not is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kurtosis

from loradiag.linalg.sketches import SIDE, SIZE, Sketcher, sample


def sketch(updates: dict[str, np.ndarray]) -> np.ndarray:
    """Of dense updates."""
    sketcher = Sketcher()
    for name, update in updates.items():
        sketcher.add(name, update[sample(update.shape[0])][:, sample(update.shape[1])])
    return sketcher.result().sketch


def drawn(seed: int, modules: int = 24) -> dict[str, np.ndarray]:
    """Updates of rank 8."""
    rng = np.random.default_rng(seed)
    return {
        f"model.layers.{place}.q_proj": rng.standard_normal((200, 8)) @ rng.standard_normal((8, 160))
        for place in range(modules)
    }


def test_cosines_of_sketches_are_near_those_of_updates() -> None:
    """For mixtures of every degree, to within a few hundredths of the sampling error."""
    one, other = drawn(0), drawn(1)
    for share in (0.0, 0.3, 0.6, 0.9, 1.0):
        mixed = {name: share * one[name] + np.sqrt(1 - share**2) * other[name] for name in one}
        whole = [np.concatenate([found[name].ravel() for name in one]) for found in (one, mixed)]
        cosine = whole[0] @ whole[1] / np.linalg.norm(whole[0]) / np.linalg.norm(whole[1])
        assert float(sketch(one) @ sketch(mixed)) == pytest.approx(cosine, abs=0.15)


def test_strangers_stay_below_what_is_compared() -> None:
    """Of 1,225 pairs of random adapters none is far beyond the limit of 0.2."""
    found = np.stack([sketch(drawn(seed, modules=6)) for seed in range(50)])
    cosines = (found @ found.T)[~np.eye(50, dtype=bool)]
    assert np.abs(cosines).max() < 0.25
    assert np.abs(cosines).mean() < 0.05


def test_names_that_begin_otherwise_are_the_same_modules() -> None:
    """What stands before the word of the first number does not count."""
    one = drawn(3, 4)
    other = {name.replace("model.layers", "base_model.model.layers"): update for name, update in one.items()}
    assert float(sketch(one) @ sketch(other)) == pytest.approx(1.0, abs=1e-6)


def test_kurtosis_is_that_of_the_entries() -> None:
    """Of small updates exactly, as scipy has it; the median over modules."""
    rng = np.random.default_rng(5)
    updates = [rng.standard_normal((SIDE, SIDE)), rng.standard_t(3, (SIDE, SIDE)), rng.uniform(-1, 1, (SIDE, SIDE))]
    sketcher = Sketcher()
    for place, update in enumerate(updates):
        sketcher.add(f"layers.{place}.q", update)
    values = sorted(kurtosis(update, axis=None, fisher=False) for update in updates)
    assert sketcher.result().kurtosis == pytest.approx(values[1], rel=1e-9)


def test_nothing_has_a_sketch_of_zeros() -> None:
    """And no kurtosis."""
    sketcher = Sketcher()
    sketcher.add("layers.0.q", np.zeros((10, 10)))
    found = sketcher.result()
    assert (found.sketch.tolist(), found.kurtosis) == ([0.0] * SIZE, None)
