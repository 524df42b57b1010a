"""The triangular factor of a thin QR, from a factor of a low-rank update as it is stored.

Only R is needed to know the singular values of a product of two thin matrices, and R is small. It comes from the
cheapest of three ways that is accurate enough for the matrix at hand:

1. Cholesky of the Gram matrix, where the matrix is well conditioned;
2. Cholesky QR, done twice (Yamamoto, Nakatsukasa, Yanagisawa, Fukaya 2015, "Roundoff error analysis of the CholeskyQR2
   algorithm"), up to a condition number of about 1e7;
3. Householder QR, for everything else, rank-deficient matrices among them.

If A = Q R and the computed R̃ satisfies ‖(A R̃⁻¹)ᵀ(A R̃⁻¹) − I‖ ≤ η, every singular value computed from R̃ is off by a
factor of at most about 1 ± η. For way 1, η is about u · κ², with u = 1.1e-16 and κ the condition number after the
columns are scaled to unit length; so the condition number decides, and the choice needs no knowledge of the matrix.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from loradiag.linalg.widen import Array, Raw, widen, widen_into

BLOCK = 1 << 15
"""Elements widened at a time: 256 KiB of float64 stay in the second-level cache."""

_SAFE_FOR_ONE = 1e2
_SAFE_FOR_TWO = 1e7
_SYRK_FROM = 48


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
    width = max(BLOCK // max(rank, 1), rank, 1)
    total = np.zeros((rank, rank))
    # One row more than needed: see _product.
    scratch = np.zeros((rank + 1, min(width, length)) if not tall else (min(width, length), rank))
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite shows in the result
        for start in range(0, length, width):
            stop = min(start + width, length)
            block = scratch[: stop - start] if tall else scratch[:, : stop - start]
            widen_into(stored[start:stop] if tall else stored[:, start:stop], dtype, block if tall else block[:rank])
            if right is not None:
                turned = block @ right if tall else (block[:rank].T @ right)
                total += turned.T @ turned
            else:
                total += _product(block, tall, rank)
    return total


def _product(block: Array, tall: bool, rank: int) -> Array:
    """Gram matrix of one block.

    numpy hands a product of an array with its own transpose to BLAS's symmetric update, which for these thin shapes
    takes twice the time of a general product. Giving it two operands of different shape avoids that.
    """
    if rank >= _SYRK_FROM or rank < 2:
        thin = block if tall else block[:rank].T
        product: Array = thin.T @ thin
        return product
    if not tall:
        wide: Array = (block @ block[:rank].T)[:rank]
        return wide
    out = np.empty((rank, rank))
    out[:, 1:] = block.T @ block[:, 1:]
    out[1:, 0] = out[0, 1:]
    out[0, 0] = block[:, 0] @ block[:, 0]
    return out


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
            condition = float(np.linalg.norm(first) * np.linalg.norm(inverse))
            if condition <= _SAFE_FOR_ONE:
                return first * scale
            if condition <= _SAFE_FOR_TWO:
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
