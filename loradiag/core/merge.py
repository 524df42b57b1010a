"""What folding an adapter into its base does, route by route. Part of the wire format, as :mod:`loradiag.core.measurements`."""

from __future__ import annotations

from typing import Literal

from loradiag.core.measure import Measure

RouteStatus = Literal["pass", "fail", "inconclusive", "not-applicable", "unfinished"]


class RouteModule(Measure, kw_only=True, frozen=True):
    """One module on one route. W is the weight that the route starts from, Δ the exact change, U the change that is stored.

    ``relative``: ‖Δ‖_F/‖W‖_F. ``predicted_gain``: the gain that a Gaussian weight and update of this ``relative`` have.
    ``gain``: ⟨U, Δ⟩/‖Δ‖², with ``gain_error`` the standard error that rounding noise independent of Δ gives it. ``cosine``:
    ⟨U, Δ⟩/(‖U‖‖Δ‖). ``error``: ‖U − Δ‖_F/‖Δ‖_F. ``swallowed_share``: of the entries that Δ changes, those whose stored code
    is the one that the route would give them without the adapter. ``overflowed``: finite entries that became infinite.
    ``flushed``: entries other than zero that became zero, of formats that are floating point. ``nonfinite``: NaN and
    infinite entries as stored.
    """

    name: str
    role: str
    stack: str
    layer: int | None
    relative: float | None = None
    predicted_gain: float | None = None
    gain: float | None = None
    gain_error: float | None = None
    cosine: float | None = None
    error: float | None = None
    swallowed_share: float | None = None
    overflowed: int = 0
    flushed: int = 0
    nonfinite: int = 0
    reason: str | None = None


class RouteRole(Measure, kw_only=True, frozen=True):
    """The modules of one role on one route, taken together as if they were one weight."""

    role: str
    modules: int
    gain: float | None
    cosine: float | None
    swallowed_share: float | None


class Peak(Measure, kw_only=True, frozen=True):
    """The largest activation that a module of the model put out, on any token."""

    module: str
    peak: float


class Route(Measure, kw_only=True, frozen=True):
    """One way to deploy, and what survives it.

    ``storage`` is the format of the linear weights, ``source`` the weights that the update is added to (``original``, or
    dequantized ``nf4``, ``fp4``, ``int8``), ``bits`` what an entry of a linear weight takes. ``gain`` to ``nonfinite`` are
    as in :class:`RouteModule`, over all modules. The rest compares next-token distributions with the reference: ``kld_*``
    is KL(reference ‖ route) per token in nats; ``same_top1`` the share of tokens with the same likeliest next token;
    ``rms_delta_p`` the root mean square difference of the probability of the true token; ``ln_ppl_ratio``
    ln(perplexity of the route/of the reference); ``effect_loss`` ρ = Σ KL(reference ‖ route)/Σ KL(reference ‖ base), with a
    95% bootstrap interval over sequences; ``nll_gain_retained`` the share of what the adapter gained on the text, in nats,
    that the route keeps. ``peaks`` are the largest activations, where the storage is FP16. ``status`` is what the rules
    make of it, ``decided_by`` names those that made it fail, or left it open; ``reason`` says why a route was not measured.
    """

    route: str
    storage: str
    source: str
    bits: float
    summary: str
    gated: bool = False
    status: RouteStatus = "unfinished"
    decided_by: list[str] = []
    reason: str | None = None
    predicted_gain: float | None = None
    gain: float | None = None
    gain_error: float | None = None
    cosine: float | None = None
    error: float | None = None
    swallowed_share: float | None = None
    overflowed: int = 0
    flushed: int = 0
    nonfinite: int = 0
    nonfinite_logits: int = 0
    roles: list[RouteRole] = []
    modules: list[RouteModule] = []
    kld_mean: float | None = None
    kld_median: float | None = None
    kld_p90: float | None = None
    kld_p95: float | None = None
    kld_p99: float | None = None
    kld_p999: float | None = None
    kld_max: float | None = None
    same_top1: float | None = None
    rms_delta_p: float | None = None
    ln_ppl_ratio: float | None = None
    ln_ppl_ratio_low: float | None = None
    ln_ppl_ratio_high: float | None = None
    effect_loss: float | None = None
    effect_loss_low: float | None = None
    effect_loss_high: float | None = None
    nll_gain_retained: float | None = None
    nll_gain_retained_low: float | None = None
    nll_gain_retained_high: float | None = None
    peaks: list[Peak] = []


class Outputs(Measure, kw_only=True, frozen=True):
    """The text that logits were measured on, and the two models that all routes are compared with.

    ``reference`` says how the adapter ran (``peft``: unmerged, by PEFT; ``fold``: added exactly, where PEFT does not read the
    layout). ``base_kld``: mean KL(reference ‖ base) per token, the adapter's whole effect. ``floor``: mean KL(reference ‖
    FP32 fold), what arithmetic alone gives. ``nll_*`` are nats per token on the text.
    """

    prompts: str
    sha256: str
    field: str
    sequences: int
    tokens: int
    truncated: int
    device: str
    compute: str
    reference: str
    base_kld: float | None = None
    base_same_top1: float | None = None
    floor: float | None = None
    nll_base: float | None = None
    nll_reference: float | None = None


class Refused(Measure, kw_only=True, frozen=True):
    """A part of the adapter that cannot be folded, and why."""

    name: str
    reason: str


class PriorRoute(Measure, kw_only=True, frozen=True):
    """What an earlier report said of a route."""

    route: str
    gain: float | None
    kld_mean: float | None
    effect_loss: float | None
    nll_gain_retained: float | None
    status: str


class Prior(Measure, kw_only=True, frozen=True):
    """The report of an earlier release, for rules about regressions."""

    path: str
    created: str
    subject: str
    same_prompts: bool | None
    routes: list[PriorRoute]


class Merge(Measure, kw_only=True, frozen=True):
    """Merge drift: every route, the configuration that the adapter was trained in, and the recommendation.

    ``trained_on`` is the precision of the base during training, ``trained_on_source`` how that is known (``given``,
    ``stored``, ``named``, ``assumed``). ``gate`` names the routes that the user asked for; where there are none, the gate
    is that some route keeps the adapter. ``recommended`` is the cheapest route that passes; None: serve unmerged.
    """

    trained_on: str
    trained_on_source: str
    block_size: int
    double_quantization: bool
    gate: list[str]
    routes: list[Route]
    recommended: str | None = None
    refused: list[Refused] = []
    outputs: Outputs | None = None
    prior: Prior | None = None
