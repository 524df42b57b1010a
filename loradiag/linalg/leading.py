"""The leading singular vectors of a matrix that is known by its products, with a bound on their error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from loradiag.linalg.products import Products, Single
from loradiag.linalg.widen import Array

DENSE = 128
"""Up to this size of the shorter side a full decomposition is cheaper than an iteration."""

_TOLERANCE = 1e-5
_ROUNDING = 2e-6
"""Relative error of products in float32, as measured against float64 on 4096 × 4096; added to every residual."""


class NotConvergedError(np.linalg.LinAlgError):
    """The iteration ended without an answer."""


class Leading(NamedTuple):
    """Leading singular vectors.

    Attributes:
        vectors: Left ones [rows, k], orthonormal.
        values: Singular values [k], largest first.
        errors: [k]: bounds on the sine of the angle between each vector and the true one (Davis and Kahan 1970):
            the residual of the Gram matrix's eigenproblem over the distance to the nearest other eigenvalue. 1 where
            neighbours are too close to tell the vectors apart.
        complete: Whether these are all singular vectors there are.
    """

    vectors: Array
    values: Array
    errors: Array
    complete: bool


def leading(matrix: Products, count: int, start: Array | None = None) -> Leading:
    """Return the ``count`` leading left singular vectors, by ARPACK's implicitly restarted Lanczos on W·Wᵀ.

    One vector more is computed, so that the distance of the last one from its neighbour is known.

    Args:
        matrix: W [rows, cols].
        count: How many; at most the shorter side.
        start: A vector [rows] to begin with; a fixed pseudo-random one if None.

    Raises:
        NotConvergedError: ARPACK gave up.
    """
    rows = matrix.shape[0]
    if small(matrix, count):
        whole = every(matrix)
        return Leading(whole.vectors[:, :count], whole.values[:count], whole.errors[:count], count >= whole.values.size)
    from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

    def product(x: Single) -> Single:
        return matrix.times(matrix.adjoint(x.astype(np.float32, copy=False)))

    begin = (np.random.default_rng(0).standard_normal(rows) if start is None else start).astype(np.float32)
    size = float(np.linalg.norm(product(begin)))
    if size == 0:
        # A zero matrix, which ARPACK refuses; or a beginning that W takes to zero.
        zero = Leading(np.eye(rows, count), np.zeros(count), np.ones(count), complete=False)
        return zero if start is None else leading(matrix, count)
    # ARPACK takes eigenvalues below some 1e-5 for zero and asks nothing of them, whatever the others are.
    operator = LinearOperator(
        (rows, rows), matvec=lambda x: product(x) / size, matmat=lambda x: product(x) / size, dtype=np.float32
    )
    width = min(2 * count + 20, rows)
    try:
        values, vectors = eigsh(operator, k=count + 1, which="LM", tol=_TOLERANCE, v0=begin, ncv=width)
    except ArpackError as error:  # ArpackNoConvergence among its kinds
        raise NotConvergedError("the leading singular vectors did not converge") from error
    order = np.argsort(values)[::-1]
    basis = np.linalg.qr(vectors[:, order].astype(np.float64))[0]
    image = product(basis.astype(np.float32)).astype(np.float64)
    energies = np.sum(basis * image, axis=0)
    residuals = np.linalg.norm(image - basis * energies, axis=0)
    return _checked(basis, energies, residuals, count, noise=_ROUNDING)


def small(matrix: Products, count: int) -> bool:
    """Whether a full decomposition is the cheaper way to ``count`` vectors."""
    least = min(matrix.shape)
    return least <= DENSE or count + 1 >= least // 2


def every(matrix: Products) -> Leading:
    """Return all left singular vectors of nonzero index (min(rows, cols) of them), by a full decomposition in float64."""
    rows, cols = matrix.shape
    identity = np.eye(min(rows, cols), dtype=np.float32)
    whole = matrix.adjoint(identity).T if rows <= cols else matrix.times(identity)
    vectors, values, _ = np.linalg.svd(whole.astype(np.float64), full_matrices=False)
    # Of more rows than columns, the null space is a neighbour as well.
    energies = np.square(np.append(values, 0.0) if rows > cols else values)
    residuals = np.full(energies.size, 1e-13 * (energies.max(initial=0.0) or 1.0))
    return _checked(vectors, energies, residuals, values.size, noise=0.0)


def _checked(vectors: Array, energies: Array, residuals: Array, count: int, *, noise: float) -> Leading:
    """Attach the error bounds: of ``count`` vectors, by the distance of each eigenvalue from all others that are known."""
    top = float(energies.max(initial=0.0)) or 1.0
    uncertain = residuals + noise * top
    distance = np.abs(energies[:, None] - energies[None, :])
    np.fill_diagonal(distance, np.inf)
    gaps = np.maximum(np.minimum(distance.min(axis=1, initial=np.inf), top) - uncertain, 0.0)
    errors = np.minimum(uncertain / np.maximum(gaps, 1e-300), 1.0)
    values = np.sqrt(np.maximum(energies, 0.0))
    return Leading(vectors[:, :count], values[:count], errors[:count], count >= min(vectors.shape) and noise == 0.0)
