"""A few hundred numbers for an adapter, by which adapters that are alike are found among thousands.

A block of entries of each update, at places that depend on its shape alone, is folded by signs and places that depend on the
module's name alone (count sketch: Charikar, Chen and Farach-Colton 2002). Inner products of sketches estimate those of
updates: good enough to propose pairs, which are then compared exactly.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from loradiag.linalg.widen import Array

SIZE = 512
"""Numbers of a sketch: cosines of unrelated updates come out within about 0.05 of zero."""

SIDE = 24
"""Rows and columns of the block of entries."""

_SEED = 20020722


class Sampled(NamedTuple):
    """What a sample of an adapter's entries comes to: the sketch [SIZE], and fourth moments over modules, [n] and how many."""

    sketch: npt.NDArray[np.float32]
    kurtosis: float | None


class Sketcher:
    """Folds the modules of one adapter into a sketch."""

    def __init__(self) -> None:
        self._sketch = np.zeros(SIZE)
        self._fourth: list[float] = []

    def add(self, name: str, block: Array) -> None:
        """Add the sampled entries [n, m] of one module's update."""
        flat = block.ravel()
        places, signs = _folding(_stem(name), flat.size)
        self._sketch += np.bincount(places, flat * signs, minlength=SIZE)
        centred = flat - flat.mean()
        variance = float(np.mean(centred**2))
        if variance > 0:
            self._fourth.append(float(np.mean((centred / np.sqrt(variance)) ** 4)))

    def result(self) -> Sampled:
        """The sketch at length 1, and the median kurtosis of the modules; zeros and None of an adapter that does nothing."""
        length = float(np.linalg.norm(self._sketch))
        sketch = self._sketch / length if length > 0 else self._sketch
        kurtosis = float(np.median(self._fourth)) if self._fourth else None
        return Sampled(sketch.astype(np.float32), kurtosis)


@lru_cache(maxsize=1024)
def sample(extent: int) -> npt.NDArray[np.int64]:
    """Return ``SIDE`` places of ``extent`` in order, or all; always the same ones."""
    if extent <= SIDE:
        return np.arange(extent)
    return np.sort(np.random.default_rng([_SEED, extent]).choice(extent, SIDE, replace=False))


@lru_cache(maxsize=4096)
def _folding(name: str, size: int) -> tuple[npt.NDArray[np.int64], Array]:
    """Where the entries of a module go in the sketch, and with which signs."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    rng = np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))
    return rng.integers(0, SIZE, size), rng.choice(np.array([-1.0, 1.0]), size)


def _stem(name: str) -> str:
    """A module's name from the word before its first number on: how names begin differs from tool to tool."""
    parts = name.split(".")
    first = next((place for place, part in enumerate(parts) if part.isdigit()), 0)
    return ".".join(parts[max(first - 1, 0) :])
