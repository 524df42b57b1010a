"""What analyzers measure. These types are the wire format: their fields are names that readers of reports rely on.

Lengths and norms are in units of the weights themselves. ``None`` stands for "could not be measured"; NaN and
infinity never appear. A list called ``modules`` has one row a module, in the order of the adapter.
"""

from __future__ import annotations

from loradiag.core.canary import Canary
from loradiag.core.comparing import Comparison
from loradiag.core.drift import Drift
from loradiag.core.fleet import Fleet
from loradiag.core.forgetting import Forgetting
from loradiag.core.measure import Measure
from loradiag.core.merge import Merge
from loradiag.core.registered import Registered
from loradiag.core.served import Served
from loradiag.core.trajectory import TrainingLog, Trajectory
from loradiag.core.watching import Watch


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


class BaseFacts(Measure, kw_only=True, frozen=True):
    """The base that the adapter was inspected against.

    ``fingerprint`` identifies its weights by sampled blocks, ``fingerprint_full`` by every byte (None if they were not
    hashed). ``dtype`` is the format that most of its bytes are stored in, ``scheme`` how it is quantized, ``obstacle`` why
    some weights could not be read. ``vocabulary`` is the number of rows of its embedding.
    """

    name: str
    revision: str | None
    model_type: str | None
    files: int
    tensors: int
    parameters: int
    bytes: int
    dtype: str | None
    scheme: str | None
    obstacle: str | None
    tied_embeddings: bool
    vocabulary: int | None
    fingerprint: str
    fingerprint_full: str | None


class Provenance(Measure, kw_only=True, frozen=True):
    """What the stamp beside the adapter says, and whether it still holds. ``problem``: why it could not be read.

    ``weights_match``: the adapter's weights are the stamped ones. ``base_match``: the base given is the stamped one, told
    by ``compared`` (``full`` or ``sampled`` fingerprint); None where no base is given. ``differing`` names the parts of the
    base that differ, out of ``parts``.
    """

    file: str
    problem: str | None
    created: str | None
    owner: str | None
    base_name: str | None
    base_revision: str | None
    base_fingerprint: str | None
    base_fingerprint_full: str | None
    data_sha256: str | None
    hyperparameters: dict[str, str]
    evaluation: dict[str, float]
    notes: str | None
    weights_match: bool | None
    base_match: bool | None
    compared: str | None
    differing: list[str]
    parts: int


class ReachTarget(Measure, kw_only=True, frozen=True):
    """One entry of the configuration's targets: the modules of the base that PEFT resolves it to, and those adapted.

    ``kind`` is ``name``, ``regex``, ``all-linear`` or ``parameter``.
    """

    target: str
    kind: str
    resolved: int
    adapted: int


class Unreached(Measure, kw_only=True, frozen=True):
    """Linear weights of the base that no update reaches, alike but for the numbers in their names.

    ``pattern`` has ``*`` in the place of each number; ``names`` are the full names.
    """

    pattern: str
    role: str
    names: list[str]


class ShapeMismatch(Measure, kw_only=True, frozen=True):
    """A module whose update has another shape than the weight of that name: both as [out, in]."""

    name: str
    adapter: list[int]
    base: list[int]


class VocabularyPart(Measure, kw_only=True, frozen=True):
    """An embedding or a head that the adapter holds or adapts: its rows, and those of the base's."""

    name: str
    rows: int
    base_rows: int | None


class Reach(Measure, kw_only=True, frozen=True):
    """Which weights of the base the adapter reaches, by full names.

    ``linears`` counts the base's linear weights (a stack of experts counts each), ``reached`` those that the adapter
    updates. ``absent`` are adapter modules without a weight of that name in the base; ``skipped`` modules of the base that
    the targets mean and the adapter has no factors for. ``renamed`` says which beginning of the adapter's names was taken
    for which of the base's. ``tied`` names embedding and head modules in play on a base that ties the two.
    """

    targets: list[ReachTarget]
    linears: int
    reached: int
    unreached: list[Unreached]
    absent: list[str]
    mismatched: list[ShapeMismatch]
    skipped: list[str]
    experts: int
    experts_reached: int
    vocabulary: list[VocabularyPart]
    tied: list[str]
    renamed: list[str]


class RelativeModule(Measure, kw_only=True, frozen=True):
    """One update against the weight W that it changes to W′: ‖W′−W‖/‖W‖ in the Frobenius and in the spectral norm.

    W′ is W + ΔW, for DoRA and IA³ the merged weight, for a layer that is stored whole what is stored.
    ``swallowed_share``: of the entries that the update changes, the share that come out unchanged when W′ is rounded to
    ``dtype``, the format of the base. ``reason``: why a field is None.
    """

    name: str
    role: str
    stack: str
    layer: int | None
    weight: str | None
    dtype: str | None
    quantization: str | None
    base_frobenius: float | None
    base_spectral: float | None
    update_frobenius: float | None
    update_spectral: float | None
    relative_frobenius: float | None
    relative_spectral: float | None
    swallowed_share: float | None
    reason: str | None


class Relative(Measure, kw_only=True, frozen=True):
    """Updates relative to the base. ``relative_frobenius`` is of all measured modules together: √(Σ‖W′−W‖²/Σ‖W‖²)."""

    modules: list[RelativeModule]
    relative_frobenius: float | None
    swallowed_share: float | None


class IntruderModule(Measure, kw_only=True, frozen=True):
    """How many of the ``k`` leading left singular vectors of W′ match no left singular vector of W up to ``epsilon``.

    ``matches`` has the best match found for each of the k, largest singular value first. ``certified``: no answer could
    turn out otherwise, by bounds on what was not computed. ``leading``: singular vectors of W that were computed.
    """

    name: str
    role: str
    stack: str
    layer: int | None
    count: int | None
    k: int
    epsilon: float
    certified: bool
    matches: list[float]
    leading: int
    reason: str | None


class Intruders(Measure, kw_only=True, frozen=True):
    """Intruder dimensions (Shuttleworth et al. 2024, arXiv 2410.21228)."""

    modules: list[IntruderModule]


class CopyEvidence(Measure, kw_only=True, frozen=True):
    """A tensor that the adapter stores whole, and its cosine with the base's tensor of that name."""

    name: str
    cosine: float


class Fit(Measure, kw_only=True, frozen=True):
    """How well the adapter fits the base. Evidence, never proof.

    ``names_agree``: the base's name contains, or is, the one in the adapter's configuration (None if either is unknown).
    ``alignment``: the mean share of the updates' energy that lies in the leading singular directions of the base's weights
    on the side that faces the residual stream, over ``alignment_modules``. ``alignment_expected`` and ``alignment_z``
    compare it with the same base under ``permutations`` random relabellings of its hidden units: what a base of the same
    shape from another training run gives. ``alignment_p`` is the share of relabellings that align as well.
    ``magnitude_correlation``: of DoRA magnitudes with the row norms of the base (of logarithms, over all modules).
    """

    names_agree: bool | None
    modules: int
    found: int
    shapes_agree: int
    alignment: float | None
    alignment_expected: float | None
    alignment_z: float | None
    alignment_p: float | None
    alignment_modules: int
    permutations: int
    copies: list[CopyEvidence]
    magnitude_correlation: float | None


class Measurements(Measure, kw_only=True, frozen=True):
    """One key per analyzer that ran."""

    integrity: Integrity | None = None
    spectrum: Spectrum | None = None
    scale: Scale | None = None
    vectors: Vectors | None = None
    coverage: Coverage | None = None
    identity: Identity | None = None
    deployability: Deployability | None = None
    base: BaseFacts | None = None
    provenance: Provenance | None = None
    reach: Reach | None = None
    relative: Relative | None = None
    intruders: Intruders | None = None
    fit: Fit | None = None
    merge: Merge | None = None
    forgetting: Forgetting | None = None
    drift: Drift | None = None
    watch: Watch | None = None
    canary: Canary | None = None
    comparison: Comparison | None = None
    fleet: Fleet | None = None
    training_log: TrainingLog | None = None
    trajectory: Trajectory | None = None
    served: Served | None = None
    registered: Registered | None = None
