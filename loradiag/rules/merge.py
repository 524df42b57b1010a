"""LD601 to LD614: what folding an adapter into its base, route by route, leaves of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from loradiag.core.findings import Confidence, Severity
from loradiag.core.measurements import BaseFacts
from loradiag.core.merge import PriorRoute, Route, RouteModule
from loradiag.core.rules import EVERY_ROUTE, Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.rules.common import names

_GAIN = (
    "measured on Gaussian weights: at ‖ΔW‖/‖W‖ of 0.1% BF16 keeps a gain of 0.53 and NF4 in place 0.002; an adapter whose "
    "in-place NF4 merge had lost 88% of what it gained on text had a gain below 0.5"
)
_EFFECT = (
    "a fold into NF4 in place with a mean KLD of 0.035, near that of llama.cpp's q4_K_M, had erased 88% of what an adapter "
    "gained: a KLD alone does not tell"
)
_STORAGE = (
    "llama.cpp's scale on Llama-3-8B: mean KLD of BF16 2.5e-5, of Q8_0 1.35e-3, of Q4_K_M 0.031; thresholds are above"
)
_HALF_LARGEST = 65504.0
_FLOOR = Threshold(
    "floor_factor",
    10,
    "times the KLD of an exact fold in FP32 that an adapter's effect must exceed to be one",
    "convention",
)
_TWO_SIGMA = 2.0


def _measured(evidence: Evidence) -> list[Route]:
    merge = evidence.measurements.merge
    return [row for row in merge.routes if row.status != "not-applicable"] if merge else []


def _certain(row: Route | RouteModule) -> float | None:
    """A gain with what rounding noise may have taken from it given back."""
    return None if row.gain is None else row.gain + _TWO_SIGMA * (row.gain_error or 0.0)


@rule(
    "LD601",
    "merge-not-finite",
    Severity.ERROR,
    source="loradiag: a weight that is NaN or infinite makes every output so",
    advice="Choose a route that stores BF16 or FP32, or look at the update: a scale far too large does this.",
)
def merge_not_finite(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A route stores weights, or puts out logits, that are NaN or infinite.

    ## Why it matters
    FP16 ends at 65,504. PEFT's merge without ``safe_merge`` stores what lies beyond as infinite and says nothing.

    ## What to do
    Store BF16, or find the module whose update is that large: ``loradiag inspect`` names it.
    """
    for row in _measured(evidence):
        bad = [module for module in row.modules if module.nonfinite]
        if row.nonfinite or row.nonfinite_logits:
            said = [f"{row.nonfinite:,} weights of {plural(len(bad), 'module')}"] if row.nonfinite else []
            said += [f"{row.nonfinite_logits:,} logits"] if row.nonfinite_logits else []
            total = float(row.nonfinite + row.nonfinite_logits)
            message = f"{row.route}: {' and '.join(said)} are NaN or infinite"
            yield Match(message, modules=names(bad), observed=total, threshold=0.0, route=row.route)


@rule(
    "LD602",
    "update-erased",
    Severity.ERROR,
    source=_GAIN,
    advice="Fold into the 16-bit base instead, or serve the adapter unmerged.",
    thresholds=[Threshold("least_gain", 0.5, "delta gain below which the update counts as erased", _GAIN)],
)
def update_erased(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Storing the merged weights takes most of the update back.

    ## Why it matters
    A dequantized weight lies on a code point. An update smaller than half the way to the next one is rounded back to
    nothing, so that the merged model is the base, and no error says so.

    ## How sure
    The gain ⟨U, ΔW⟩/‖ΔW‖² of what is stored, over all modules together; what rounding noise may have taken is given back
    first (two standard errors).

    ## What to do
    Fold into the 16-bit weights and quantize the sum; or serve the adapter beside its base.
    """
    for row in _measured(evidence):
        gain = _certain(row)
        if gain is not None and row.gain is not None and gain < limits["least_gain"]:
            erased = [module for module in row.modules if _below(module, limits["least_gain"])]
            swallowed = row.swallowed_share
            share = "" if swallowed is None else f"; {swallowed:.0%} of the changed entries are stored unchanged"
            message = f"{row.route}: {_kept(row.gain)} of the update is kept (delta gain {row.gain:.3g}){share}"
            yield Match(
                message, modules=names(erased), observed=row.gain, threshold=limits["least_gain"], route=row.route
            )


def _below(row: RouteModule, least: float) -> bool:
    gain = _certain(row)
    return gain is not None and gain < least


def _kept(gain: float) -> str:
    return f"{gain:.0%}" if gain >= 0.095 else f"{max(gain, 0.0):.1%}"


@rule(
    "LD603",
    "update-weakened",
    Severity.WARNING,
    source=_GAIN,
    advice="Measure the outputs with --prompts; fold into the 16-bit base if they suffer.",
    thresholds=[
        Threshold("least_gain", 0.9, "delta gain over all modules below which this is said", _GAIN),
        Threshold("least_module_gain", 0.5, "delta gain below which a module counts as erased", _GAIN),
    ],
)
def update_weakened(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Storing the merged weights takes a part of the update back, or all of it in some modules.

    ## Why it matters
    Small updates suffer first. Where a few modules with small updates are erased, the rest may carry the adapter, or not:
    weights cannot tell.

    ## What to do
    Look at the outputs: ``--prompts`` measures how much of the adapter's effect is lost.
    """
    erased_below = limits["least_module_gain"]
    for row in _measured(evidence):
        gain = _certain(row)
        if gain is None or row.gain is None or gain < erased_below:
            continue  # LD602 says it
        weak = [module for module in row.modules if _below(module, erased_below)]
        if gain < limits["least_gain"]:
            message = f"{row.route}: {_kept(row.gain)} of the update is kept (delta gain {row.gain:.3g})"
            yield Match(
                message, modules=names(weak), observed=row.gain, threshold=limits["least_gain"], route=row.route
            )
        elif weak:
            least = min(module.gain for module in weak if module.gain is not None)
            message = (
                f"{row.route}: the update of {plural(len(weak), 'module')} is erased (delta gain down to {least:.3g}), "
                f"though over all modules {_kept(row.gain)} is kept"
            )
            yield Match(message, modules=names(weak), observed=least, threshold=erased_below, route=row.route)


@rule(
    "LD604",
    "effect-lost",
    Severity.ERROR,
    source=_EFFECT,
    advice="Choose another route, or serve the adapter unmerged.",
    thresholds=[
        Threshold("most_loss", 0.10, "effect loss from which, surely, too much is lost", _EFFECT),
        _FLOOR,
    ],
)
def effect_lost(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """On the given text the merged model is too far from the adapter, measured by how far the base is.

    ## Why it matters
    ρ = KL(adapter ‖ merged)/KL(adapter ‖ base) puts the harm of a merge in units of what the adapter does at all. A merge
    that looks mild beside any quantized model may have removed a weak adapter altogether.

    ## How sure
    The whole 95% interval, from a bootstrap over sequences, lies above the threshold.

    ## What to do
    Take the route that the report recommends; where there is none, serve unmerged.
    """
    for row in _with_effect(evidence, limits["floor_factor"]):
        low = row.effect_loss_low
        if row.effect_loss is not None and low is not None and low >= limits["most_loss"]:
            message = f"{row.route}: {_lost(row)}{_retained(row)}"
            yield Match(message, observed=row.effect_loss, threshold=limits["most_loss"], route=row.route)


def _with_effect(evidence: Evidence, factor: float) -> Iterator[Route]:
    """Routes whose effect can be told: the adapter does more than arithmetic alone."""
    if not _no_effect(evidence, factor):
        yield from (row for row in _measured(evidence) if row.effect_loss is not None)


def _no_effect(evidence: Evidence, factor: float) -> bool:
    """Whether the adapter's effect is within what an exact fold already shows."""
    merge = evidence.measurements.merge
    outputs = merge.outputs if merge else None
    if outputs is None or outputs.base_kld is None:
        return False
    return outputs.base_kld <= factor * (outputs.floor or 0.0)


def _lost(row: Route) -> str:
    """The effect loss in words: a share of the effect, or how many times the base's distance."""
    loss, low, high = row.effect_loss, row.effect_loss_low, row.effect_loss_high
    assert loss is not None, "told of routes that have one"
    if loss < 1:
        interval = "" if low is None or high is None else f", {low:.2g} to {high:.2g}"
        return f"{loss:.1%} of the adapter's effect on the outputs is lost (ρ = {loss:.3g}{interval})"
    interval = "" if low is None or high is None else f" ({low:.2g} to {high:.2g})"
    return f"the outputs are {loss:.3g} times{interval} as far from the adapter's as those of the base"


def _retained(row: Route) -> str:
    share = row.nll_gain_retained
    return "" if share is None else f"; {_kept(share)} of its gain on the text remains"


@rule(
    "LD605",
    "effect-weakened",
    Severity.WARNING,
    source=_EFFECT,
    advice="Compare with the other routes; more prompts narrow the interval.",
    thresholds=[
        Threshold("most_loss_high", 0.05, "upper bound of the effect loss above which this is said", _EFFECT),
        Threshold("most_loss", 0.10, "effect loss from which LD604 speaks, or LD606 cannot tell", _EFFECT),
        _FLOOR,
    ],
)
def effect_weakened(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """On the given text a noticeable part of the adapter's effect is lost, though less than the gate allows.

    ## Why it matters
    A route may pass and still be the worse of two.

    ## What to do
    Compare ρ of the routes in the report.
    """
    for row in _with_effect(evidence, limits["floor_factor"]):
        high = row.effect_loss_high
        if high is not None and limits["most_loss_high"] <= high < limits["most_loss"]:
            message = f"{row.route}: {_lost(row)}{_retained(row)}"
            yield Match(message, observed=high, threshold=limits["most_loss_high"], route=row.route)


@rule(
    "LD606",
    "effect-undecided",
    Severity.WARNING,
    source=_EFFECT,
    advice="Give more prompts.",
    undecided=True,
    thresholds=[Threshold("most_loss", 0.10, "effect loss that the interval holds", _EFFECT), _FLOOR],
)
def effect_undecided(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Whether too much of the effect is lost cannot be told from this text.

    ## Why it matters
    The 95% interval of ρ holds the threshold; or the adapter changes the outputs on this text no more than rounding does, so
    that there is no effect to lose.

    ## What to do
    Give more prompts, of the kind that the adapter was trained for.
    """
    if _no_effect(evidence, limits["floor_factor"]):
        merge = evidence.measurements.merge
        assert merge is not None
        assert merge.outputs is not None
        yield Match(
            f"on this text the adapter changes the outputs no more than rounding does (mean KLD from the base "
            f"{merge.outputs.base_kld:.2g} nats)",
            observed=merge.outputs.base_kld,
            advice="Give text of the kind that the adapter was trained for.",
            route=EVERY_ROUTE,
        )
    for row in _with_effect(evidence, limits["floor_factor"]):
        low, high = row.effect_loss_low, row.effect_loss_high
        if low is None or high is None or low < limits["most_loss"] <= high:
            message = f"{row.route}: {_lost(row)}; the text cannot tell whether it is {limits['most_loss']:.0%} or more"
            yield Match(message, observed=row.effect_loss, threshold=limits["most_loss"], route=row.route)


@rule(
    "LD607",
    "outputs-differ",
    Severity.WARNING,
    source=_STORAGE,
    advice="Look at the effect loss, which tells whether the adapter suffers or the base was quantized coarsely.",
    thresholds=[
        Threshold("most_16_bit", 5e-4, "mean KLD of storage in 16 bits or more, nats", _STORAGE),
        Threshold("most_8_bit", 5e-3, "mean KLD of storage in 8 bits, nats", _STORAGE),
        Threshold("most_4_bit", 5e-2, "mean KLD of storage in 4 bits, nats", _STORAGE),
    ],
)
def outputs_differ(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Next-token distributions are farther from the adapter's than storage of these bits usually puts them.

    ## Why it matters
    Quantizing costs every model something. More than usual points at outliers in the weights, or at another configuration
    than the adapter was trained in.

    ## What to do
    Try smaller blocks (``--block-size 32``), more bits, or the configuration of training.
    """
    for row in _measured(evidence):
        bits = min(row.bits, _SOURCE_BITS.get(row.source, row.bits))
        most = limits["most_16_bit"] if bits >= 16 else limits["most_8_bit"] if bits >= 8 else limits["most_4_bit"]
        if row.kld_mean is not None and row.kld_mean > most:
            message = f"{row.route}: mean KLD from the adapter is {row.kld_mean:.2g} nats a token{_top(row)}"
            yield Match(message, observed=row.kld_mean, threshold=most, route=row.route)


_SOURCE_BITS = {"nf4": 4.0, "fp4": 4.0, "int8": 8.0}
"""What a route has lost before it stores anything, where it starts from dequantized weights."""


def _top(row: Route) -> str:
    return "" if row.same_top1 is None else f"; the likeliest token is the same for {row.same_top1:.1%}"


@rule(
    "LD608",
    "too-little-text",
    Severity.WARNING,
    source="convention: intervals from a bootstrap over fewer than 20 clusters are too narrow (Cameron, Gelbach & Miller 2008)",
    advice="Give more prompts: 100 and more make narrow intervals.",
    undecided=True,
    thresholds=[
        Threshold("least_sequences", 20, "sequences below which outputs are no evidence", "convention"),
        Threshold("least_tokens", 1000, "predicted tokens below which outputs are no evidence", "convention"),
    ],
)
def too_little_text(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The outputs were measured on too few samples to be evidence.

    ## Why it matters
    One prompt shows that a model runs. Samples differ more from each other than routes do.

    ## What to do
    Give more prompts of the kind that users send.
    """
    merge = evidence.measurements.merge
    outputs = merge.outputs if merge else None
    if outputs is None:
        return
    few = outputs.sequences < limits["least_sequences"]
    if few or outputs.tokens < limits["least_tokens"]:
        message = f"{plural(outputs.sequences, 'sample')} of {outputs.tokens:,} tokens in all are too little evidence"
        observed, threshold = (
            (outputs.sequences, limits["least_sequences"]) if few else (outputs.tokens, limits["least_tokens"])
        )
        yield Match(message, observed=float(observed), threshold=threshold, route=EVERY_ROUTE)


@rule(
    "LD609",
    "activation-overflow",
    Severity.ERROR,
    source="FP16 ends at 65,504 (IEEE 754); transformers#36822: models trained in BF16 overflow in FP16",
    advice="Serve in BF16.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold("most", _HALF_LARGEST, "largest activation that FP16 holds", "IEEE 754 binary16"),
        Threshold("warn_above", _HALF_LARGEST / 4, "largest activation above which this is a warning", "convention"),
    ],
)
def activation_overflow(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """On the given text, modules put out numbers beyond FP16.

    ## Why it matters
    The weights may fit into FP16 and the model still answer NaN: sums over thousands of products grow larger than any
    weight. Only a forward pass shows it.

    ## How sure
    Outputs of all modules were recorded while the model computed in a wider type. What overflows inside of one is not seen.

    ## What to do
    Serve the model in BF16.
    """
    for row in _measured(evidence):
        beyond = [peak for peak in row.peaks if peak.peak > limits["warn_above"]]
        if not beyond:
            continue
        worst = beyond[0].peak
        over = worst > limits["most"]
        message = (
            f"{row.route}: {shorten(printable(beyond[0].module), 80)} puts out {worst:,.0f}, "
            f"{'beyond' if over else 'near'} the {limits['most']:,.0f} that FP16 holds"
        )
        yield Match(
            message,
            modules=[peak.module for peak in beyond],
            observed=worst,
            threshold=limits["most"] if over else limits["warn_above"],
            severity=None if over else Severity.WARNING,
            route=row.route,
        )


@rule(
    "LD610",
    "not-foldable",
    Severity.ERROR,
    source="loradiag",
    advice="Serve the adapter unmerged, or mend what the message names.",
)
def not_foldable(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Parts of the adapter cannot be folded into this base, so no route is the whole adapter.

    ## Why it matters
    A merge that leaves parts out is another model than the one that was trained and evaluated.

    ## What to do
    The message names the parts and why: modules that the base does not have, prompts, a tied embedding, factors that hold
    part of the base.
    """
    merge = evidence.measurements.merge
    if merge is None:
        return
    unmeasured = [row for row in (merge.routes[0].modules if merge.routes else []) if row.reason is not None]
    reasons = {row.name: row.reason for row in merge.refused} | {row.name: row.reason for row in unmeasured}
    if not reasons:
        return
    said = listed(list(dict.fromkeys(printable(reason or "") for reason in reasons.values())), 2)
    few = listed([shorten(printable(name), 60) for name in reasons], 2)
    message = f"{plural(len(reasons), 'part')} cannot be folded ({few}): {said}"
    yield Match(message, modules=list(reasons), observed=float(len(reasons)), threshold=0.0, route=EVERY_ROUTE)


@rule(
    "LD611",
    "outputs-not-measured",
    Severity.INFO,
    source="loradiag: in four bits the delta gain is near 1 whatever becomes of the outputs",
    advice="Give --prompts.",
    undecided=True,
    thresholds=[
        Threshold("least_bits", 16, "bits an entry below which weights alone decide nothing but failure", "loradiag")
    ],
)
def outputs_not_measured(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A route that quantizes the sum, or stores FP16 where the base is wider, was judged by its weights alone.

    ## Why it matters
    A quantizer that is given W + ΔW keeps the update on average, so the gain is near 1; what its own error does to the
    outputs, no measure of the weights tells. Nor whether sums in a forward pass exceed the range of FP16.

    ## What to do
    Give ``--prompts`` with a hundred samples or more.
    """
    merge = evidence.measurements.merge
    if merge is None or merge.outputs is not None:
        return
    base = evidence.measurements.base
    for row in _measured(evidence):
        if row.bits < limits["least_bits"]:
            message = f"{row.route}: weights alone do not tell what {row.storage} does to the outputs"
            yield Match(message, route=row.route)
        elif row.storage == "fp16" and not (base and base.dtype == "F16"):
            message = (
                f"{row.route}: weights alone do not tell whether activations of a {_format(base)} model overflow FP16"
            )
            yield Match(message, route=row.route)


def _format(base: BaseFacts | None) -> str:
    return printable(base.dtype) if base and base.dtype else "wider"


@rule(
    "LD612",
    "merge-regressed",
    Severity.ERROR,
    source="convention: a release should not lose what the last one kept",
    advice="Compare both reports; what changed between the releases: the adapter, its scale, the base, the tools?",
    thresholds=[
        Threshold("gain_drop", 0.05, "fall of the delta gain from which this is said", "convention"),
        Threshold("effect_rise", 0.02, "rise of the effect loss from which this is said", "convention"),
        Threshold("kld_factor", 1.5, "factor by which the mean KLD may grow", "convention"),
    ],
)
def merge_regressed(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A route keeps less of the adapter than it did in the report of the last release.

    ## Why it matters
    A gate on levels lets quality slide to the level.

    ## How sure
    Outputs are compared only if both reports measured them on the same text. A rise of the effect loss counts if the new
    interval lies above the old value.

    ## What to do
    Find what changed. If the change is meant, give the new report as the next ``--baseline``.
    """
    merge = evidence.measurements.merge
    if merge is None or merge.prior is None:
        return
    before = {row.route: row for row in merge.prior.routes}
    for row in _measured(evidence):
        old = before.get(row.route)
        if old is None:
            continue
        said = _weaker(row, old, limits["gain_drop"])
        if said is None and merge.prior.same_prompts:
            said = _farther(row, old, limits["effect_rise"], limits["kld_factor"])
        if said is not None:
            yield Match(f"{row.route}: {said}", route=row.route)


def _weaker(row: Route, old: PriorRoute, drop: float) -> str | None:
    if row.gain is not None and old.gain is not None and old.gain - row.gain > drop:
        return f"the delta gain fell from {old.gain:.3g} to {row.gain:.3g}"
    return None


def _farther(row: Route, old: PriorRoute, rise: float, factor: float) -> str | None:
    loss, low, before = row.effect_loss, row.effect_loss_low, old.effect_loss
    if loss is not None and low is not None and before is not None and loss - before > rise and low > before:
        return f"the effect loss rose from {before:.3g} to {loss:.3g}"
    if row.kld_mean is not None and old.kld_mean and row.kld_mean > old.kld_mean * factor + 1e-6:
        return f"the mean KLD rose from {old.kld_mean:.2g} to {row.kld_mean:.2g} nats"
    return None


@rule(
    "LD613",
    "gain-on-text-lost",
    Severity.WARNING,
    source=_EFFECT,
    advice="Take a route that keeps it; see nll_gain_retained in the report.",
    thresholds=[
        Threshold(
            "least_retained", 0.9, "share of the adapter's gain on the text below which this is said", "convention"
        ),
        Threshold(
            "least_gain", 0.01, "nats a token that the adapter must gain for the share to mean something", "convention"
        ),
    ],
)
def gain_on_text_lost(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The merged model predicts the text worse than the adapter does, by a good part of what the adapter gained.

    ## Why it matters
    Distributions may change in ways that do not matter; a loss of likelihood on the adapter's own kind of text does.

    ## How sure
    The whole 95% interval lies below the threshold, and the adapter gains something on this text.

    ## What to do
    Take another route. If the text is not of the adapter's kind, give one that is.
    """
    merge = evidence.measurements.merge
    outputs = merge.outputs if merge else None
    if outputs is None or outputs.nll_base is None or outputs.nll_reference is None:
        return
    if outputs.nll_base - outputs.nll_reference < limits["least_gain"]:
        return
    for row in _measured(evidence):
        high = row.nll_gain_retained_high
        if row.nll_gain_retained is not None and high is not None and high < limits["least_retained"]:
            message = f"{row.route}: of what the adapter gains on the text, {_kept(row.nll_gain_retained)} remains"
            yield Match(message, observed=row.nll_gain_retained, threshold=limits["least_retained"], route=row.route)


@rule(
    "LD614",
    "training-precision-assumed",
    Severity.INFO,
    source="PEFT's configuration does not record how the base was loaded",
    advice="Say it: --trained-on nf4, bf16, ….",
    confidence=Confidence.MEDIUM,
)
def training_precision_assumed(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The precision of the base during training was not said, and the reference depends on it.

    ## Why it matters
    An adapter trained over an NF4 base has learned to make up for that base's rounding errors. Compared with the 16-bit base
    every route looks different.

    ## What to do
    Name it with ``--trained-on``.
    """
    merge = evidence.measurements.merge
    if merge is None or merge.outputs is None or merge.trained_on_source in ("given", "stored"):
        return
    how = "as its name says" if merge.trained_on_source == "named" else "assumed"
    yield Match(f"the reference is the adapter over a base in {merge.trained_on} ({how})")
