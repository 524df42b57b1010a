"""Matrices of known spectra."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SPECTRA: Mapping[str, Callable[[Array], Array]] = {
    "decaying": lambda i: 0.97**i,
    "steep": lambda i: 0.8**i,
    "harmonic": lambda i: 1 / (1 + i),
    "low rank": lambda i: np.where(i < 5, 1 - 0.1 * i, 0.0),
    "repeated": lambda i: np.where(i < 4, 2.0, 1.0),
    "flat": np.ones_like,
    "clustered": lambda i: np.round(3 * 0.97**i, 1) + 1e-6 * i,
    "outlier": lambda i: np.where(i == 0, 30.0, 1 - i / (2 * i.size)),
    "nearly equal": lambda i: np.where(i < 30, 1 - 1e-7 * i, 0.5),
}
KINDS = ["gaussian", *SPECTRA]
DISTINCT = ["gaussian", "decaying", "steep", "harmonic"]
SHAPES = [(180, 140), (140, 180), (150, 150)]


def orthonormal(rng: np.random.Generator, rows: int, cols: int) -> Array:
    """Random orthonormal columns."""
    return np.linalg.qr(rng.standard_normal((rows, cols)))[0]


def matrix(kind: str, shape: tuple[int, int], seed: int = 0, scale: float = 1.0) -> npt.NDArray[np.float32]:
    """A float32 matrix of the spectrum, in random directions."""
    rng = np.random.default_rng(seed)
    if kind == "gaussian":
        return (rng.standard_normal(shape) * scale).astype(np.float32)
    size = min(shape)
    left, right = orthonormal(rng, shape[0], size), orthonormal(rng, shape[1], size)
    return ((left * SPECTRA[kind](np.arange(float(size)))) @ right.T * scale).astype(np.float32)


def unit(rng: np.random.Generator, size: int) -> Array:
    """A random direction."""
    found = rng.standard_normal(size)
    return found / np.linalg.norm(found)
