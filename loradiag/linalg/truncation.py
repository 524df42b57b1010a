"""The nearest update of lower rank, from the factors alone.

With B = Q_B R_B and Aᵀ = Q_A R_A the singular value decomposition of B·A is that of the r × r core R_B R_Aᵀ, turned by
Q_B and Q_A. Cutting it off after k values gives the nearest matrix of rank k (Eckart and Young 1936), and what is cut off
is the error, exactly: ‖B·A − B′·A′‖_F² = Σ_{i>k} σᵢ².
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from loradiag.linalg.triangular import triangle
from loradiag.linalg.widen import Array

FLOOR = 1e-14
"""Relative size at which a tail counts as nothing: some units of what float64 rounds off in a decomposition."""

_TIE = 1e-12
"""Relative width of a tie: a share of exactly 0.99 must be enough for 0.99, however its sum was rounded."""


class Factored(NamedTuple):
    """A product B·A = (left · U) diag(σ) (Vᵀ · right), its two outer matrices left unmultiplied until the rank is known."""

    left: Array
    u: Array
    sigma: Array
    vt: Array
    right: Array

    def balanced(self, rank: int) -> tuple[Array, Array]:
        """B′ [d_out, k] and A′ [k, d_in] of the nearest product of rank k ≤ ``rank``, √σ in either.

        Balanced factors lose least when they are rounded, and none of the two is out of range before the other.
        """
        root = np.sqrt(self.sigma[:rank])
        return self.left @ (self.u[:, :rank] * root), (root[:, None] * self.vt[:rank]) @ self.right


def factored(b: Array, a: Array) -> Factored:
    """Decompose B·A, of B [d_out, r] and A [r, d_in].

    Raises:
        numpy.linalg.LinAlgError: The product has elements that are not finite.
    """
    left, r_left = np.linalg.qr(b)
    right, r_right = np.linalg.qr(a.T)
    core = r_left @ r_right.T
    if not np.isfinite(core).all():
        raise np.linalg.LinAlgError("the product is not finite")
    if not core.size:  # a module that was pruned to nothing
        return Factored(left, np.zeros((0, 0)), np.zeros(0), np.zeros((0, 0)), right.T)
    u, sigma, vt = np.linalg.svd(core, full_matrices=False)
    return Factored(left, u, sigma, vt, right.T)


def tails(sigma: Array) -> Array:
    """Return the relative error of every rank: entry k is √(Σ_{i>k} σᵢ² / Σ σᵢ²), from k = 0 to all. Zeros for no update."""
    top = float(sigma[0]) if sigma.size else 0.0
    if top == 0:
        return np.zeros(sigma.size + 1)
    energy = np.square(sigma / top)
    # Summed from the small end, so that small tails are not the difference of two large sums.
    behind = np.concatenate([np.cumsum(energy[::-1])[::-1], [0.0]])
    relative: Array = np.sqrt(behind / behind[0])
    return relative


def rank_for_error(sigma: Array, error: float) -> int:
    """Return the least rank whose relative Frobenius error is at most ``error``; at least 1."""
    return _first(tails(sigma), error * (1 + _TIE) + FLOOR)


def rank_for_energy(sigma: Array, energy: float) -> int:
    """Return the least k with Σ_{i≤k} σᵢ² ≥ ``energy`` · Σ σᵢ²; at least 1."""
    return _first(tails(sigma), float(np.sqrt((1 - energy) * (1 + _TIE))) + FLOOR)


def _first(errors: Array, limit: float) -> int:
    return max(1, int(np.argmax(errors <= limit)))


def frobenius(values: Array) -> float:
    """Return the root of the sum of squares, of a matrix or of singular values."""
    return float(np.linalg.norm(values))


def product_norm(b: Array, a: Array) -> float:
    """Return ‖B·A‖_F."""
    return frobenius(triangle(b) @ triangle(a.T).T)


def difference_norm(first: tuple[Array, Array], second: tuple[Array, Array]) -> float:
    """Return ‖B₁·A₁ − B₂·A₂‖_F: the norm of the product of the stacked factors [B₁, −B₂] and [A₁; A₂]."""
    (b1, a1), (b2, a2) = first, second
    return product_norm(np.hstack([b1, -b2]), np.vstack([a1, a2]))
