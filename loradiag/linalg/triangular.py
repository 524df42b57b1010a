"""The triangular factor of a thin QR, from a factor of a low-rank update as it is stored.

Only R is needed to know the singular values of a product of two thin matrices, and R is small. It comes from the
cheapest of three ways that is accurate enough for the matrix at hand:

1. Cholesky of the Gram matrix, where the matrix is well conditioned;
2. Cholesky QR, done twice (Yamamoto, Nakatsukasa, Yanagisawa, Fukaya 2015, "Roundoff error analysis of the CholeskyQR2
   algorithm"), up to a condition number of about 1e7;
3. Householder QR, for everything else, rank-deficient matrices among them.

If the computed R̃ satisfies ‖(A R̃⁻¹)ᵀ(A R̃⁻¹) − I‖ ≤ η, every singular value computed from R̃ is off by a factor of at
most about 1 ± η. For way 1 on columns of unit length, η ≤ ‖E‖ · ‖R̃⁻¹‖² with E the rounding of the Gram matrix, a few
units of 1.1e-16. So ‖R̃⁻¹‖_F² decides: up to 1e4, η stays below about 1e-11, and nothing need be known of the matrix.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from loradiag.linalg.widen import Array, Raw, widen, widen_into

STRIP = 8
"""Columns multiplied at a time: only the lower triangle of a Gram matrix is computed, in strips of this many rows."""

_SMALL = 900_000
"""Multiplications in one product. Up to a million OpenBLAS skips packing its operands, which for such thin ones is most
of the work; no other library minds."""
_BLOCK = 1 << 17
"""Most elements widened at a time: 1 MiB of float64 stays in the second-level cache."""

_SYRK_FROM = 48
"""Ranks from which BLAS's symmetric update is the faster way to a Gram matrix, measured over whole passes: one long call
also lets the other thread run, where many short ones wait for each other's interpreter lock."""

_SAFE_FOR_ONE = 1e4
_SAFE_FOR_TWO = 1e14


def gram(stored: Raw, dtype: str, *, tall: bool, right: Array | None = None) -> Array:
    """Return the r × r Gram matrix over the long dimension, accumulated in float64 over cache-sized blocks.

    Args:
        stored: [n, r] if ``tall``, else [r, n], in the carrier type of ``dtype``.
        dtype: Storage format.
        tall: Which of the two dimensions is the long one.
        right: An r × r matrix; the Gram matrix of ``stored @ right`` (in the tall orientation) is returned instead.

    Returns:
        The symmetric matrix. It is finite exactly if every element of ``stored`` is: squares of F32 numbers do not
        overflow float64, and a sum with a NaN or an infinity in it is not finite.
    """
    rank = stored.shape[1] if tall else stored.shape[0]
    length = stored.shape[0] if tall else stored.shape[1]
    total = np.zeros((rank, rank))
    width = min(_width(rank), length)
    if not width or not rank:
        return total
    space = _SPACE.shaped(width, rank, tall)
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite shows in the result
        for start in range(0, length, width):
            part = slice(start, min(start + width, length))
            raw = stored[part] if tall else stored[:, part]
            values, bits = space.cut(part.stop - start, tall)
            widen_into(raw, dtype, values, bits)
            thin = values if tall else values.T
            _add_lower(total, thin if right is None else thin @ right)
    return np.where(_lower(rank), total, total.T)


@lru_cache(maxsize=64)
def _lower(rank: int) -> npt.NDArray[np.bool_]:
    return np.tri(rank, dtype=np.bool_)


class _Blocks(NamedTuple):
    """Two arrays of one shape: values, and space for widening them."""

    values: Array
    bits: npt.NDArray[np.uint32]

    def cut(self, count: int, tall: bool) -> _Blocks:
        """The first ``count`` along the long dimension."""
        part = np.s_[:count] if tall else np.s_[:, :count]
        return _Blocks(self.values[part], self.bits[part])


class _Space(threading.local):
    """Memory that each thread uses again for every block: fresh pages cost more than the numbers that go into them."""

    def __init__(self) -> None:
        self._values = np.empty(0)
        self._bits = np.empty(0, dtype=np.uint32)

    def shaped(self, width: int, rank: int, tall: bool) -> _Blocks:
        size = width * rank
        if self._values.size < size:
            self._values, self._bits = np.empty(size), np.empty(size, dtype=np.uint32)
        shape = (width, rank) if tall else (rank, width)
        return _Blocks(self._values[:size].reshape(shape), self._bits[:size].reshape(shape))


_SPACE = _Space()


def _width(rank: int) -> int:
    """Rows of a block: as many as the fast product and the cache allow."""
    rank = max(rank, 1)
    width = max(min(_SMALL // (min(STRIP, rank) * (rank + 1)), _BLOCK // rank), rank, 16) // 8 * 8
    return width - 8 if width % 512 == 0 else width  # rows a power of two apart fall on the same lines of the cache


def _add_lower(total: Array, thin: Array) -> None:
    """Add the lower triangle, and some of the upper, of ``thin.T @ thin``.

    numpy hands a product of an array with its own transpose to BLAS's symmetric update, which for thin shapes takes
    twice the time of a general product. Operands of different shapes avoid that: so the first strip is one column wider.
    """
    rank = thin.shape[1]
    if rank >= _SYRK_FROM:
        total += thin.T @ thin
        return
    strip = STRIP if rank > STRIP else max(rank // 2, 1)
    for start in range(0, rank, strip):
        stop = min(start + strip, rank)
        wide = min(stop + (start == 0), rank)
        total[start:stop, :wide] += thin[:, start:stop].T @ thin[:, :wide]


def r_factor(stored: Raw, dtype: str, *, tall: bool, gram_matrix: Array | None = None) -> Array:
    """Return R of the thin QR of the tall orientation of ``stored``: [min(n, r), r], upper triangular up to signs.

    Args:
        stored: [n, r] if ``tall``, else [r, n].
        dtype: Storage format.
        tall: Which orientation ``stored`` has.
        gram_matrix: The result of :func:`gram`, if it is known already.

    Raises:
        ValueError: There are non-finite elements.
    """
    product = gram(stored, dtype, tall=tall) if gram_matrix is None else gram_matrix
    if not np.isfinite(product).all():
        raise ValueError("a factor has NaN or infinite elements")
    rank = product.shape[0]
    scale = np.sqrt(np.diagonal(product))
    if rank == 0 or not scale.any():
        return np.zeros((rank, rank))
    if scale.all() and (stored.shape[0] if tall else stored.shape[1]) >= rank:
        # Columns scaled to unit length: Cholesky's error then depends on directions only, not on sizes.
        first = _cholesky(product / np.outer(scale, scale))
        if first is not None:
            inverse = np.linalg.inv(first)
            amplification = float(np.sum(np.square(inverse)))
            if amplification <= _SAFE_FOR_ONE:
                return first * scale
            if amplification <= _SAFE_FOR_TWO:
                again = gram(stored, dtype, tall=tall, right=inverse / scale[:, None])
                second = _cholesky(again)
                if second is not None:
                    twice: Array = (second @ first) * scale
                    return twice
    return triangle(widen(stored if tall else stored.T, dtype))


def triangle(matrix: Array) -> Array:
    """Return R of the Householder QR of a float64 matrix [n, r]: [min(n, r), r]."""
    return cast("Array", np.linalg.qr(matrix, mode="r"))


def r_factors(products: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Way 1 for many matrices at once: R of each of some Gram matrices of one size, and where it may be relied on.

    Args:
        products: [m, r, r], from :func:`gram`.

    Returns:
        [m, r, r], and [m]: False where the matrix is not finite, has a zero column, or is conditioned too badly; its
        R is then to be had from :func:`r_factor`.
    """
    scale = np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    sound = np.logical_and(np.isfinite(products).all(axis=(1, 2)), (scale > 0).all(axis=1))
    scale = np.where(sound[:, None], scale, 1.0)
    scaled = np.where(
        sound[:, None, None], products / (scale[:, :, None] * scale[:, None, :]), np.eye(products.shape[1])
    )
    try:
        upper = np.linalg.cholesky(scaled).swapaxes(1, 2)
    except np.linalg.LinAlgError:  # of one of them, and numpy does not say of which
        return products, np.zeros(len(products), dtype=np.bool_)
    amplification = np.sum(np.square(np.linalg.inv(upper)), axis=(1, 2))
    sound &= amplification <= _SAFE_FOR_ONE
    return upper * scale[:, None, :], sound


def _cholesky(matrix: Array) -> Array | None:
    """Upper triangular R with RᵀR = ``matrix``; None if it is not numerically positive definite."""
    try:
        return cast("Array", np.linalg.cholesky(matrix)).T
    except np.linalg.LinAlgError:
        return None
