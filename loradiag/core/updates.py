"""What an adapter's parts are by themselves: spectra, scales and norms of updates, and vectors that are no update.

Part of the wire format, as :mod:`loradiag.core.measurements`.
"""

from __future__ import annotations

from loradiag.core.measure import Measure


class ModuleSpectrum(Measure, kw_only=True, frozen=True):
    """The singular values of one module's update ΔW = scale · B · A and what derives from them.

    ``rank`` bounds the rank of the update: r for LoRA, the number of singular values for LoHa (up to r²) and LoKr.
    ``sigma`` holds at most the 512 leading values, largest first; every derived measure uses all of them.
    """

    name: str
    role: str
    stack: str
    layer: int | None
    method: str
    rank: int
    d_out: int | None
    d_in: int | None
    scale: float | None
    scale_source: str
    sigma: list[float]
    effective_rank: int | None
    effective_rank_10: int | None
    entropy_rank: float | None
    stable_rank: float | None
    energy_rank_90: int | None
    energy_rank_95: int | None
    energy_rank_99: int | None
    frobenius_norm: float | None
    spectral_norm: float | None


class Spectrum(Measure, kw_only=True, frozen=True):
    """Spectra of all modules that have one."""

    modules: list[ModuleSpectrum]


class ModuleScale(Measure, kw_only=True, frozen=True):
    """How one module's update is scaled, and how large its factors and its update are.

    ``update_rms`` is ‖ΔW‖_F / √(d_out · d_in): the root mean square of the entries of the update.
    ``norm_ratio`` is ‖ΔW‖_F over its median among modules of the same stack, role and shape, ``norm_z`` the robust
    z-score (median and MAD) of its logarithm among them.
    ``factor_ratio`` is ‖B‖_F / ‖A‖_F after division by the square roots of their numbers of entries.
    """

    name: str
    role: str
    layer: int | None
    rank: int
    alpha: float | None
    scale: float | None
    scale_source: str
    norm_a: float | None
    norm_b: float | None
    factor_ratio: float | None
    update_rms: float | None
    norm_ratio: float | None
    norm_z: float | None


class Scale(Measure, kw_only=True, frozen=True):
    """Scales and norms. ``convention`` is the formula in force: ``alpha/r``, ``alpha/sqrt(r)`` or ``stored``."""

    convention: str
    modules: list[ModuleScale]


class VectorModule(Measure, kw_only=True, frozen=True):
    """An adapter part that is no low-rank update: an IA³ vector or a prompt.

    ``deviation`` is the root mean square distance from the value that does nothing (1 for IA³, 0 for prompts).
    ``effective_rank`` (1% rule) and ``entropy_rank`` are of a prompt's matrix of virtual tokens.
    """

    name: str
    role: str
    layer: int | None
    method: str
    shape: list[int]
    mean: float | None
    minimum: float | None
    maximum: float | None
    deviation: float | None
    effective_rank: int | None = None
    entropy_rank: float | None = None


class Vectors(Measure, kw_only=True, frozen=True):
    """IA³ vectors and prompts."""

    modules: list[VectorModule]
