"""What analyzers measure. These types are the wire format: their fields are names that readers of reports rely on.

Lengths and norms are in units of the weights themselves. ``None`` stands for "could not be measured"; NaN and
infinity never appear. A list called ``modules`` has one row a module, in the order of the adapter.
"""

from __future__ import annotations

import msgspec


class Measure(msgspec.Struct, kw_only=True, frozen=True):
    """Base of every measurement."""


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


class Problem(Measure, kw_only=True, frozen=True):
    """One thing about one module or tensor that is not as it must be. ``kind`` is a stable word."""

    kind: str
    detail: str
    module: str | None = None
    role: str | None = None
    stack: str | None = None
    layer: int | None = None
    tensor: str | None = None
    observed: float | None = None
    expected: float | None = None


class Unreadable(Measure, kw_only=True, frozen=True):
    """Why nothing could be read. ``kind`` is a stable word: ``missing``, ``lfs-pointer``, ``truncated`` and so on."""

    kind: str
    file: str
    detail: str
    remedy: str


class Integrity(Measure, kw_only=True, frozen=True):
    """Structure and values: every problem found, and the counts that they are to be seen against."""

    modules: int
    tensors: int
    zero_modules: int
    has_config: bool
    config_expected: bool
    problems: list[Problem]
    unreadable: Unreadable | None = None


class Target(Measure, kw_only=True, frozen=True):
    """One entry of the configuration's ``target_modules`` and how many modules of the adapter it accounts for."""

    target: str
    kind: str
    matched: int


class Hole(Measure, kw_only=True, frozen=True):
    """A layer in the middle of a stack that lacks what its neighbours have."""

    stack: str
    layer: int
    roles: list[str]


class StackCoverage(Measure, kw_only=True, frozen=True):
    """The layers and roles that one stack of the network (decoder, encoder, unet, text encoder …) has adapted."""

    stack: str
    first_layer: int | None
    last_layer: int | None
    layers: int
    roles: dict[str, int]


class Coverage(Measure, kw_only=True, frozen=True):
    """What the adapter reaches, as far as the adapter alone can tell."""

    roles: dict[str, int]
    stacks: list[StackCoverage]
    holes: list[Hole]
    targets: list[Target]
    saved_modules: list[str]
    biases: int
    layers_chosen: bool


class Identity(Measure, kw_only=True, frozen=True):
    """Where the adapter says it comes from, and what it is stored as.

    ``base_kind`` is ``hub-id``, ``local-path`` or ``missing``. ``dtypes`` counts bytes by storage format.
    """

    base_name: str | None
    base_kind: str
    revision: str | None
    library_version: str | None
    task_type: str | None
    init: str | None
    weight_format: str
    weight_files: list[str]
    pickle_only: bool
    dtypes: dict[str, int]
    fan_in_fan_out: bool | None
    conv1d_targets: bool


class DeployTarget(Measure, kw_only=True, frozen=True):
    """Whether one tool takes the adapter as it is: ``yes``, ``with-flag``, ``no`` or ``unknown``, and why."""

    target: str
    version: str
    status: str
    reasons: list[str]


class Deployability(Measure, kw_only=True, frozen=True):
    """The deployability table."""

    targets: list[DeployTarget]


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


class Measurements(Measure, kw_only=True, frozen=True):
    """One key per analyzer that ran."""

    integrity: Integrity | None = None
    spectrum: Spectrum | None = None
    scale: Scale | None = None
    vectors: Vectors | None = None
    coverage: Coverage | None = None
    identity: Identity | None = None
    deployability: Deployability | None = None
