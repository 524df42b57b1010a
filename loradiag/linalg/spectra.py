"""Singular values of low-rank updates, and the measures that derive from them."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from loradiag.linalg.triangular import triangle
from loradiag.linalg.widen import Array

# At or below this a spectrum counts as zero: dividing by it could overflow, and no stored format but FP64 reaches it.
_ZERO = 1e-300


def of_product(left: Array, right: Array) -> Array:
    """Return the singular values of B·A, largest first, from the triangular factors of B and of Aᵀ.

    With B = Q_B R_B and Aᵀ = Q_A R_A, B·A = Q_B (R_B R_Aᵀ) Q_Aᵀ has the singular values of the r × r core.

    Args:
        left: R of B, [·, r].
        right: R of Aᵀ, [·, r].

    Returns:
        min of the two row counts values, in descending order.
    """
    core = left @ right.T
    if not core.size or not core.any():
        return np.zeros(min(core.shape))
    return _singular_values(core)


def of_kronecker(first: Array, second: Array) -> Array:
    """Return the singular values of a Kronecker product: all products of the two sets, largest first."""
    values: Array = np.sort(np.outer(first, second), axis=None)[::-1]
    return values


def face_splitting(first: Array, second: Array) -> Array:
    """Return the row-wise Kronecker product of [n, p] and [n, q]: [n, p·q].

    The Hadamard product of two low-rank matrices is low-rank: (A₁B₁) ⊙ (A₂B₂) = (A₁ • A₂)(B₁ᵀ • B₂ᵀ)ᵀ with • the
    face-splitting product (Khatri and Rao 1968), so LoHa has exact factors of rank r².
    """
    rows = first.shape[0]
    return (first[:, :, None] * second[:, None, :]).reshape(rows, -1)


def of_dense(matrix: Array) -> Array:
    """Return the singular values of a dense matrix, from the triangle of its short side."""
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    if not tall.size:
        return np.zeros(0)
    return _singular_values(triangle(tall) if tall.shape[0] > tall.shape[1] else tall)


def _singular_values(core: Array) -> Array:
    return cast("Array", np.linalg.svd(core, compute_uv=False))


class SpectrumMeasures(NamedTuple):
    """What derives from a spectrum. Definitions at :func:`measures`."""

    effective_rank: int
    effective_rank_10: int
    entropy_rank: float
    stable_rank: float
    energy_rank_90: int
    energy_rank_95: int
    energy_rank_99: int
    frobenius_norm: float
    spectral_norm: float


def measures(sigma: Array) -> SpectrumMeasures:
    """Measure a spectrum given largest first. All measures of a zero spectrum are 0.

    * effective rank: #{σᵢ > 0.01 σ₁}, the 1% rule, a convention of practitioners; ``_10``: with 10%.
    * entropy rank: exp(−Σ p ln p) with p = σᵢ/Σσ (Roy and Vetterli 2007, "The effective rank").
    * stable rank: ‖·‖_F²/σ₁² (Rudelson and Vershynin 2007).
    * energy rank at τ: the least k with Σ_{i≤k} σᵢ² ≥ τ Σ σᵢ².
    """
    top = float(sigma[0]) if sigma.size else 0.0
    if top <= _ZERO:
        return SpectrumMeasures(0, 0, 0.0, 0.0, 0, 0, 0, 0.0, 0.0)
    shares = sigma / top
    energy = np.square(shares)
    cumulative = np.cumsum(energy)
    total = float(cumulative[-1])
    weights = shares[shares > 0]
    weights = weights / weights.sum()

    def energy_rank(tau: float) -> int:
        # searchsorted's "left" finds the first index whose sum is at least the target.
        return int(np.searchsorted(cumulative, tau * total * (1 - 1e-12))) + 1

    return SpectrumMeasures(
        effective_rank=int(np.count_nonzero(shares > 0.01)),
        effective_rank_10=int(np.count_nonzero(shares > 0.1)),
        entropy_rank=float(np.exp(-np.sum(weights * np.log(weights)))),
        stable_rank=total,
        energy_rank_90=energy_rank(0.90),
        energy_rank_95=energy_rank(0.95),
        energy_rank_99=energy_rank(0.99),
        frobenius_norm=top * float(np.sqrt(total)),
        spectral_norm=top,
    )
