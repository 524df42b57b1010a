"""How much of a vector can lie along any single left singular vector of a matrix, without computing those.

A unit vector x spreads over the left singular vectors uᵢ of W with weights ⟨uᵢ, x⟩², which sum to 1: a measure on the
eigenvalues of W·Wᵀ. N steps of Lanczos from x give its N-point Gauss quadrature, nodes θ₁ < … < θ_N with weights ω. By the
Chebyshev-Markov-Stieltjes inequalities (Szegő 1939, "Orthogonal polynomials", §3.41) the measure of any one point
between θᵢ and θᵢ₊₁ is at most ωᵢ + ωᵢ₊₁, and that of a node at most its ω. So a few products with W bound every
⟨uᵢ, x⟩² at once, those of the thousands of singular vectors that nobody computes among them.
"""

from __future__ import annotations

import numpy as np

from loradiag.linalg.products import Products
from loradiag.linalg.widen import Array

_NULL = 1e-6
"""Of a matrix with more rows than columns, eigenvalues up to this share of the largest count as those of the null space:
singular values below a thousandth of the largest."""

_NOISE = 1e-5
"""Eigenvalues closer than this share of the largest cannot be told apart by products in single precision."""

STEPS = (6, 8, 12, 16, 24, 32, 48, 64)
"""Numbers of steps after which the bound is looked at."""


def largest_share(matrix: Products, vectors: Array, enough: float) -> Array:
    """Bound from above the squared cosine of each vector with any left singular vector of a matrix.

    Args:
        matrix: W [rows, cols].
        vectors: [rows, n], not zero; they need not be of unit length.
        enough: Stop when all bounds are below this.

    Returns:
        [n], in units of each vector's squared length: at most 1.
    """
    process = _Lanczos(matrix, vectors)
    bounds = np.ones(vectors.shape[1])
    for steps in STEPS:
        if steps > min(matrix.shape[0], STEPS[-1]):
            break
        process.advance(steps)
        bounds = np.minimum(bounds, process.bounds())
        if (bounds < enough).all():
            break
    return bounds


class _Lanczos:
    """Lanczos on W·Wᵀ from several vectors at a time, each with a basis of its own that is kept orthogonal throughout."""

    def __init__(self, matrix: Products, vectors: Array) -> None:
        self._matrix = matrix
        first = vectors / np.linalg.norm(vectors, axis=0)
        self._basis = np.empty((STEPS[-1] + 1, *vectors.shape))
        self._basis[0] = first
        self._diagonal: list[Array] = []
        self._beside: list[Array] = []
        self._ended = np.zeros(vectors.shape[1], dtype=bool)

    def advance(self, steps: int) -> None:
        """Take steps until there are so many."""
        for step in range(len(self._diagonal), steps):
            current, earlier = self._basis[step], self._basis[: step + 1]
            image = self._matrix.times(self._matrix.adjoint(current.astype(np.float32))).astype(np.float64)
            self._diagonal.append(np.sum(current * image, axis=0))
            for _ in range(2):  # once would leave what rounding lets back in
                image -= np.einsum("snj,sj->nj", earlier, np.einsum("snj,nj->sj", earlier, image))
            length = np.linalg.norm(image, axis=0)
            # An invariant subspace is reached: the quadrature is exact, and the rest of the basis does not matter.
            self._ended |= length <= 1e-6 * np.abs(self._diagonal[0])
            self._beside.append(np.where(self._ended, 0.0, length))
            self._basis[step + 1] = np.where(self._ended, 0.0, image / np.maximum(length, 1e-300))

    def bounds(self) -> Array:
        """The largest weight that a single eigenvalue can have, by column."""
        diagonal, beside = np.array(self._diagonal), np.array(self._beside)
        return np.array([self._bound(diagonal[:, column], beside[:, column]) for column in range(self._ended.size)])

    def _bound(self, diagonal: Array, beside: Array) -> float:
        from scipy.linalg import eigh_tridiagonal

        ended = np.flatnonzero(beside == 0.0)
        size = int(ended[0]) + 1 if ended.size else diagonal.size
        nodes, vectors = eigh_tridiagonal(diagonal[:size], beside[: size - 1])
        weights = np.square(vectors[0])
        rows, cols = self._matrix.shape
        lowest = _NULL * nodes[-1] if rows > cols else -np.inf
        first = int(np.argmax(nodes > lowest)) if nodes[-1] > lowest else size
        shares = _merged(nodes[first:], weights[first:], _NOISE * nodes[-1])
        if ended.size:
            return float(shares.max(initial=0.0))
        if size == 1:
            return 1.0
        # Beyond the last node, and at it, lies no more than its own weight.
        highest = float((shares[:-1] + shares[1:]).max(initial=shares[0] if shares.size else 0.0))
        if first == 0 or first == size:
            return highest
        # What lies in the null space of Wᵀ, which has no singular vectors of its own, gathers at the first node, 0.
        grid = np.geomspace(lowest, nodes[first], 256)
        return max(highest, float(_christoffel(grid, diagonal[:size], beside[: size - 1]).max()))


def _merged(nodes: Array, weights: Array, window: float) -> Array:
    """Weights of nodes, those together that lie so close that rounding may have split one eigenvalue into them."""
    if not nodes.size:
        return weights
    places = np.concatenate([[0], np.cumsum(np.diff(nodes) > window)])
    return np.bincount(places, weights).astype(np.float64)


def _christoffel(points: Array, diagonal: Array, beside: Array) -> Array:
    """The largest weight that a measure with this tridiagonal matrix can have at each of some points: 1/Σ pᵢ(x)²."""
    before, current = np.zeros_like(points), np.ones_like(points)
    total = np.square(current)
    with np.errstate(over="ignore", invalid="ignore"):
        for index in range(beside.size):
            back = beside[index - 1] * before if index else 0.0
            before, current = current, ((points - diagonal[index]) * current - back) / beside[index]
            total += np.square(current)
    # A polynomial too large for a number leaves nothing.
    shares: Array = np.where(np.isfinite(total), 1.0 / np.where(total > 0, total, 1.0), 0.0)
    return shares
