"""The directions in which a low-rank update writes and reads, and how those of two updates lie to each other.

With ΔW = U diag(σ) Vᵀ in its thin singular value decomposition, U [d_out, k] spans what the update writes and V [d_in, k] what
it reads. Everything about two updates comes from the two small blocks G = UₐᵀU_b and H = VₐᵀV_b. Neither a product of the size
of a weight is formed, nor U and V themselves: they stay the stored factors times a small matrix.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from loradiag.linalg.widen import Array

_SAFE = 1e4
"""‖R⁻¹‖_F² of a factor with columns of unit length, up to which Cholesky of its Gram matrix is accurate to about 1e-11: the
rule of :mod:`loradiag.linalg.triangular`, which says why."""

_STRIP = 8
"""Columns multiplied at a time: numpy hands a product of an array with its own transpose to a slower routine, and OpenBLAS does
small products without packing them first (see :mod:`loradiag.linalg.triangular`)."""


class Side(NamedTuple):
    """Orthonormal columns [d, k], as a factor [d, r] times a small ``turn`` [r, k]."""

    factor: Array
    turn: Array

    @property
    def shape(self) -> tuple[int, int]:
        """[d, k]."""
        return self.factor.shape[0], self.turn.shape[1]

    def dense(self) -> Array:
        """The columns themselves."""
        return self.factor @ self.turn

    def rows(self, places: npt.NDArray[np.int64]) -> Array:
        """Some rows of the columns: [n, k]."""
        found: Array = self.factor[places] @ self.turn
        return found

    def across(self, other: Side) -> Array:
        """The block of inner products with other columns: [k, k']."""
        return self.turn.T @ _inner(self.factor, other.factor) @ other.turn


class Directions(NamedTuple):
    """A thin singular value decomposition: ``left`` [d_out, k], ``sigma`` [k] largest first, ``right`` [d_in, k].

    k is the numerical rank: directions whose singular value is no more than what float64 rounds off are none.
    """

    left: Side
    sigma: Array
    right: Side

    @property
    def shape(self) -> tuple[int, int]:
        """Of the update: d_out, d_in."""
        return self.left.shape[0], self.right.shape[0]

    @property
    def norm(self) -> float:
        """‖ΔW‖_F."""
        return float(np.linalg.norm(self.sigma))


class Overlap(NamedTuple):
    """Two updates beside each other. Definitions at :func:`overlap`."""

    left: float
    right: float
    cosine: float
    distance: float
    interference: float


def directions(b: Array, a: Array, scale: float = 1.0) -> Directions:
    """Return the directions of scale · B·A, of float64 B [d_out, r] and A [r, d_in].

    Raises:
        numpy.linalg.LinAlgError: A factor is not finite, or the product overflows.
    """
    (left, r_left, back_left), (right, r_right, back_right) = triangular(b), triangular(a.T)
    core = (r_left @ r_right.T) * scale
    if not np.isfinite(core).all():
        raise np.linalg.LinAlgError("the product is not finite")
    if not core.size or not core.any():
        return Directions(Side(left, back_left[:, :0]), np.zeros(0), Side(right, back_right[:, :0]))
    u, sigma, vt = np.linalg.svd(core, full_matrices=False)
    floor = sigma[0] * max(left.shape[0], right.shape[0]) * np.finfo(np.float64).eps
    rank = int(np.count_nonzero(sigma > floor))
    return Directions(Side(left, back_left @ u[:, :rank]), sigma[:rank], Side(right, back_right @ vt[:rank].T))


def triangular(matrix: Array) -> tuple[Array, Array, Array]:
    """Return F [n, m], R [k, r] and T [m, k] of a matrix [n, r] such that F·T has orthonormal columns and F·T·R is the matrix.

    F is the matrix itself and T = R⁻¹ where that is accurate; else F is Q of Householder's decomposition, and T is no turn.

    Raises:
        numpy.linalg.LinAlgError: The matrix is not finite.
    """
    product = _inner(matrix, matrix)
    if not np.isfinite(product).all():
        raise np.linalg.LinAlgError("a factor is not finite")
    lengths = np.sqrt(np.diagonal(product))
    if matrix.shape[0] >= matrix.shape[1] and lengths.all():
        found = _inverse(product / np.outer(lengths, lengths))
        if found is not None:
            upper, inverse = found
            return matrix, upper * lengths, inverse / lengths[:, None]
    q, r = np.linalg.qr(matrix)
    return cast("Array", q), cast("Array", r), np.eye(q.shape[1])


def _inner(first: Array, second: Array) -> Array:
    """AᵀB of two thin matrices, strip by strip; what overflows is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        strips = [first[:, at : at + _STRIP].T @ second for at in range(0, first.shape[1], _STRIP)]
    return np.concatenate(strips) if strips else np.zeros((0, second.shape[1]))


def _inverse(product: Array) -> tuple[Array, Array] | None:
    """R of a Gram matrix of unit columns, and its inverse, where both can be relied on."""
    try:
        upper = cast("Array", np.linalg.cholesky(product)).T
        inverse = cast("Array", np.linalg.inv(upper))
    except np.linalg.LinAlgError:
        return None
    return (upper, inverse) if float(np.sum(np.square(inverse))) <= _SAFE else None


def overlap(first: Directions, second: Directions) -> Overlap:
    """Return how two updates of one shape lie to each other; all zero where one of them is zero.

    * ``left``, ``right``: ‖UₐᵀU_b‖_F² / min(kₐ, k_b), and the same of V: 1 where one subspace lies in the other, and
      max(kₐ, k_b)/d on average for random ones (Hu et al. 2021, arXiv 2106.09685, §7.2).
    * ``cosine``: tr(ΔₐᵀΔ_b) / (‖Δₐ‖_F ‖Δ_b‖_F).
    * ``distance``: ‖Δₐ − Δ_b‖_F / max(‖Δₐ‖_F, ‖Δ_b‖_F), to about 1e-8.
    * ``interference``: √((‖UₐᵀΔ_bVₐ‖_F² + ‖U_bᵀΔₐV_b‖_F²) / (‖Δₐ‖_F² + ‖Δ_b‖_F²)): how much of the two falls into each other's
      directions, on the side that writes and on the side that reads at once. The blocks are those of the singular task
      interference of Gargiulo et al. 2024 (arXiv 2412.00081), (UᵀU − I) Σ (VᵀV − I), of two; measured in the Frobenius norm
      and relative to the updates, so that it lies between 0 and 1.
    """
    if not first.sigma.size or not second.sigma.size:
        return Overlap(0.0, 0.0, 0.0, float(first.sigma.size != second.sigma.size), 0.0)
    return _overlap(first, second, first.left.across(second.left), first.right.across(second.right))


def _overlap(first: Directions, second: Directions, g: Array, h: Array) -> Overlap:
    few = min(first.sigma.size, second.sigma.size)
    largest = max(first.norm, second.norm)
    a, b = first.sigma / largest, second.sigma / largest  # squares of very small updates would underflow
    energy_a, energy_b = float(a @ a), float(b @ b)
    inner = float(a @ (g * h) @ b)
    mixed = np.linalg.norm((g * b) @ h.T) ** 2 + np.linalg.norm((g.T * a) @ h) ** 2
    return Overlap(
        left=_share(float(np.linalg.norm(g)) ** 2 / few),
        right=_share(float(np.linalg.norm(h)) ** 2 / few),
        cosine=max(-1.0, min(1.0, inner / float(np.sqrt(energy_a * energy_b)))),
        distance=float(np.sqrt(max(0.0, energy_a + energy_b - 2 * inner))),
        interference=_share(float(np.sqrt(mixed / (energy_a + energy_b)))),
    )


def _share(value: float) -> float:
    return min(1.0, value)
