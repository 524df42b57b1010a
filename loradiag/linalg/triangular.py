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

from typing import cast

import numpy as np

from loradiag.linalg.widen import Array, Raw, Widener, widen

BLOCK = 1 << 16
"""Elements widened at a time: 512 KiB of float64 stay in the second-level cache."""

STRIP = 8
"""Rows of a Gram matrix computed at a time."""

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
    width = min(max(BLOCK // max(rank, 1), 1), length)
    widened = Widener(dtype, (width, rank) if tall else (rank, width))
    total = np.zeros((rank, rank))
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite shows in the result
        for start in range(0, length, max(width, 1)):
            stop = min(start + width, length)
            thin = widened(stored[start:stop]) if tall else widened(stored[:, start:stop]).T
            _add_product(total, thin if right is None else thin @ right)
    lower = np.tril_indices(rank, -1)
    total[lower] = total.T[lower]
    return total


def _add_product(total: Array, thin: Array) -> None:
    """Add the upper triangle of thinᵀ · thin to ``total``, and what falls below it in the same strips.

    For a product of an array with its own transpose numpy calls BLAS's symmetric update, which for such thin arrays
    takes up to twice the time of general products of a few rows each.
    """
    rank = total.shape[0]
    for start in range(0, rank, STRIP):
        stop = min(start + STRIP, rank)
        total[start:stop, start:] += thin[:, start:stop].T @ thin[:, start:]


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


def _cholesky(matrix: Array) -> Array | None:
    """Upper triangular R with RᵀR = ``matrix``; None if it is not numerically positive definite."""
    try:
        return cast("Array", np.linalg.cholesky(matrix)).T
    except np.linalg.LinAlgError:
        return None
