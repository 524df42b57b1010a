"""An adapter beside its base: what the base is, how large updates are on its weights, whether the two belong together.

Part of the wire format, as :mod:`loradiag.core.measurements`.
"""

from __future__ import annotations

from loradiag.core.measure import Measure


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
