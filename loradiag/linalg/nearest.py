"""The nearest of many unit vectors, exactly: blocks of plain products, or fast ones whose error is bounded and made good.

An approximate index finds a third to two thirds of the neighbours of vectors that are far from everything, which are the ones
that matter here. So every reference is looked at. Where the processor multiplies bfloat16 faster than float32, blocks are
looked at in bfloat16 first, and only those blocks are multiplied again that could hold the nearest one.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from loradiag.core.errors import MissingExtraError
from loradiag.core.lazy import require
from loradiag.linalg.threads import all_threads

Singles = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]
Vectors = npt.NDArray[Any]

_QUERIES = 2048
"""Vectors that are looked up at a time: with a block of references their products take some megabytes."""

_MANY = 8192
"""The same where blocks are passed over: the more at a time, the fewer calls for what is left of each."""

_REFERENCES = 8192
_BLOCK = 512
"""References that are multiplied again together."""

_HALF = 2.0**-8
"""Unit roundoff of bfloat16, which has eight significant bits."""

_TOGETHER = 8
"""Blocks of one product in bfloat16, so that it stays in the cache."""

_PIVOTS = 256

_SAMPLE = 20_000
_LEFT_OUT = 0.1
"""The share of squared lengths that leading components may leave out."""

_IN_MEMORY = 1 << 30
"""Bytes of references in bfloat16 that are kept at hand; larger ones are read block by block."""


class Search(Protocol):
    """Finds the nearest reference of each query."""

    def nearest(self, queries: Vectors) -> tuple[Singles, Indexes]:
        """Return cosines [q] and numbers of references [q] for unit vectors [q, d]."""


class BlockedSearch:
    """Products in float32, block by block: references may be a memory map that is larger than memory.

    Args:
        references: Unit vectors [n, d], n ≥ 1, in float16 or float32.
    """

    def __init__(self, references: Vectors) -> None:
        self._references = references

    def nearest(self, queries: Vectors) -> tuple[Singles, Indexes]:
        """Return the cosine to the nearest reference [q] and its number [q], for unit vectors [q, d]."""
        best = np.full(len(queries), -np.inf, dtype=np.float32)
        found = np.zeros(len(queries), dtype=np.int64)
        wide = np.asarray(queries, dtype=np.float32)
        with all_threads():
            for start in range(0, len(self._references), _REFERENCES):
                block = np.asarray(self._references[start : start + _REFERENCES], dtype=np.float32)
                for first in range(0, len(wide), _QUERIES):
                    part = slice(first, first + _QUERIES)
                    _better(wide[part] @ block.T, start, best[part], found[part])
        return exact(queries, self._references, found), found


def _better(products: Singles, start: int, best: Singles, found: Indexes) -> None:
    """Keep what is nearer than what was found before; of equals the first."""
    places = products.argmax(axis=1)
    values = products[np.arange(len(products)), places]
    nearer = values > best
    best[nearer] = values[nearer]
    found[nearer] = places[nearer] + start


def exact(queries: Vectors, references: Vectors, found: Indexes) -> Singles:
    """Return the cosines of pairs in float64, rounded once: equal whichever way the pairs were found."""
    result = np.empty(len(queries), dtype=np.float32)
    for first in range(0, len(queries), _QUERIES):
        part = slice(first, first + _QUERIES)
        pairs = np.asarray(queries[part], dtype=np.float64), np.asarray(references[found[part]], dtype=np.float64)
        result[part] = np.einsum("ij,ij->i", *pairs)
    return result


class BoundedSearch:
    """Products of the leading components in bfloat16 first, and whole ones in float32 where these leave it open.

    References are turned so that as much of them as can be lies in few components. What is left out moves a cosine by at most
    the product of the lengths that are left out, by the Cauchy–Schwarz inequality. With u = 2⁻⁸ and vectors of length 1 at
    most, rounding both factors and the product to bfloat16 moves it by at most 3u + 3u² + u³, besides the rounding of float32
    sums. A block of references whose upper bound lies below the largest lower bound of all blocks cannot hold the nearest one;
    the others are multiplied again, so that the answers are those of :class:`BlockedSearch`.

    References that are near each other are put into one block, so that few blocks stay open. Of references that are equally
    near, any may be named.

    Args:
        references: Unit vectors [n, d] in float16 or float32, n ≥ 1; a copy of them and one in bfloat16 are kept.
    """

    def __init__(self, references: Vectors) -> None:
        torch = require("torch", "drift")
        self._order = _neighbours_together(references)
        self._references = np.asarray(references)[self._order]
        self._basis = torch.from_numpy(_leading(self._references))
        count, kept = len(references), self._basis.shape[1]
        self._halves = torch.zeros((-(-count // _BLOCK) * _BLOCK, kept), dtype=torch.bfloat16)
        left_out = torch.zeros(len(self._halves))
        for start in range(0, count, _REFERENCES):
            block = np.asarray(self._references[start : start + _REFERENCES], dtype=np.float32)
            leading, rest = self._turned(torch.from_numpy(block))
            self._halves[start : start + len(block)] = leading
            left_out[start : start + len(block)] = rest
        self._halves[count:] = self._halves[count - 1]  # padding must never be nearer than what its block holds
        self._left_out = left_out.view(-1, _BLOCK).amax(dim=1)

    def nearest(self, queries: Vectors) -> tuple[Singles, Indexes]:
        """Return the cosine to the nearest reference [q] and its number [q], for unit vectors [q, d]."""
        found = np.zeros(len(queries), dtype=np.int64)
        for first in range(0, len(queries), _MANY):
            part = slice(first, first + _MANY)
            found[part] = self._found(np.asarray(queries[part], dtype=np.float32))
        return exact(queries, self._references, found), self._order[found]

    def _found(self, queries: Singles) -> Indexes:
        """The nearest reference of each query, by its place in the order of blocks [q]."""
        torch = require("torch", "drift")  # all products are torch's: two pools of threads would wait for each other
        asked = torch.from_numpy(queries)
        open_ = self._open(asked)
        best = torch.full((len(asked),), -torch.inf)
        found = torch.zeros(len(asked), dtype=torch.int64)
        for block in torch.nonzero(open_.any(dim=0)).flatten().tolist():
            rows = torch.nonzero(open_[:, block]).flatten()
            start = block * _BLOCK
            references = np.asarray(self._references[start : start + _BLOCK], dtype=np.float32)
            values, places = (asked[rows] @ torch.from_numpy(references).T).max(dim=1)
            nearer = values > best[rows]
            best[rows[nearer]], found[rows[nearer]] = values[nearer], places[nearer] + start
        answers: Indexes = found.numpy()
        return answers

    def _open(self, queries: Any) -> Any:
        """Which blocks could hold the nearest reference of each query [q, blocks]."""
        leading, rest = self._turned(queries)
        largest = self._largest(leading)
        slack = rest[:, None] * self._left_out[None, :] + self._rounding()
        reached = (largest - slack).amax(dim=1, keepdim=True)
        return largest + slack >= reached

    def _turned(self, vectors: Any) -> tuple[Any, Any]:
        """The leading components [n, k], and the length of what they leave out [n], never too small."""
        leading = vectors @ self._basis
        return leading, (vectors - leading @ self._basis.T).norm(dim=1) + 1e-5

    def _largest(self, leading: Any) -> Any:
        """The largest bfloat16 product of each query within each block [q, blocks]."""
        torch = require("torch", "drift")
        halves = leading.to(torch.bfloat16)
        blocks = len(self._halves) // _BLOCK
        result = torch.empty((len(leading), blocks))
        for first in range(0, blocks, _TOGETHER):
            last = min(first + _TOGETHER, blocks)
            products = halves @ self._halves[first * _BLOCK : last * _BLOCK].T
            result[:, first:last] = products.view(len(leading), last - first, _BLOCK).amax(dim=2)
        return result

    def _rounding(self) -> float:
        single = len(self._basis) * 2.0**-23  # sums in float32, of terms whose absolute values add up to at most 1
        length = 1.0 + 2.0**-10  # vectors were of length 1 before they were rounded to float16
        return float(length**2 * (3 * _HALF + 3 * _HALF**2 + _HALF**3 + single))


def _leading(references: Vectors) -> Singles:
    """An orthonormal basis [d, k] of the leading directions of references, so many that little is left out; or all."""
    dimension = references.shape[1]
    sample = np.asarray(references[:: max(len(references) // _SAMPLE, 1)], dtype=np.float32)
    with all_threads():
        energies, directions = np.linalg.eigh((sample.T @ sample).astype(np.float64) / len(sample))
    left = 1.0 - np.cumsum(energies[::-1]) / max(float(energies.sum()), 1e-12)
    kept = int(np.searchsorted(-left, -_LEFT_OUT)) + 1
    kept = -(-kept // 32) * 32
    if kept > 0.75 * dimension:
        return np.eye(dimension, dtype=np.float32)
    basis: Singles = np.ascontiguousarray(directions[:, ::-1][:, :kept], dtype=np.float32)
    return basis


def _neighbours_together(references: Vectors) -> Indexes:
    """An order [n] in which references with a common nearest pivot, of some that were picked evenly, stand together."""
    step = max(len(references) // _PIVOTS, 1)
    pivots = np.asarray(references[::step][:_PIVOTS], dtype=np.float32)
    nearest = np.empty(len(references), dtype=np.int64)
    with all_threads():
        for start in range(0, len(references), _REFERENCES):
            block = np.asarray(references[start : start + _REFERENCES], dtype=np.float32)
            nearest[start : start + len(block)] = (block @ pivots.T).argmax(axis=1)
    return np.argsort(nearest, kind="stable")


def search_over(references: Vectors, device: str | None = None) -> Search:
    """Return a search over unit vectors [n, d].

    Args:
        references: What is searched; few are searched by plain products on the processor.
        device: Where: a GPU if there is one, where None; else what is faster on the processor, found out by a trial of some
            milliseconds.

    Raises:
        UsageError: There is no such device.
    """
    if len(references) < 4 * _REFERENCES and (device is None or device == "cpu"):
        return BlockedSearch(references)
    if device != "cpu" and (device is not None or _has_gpu()):
        from loradiag.linalg.nearest_device import DeviceSearch

        return DeviceSearch(references, device or "cuda")
    if references.size * 2 > _IN_MEMORY:
        return BlockedSearch(references)
    try:
        quick = _halves_are_quicker(references.shape[1])
    except MissingExtraError:
        quick = False
    return BoundedSearch(references) if quick else BlockedSearch(references)


def _has_gpu() -> bool:
    from loradiag.linalg.nearest_device import has_gpu

    try:
        return has_gpu()
    except MissingExtraError:
        return False


def _halves_are_quicker(dimension: int) -> bool:
    torch = require("torch", "drift")
    singles = torch.ones((512, dimension)), torch.ones((_REFERENCES, dimension)).T
    halves = tuple(part.to(torch.bfloat16) for part in singles)

    def seconds(pair: Any) -> float:
        taken = []
        for _ in range(3):
            start = time.perf_counter()
            _ = pair[0] @ pair[1]
            taken.append(time.perf_counter() - start)
        return min(taken)

    return seconds(halves) < 0.6 * seconds(singles)
