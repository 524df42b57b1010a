"""LD607, LD609 and LD612: a merged model beside what storage usually costs, the range of FP16, and the last release."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Confidence, Severity
from loradiag.core.merge import PriorRoute, Route
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import printable, shorten
from loradiag.rules.merge import measured

_STORAGE = (
    "llama.cpp's scale on Llama-3-8B: mean KLD of BF16 2.5e-5, of Q8_0 1.35e-3, of Q4_K_M 0.031; thresholds are above"
)
_HALF_LARGEST = 65504.0


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
    for row in measured(evidence):
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
    for row in measured(evidence):
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
    for row in measured(evidence):
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
