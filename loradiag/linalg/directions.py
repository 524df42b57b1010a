"""The directions in which a low-rank update writes and reads, and how those of two updates lie to each other.

With ΔW = U diag(σ) Vᵀ in its thin singular value decomposition, U [d_out, k] spans what the update writes and V [d_in, k] what
it reads. Everything about two updates comes from the two small blocks G = UₐᵀU_b and H = VₐᵀV_b: no product of the size of a
weight is formed.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from loradiag.linalg.widen import Array

_SAFE = 1e-7
"""Of a matrix with columns of unit length, the least pivot for which Cholesky QR, done twice, is as good as Householder's."""


class Directions(NamedTuple):
    """A thin singular value decomposition: ``left`` [d_out, k], ``sigma`` [k] largest first, ``right`` [d_in, k].

    k is the numerical rank: directions whose singular value is no more than what float64 rounds off are none.
    """

    left: Array
    sigma: Array
    right: Array

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


def directions(b: Array, a: Array) -> Directions:
    """Return the directions of B·A, of B [d_out, r] and A [r, d_in], both finite.

    Raises:
        numpy.linalg.LinAlgError: The product overflows.
    """
    left, r_left = orthonormal(b)
    right, r_right = orthonormal(a.T)
    core = r_left @ r_right.T
    if not np.isfinite(core).all():
        raise np.linalg.LinAlgError("the product is not finite")
    if not core.size or not core.any():
        return Directions(left[:, :0], np.zeros(0), right[:, :0])
    u, sigma, vt = np.linalg.svd(core, full_matrices=False)
    floor = sigma[0] * max(left.shape[0], right.shape[0]) * np.finfo(np.float64).eps
    rank = int(np.count_nonzero(sigma > floor))
    return Directions(left @ u[:, :rank], sigma[:rank], right @ vt[:rank].T)


def orthonormal(matrix: Array) -> tuple[Array, Array]:
    """Return Q [n, k] with orthonormal columns, and R [k, r], of a float64 matrix [n, r], k = min(n, r).

    Cholesky QR done twice (Yamamoto, Nakatsukasa, Yanagisawa, Fukaya 2015) where the matrix is conditioned well enough, several
    times quicker than Householder's, which does the others.
    """
    scale = np.sqrt(np.einsum("nr,nr->r", matrix, matrix))
    if matrix.shape[0] >= matrix.shape[1] and scale.all() and np.isfinite(scale).all():
        once = _half(matrix / scale)
        again = _half(once[0]) if once else None
        if once and again:
            return again[0], (again[1] @ once[1]) * scale
    q, r = np.linalg.qr(matrix)
    return cast("Array", q), cast("Array", r)


def _half(matrix: Array) -> tuple[Array, Array] | None:
    try:
        lower = cast("Array", np.linalg.cholesky(matrix.T @ matrix))
    except np.linalg.LinAlgError:
        return None
    if not lower.size or np.diagonal(lower).min() < _SAFE:
        return None
    upper: Array = lower.T
    return matrix @ np.linalg.inv(upper), upper


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
    return _overlap(first, second, first.left.T @ second.left, first.right.T @ second.right)


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
