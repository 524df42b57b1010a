"""LD601 to LD603, and LD610: what folding an adapter into its base, and storing the sum, leaves of the update."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Severity
from loradiag.core.merge import Route, RouteModule
from loradiag.core.rules import EVERY_ROUTE, Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.rules.common import names

_GAIN = (
    "measured on Gaussian weights: at ‖ΔW‖/‖W‖ of 0.1% BF16 keeps a gain of 0.53 and NF4 in place 0.002; an adapter whose "
    "in-place NF4 merge had lost 88% of what it gained on text had a gain below 0.5"
)
_TWO_SIGMA = 2.0


def measured(evidence: Evidence) -> list[Route]:
    """The routes that apply to the base, with what was measured along them."""
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
    for row in measured(evidence):
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
    for row in measured(evidence):
        gain = _certain(row)
        if gain is not None and row.gain is not None and gain < limits["least_gain"]:
            erased = [module for module in row.modules if _below(module, limits["least_gain"])]
            swallowed = row.swallowed_share
            share = "" if swallowed is None else f"; {swallowed:.0%} of the changed entries are stored unchanged"
            message = f"{row.route}: {kept(row.gain)} of the update is kept (delta gain {row.gain:.3g}){share}"
            yield Match(
                message, modules=names(erased), observed=row.gain, threshold=limits["least_gain"], route=row.route
            )


def _below(row: RouteModule, least: float) -> bool:
    gain = _certain(row)
    return gain is not None and gain < least


def kept(gain: float) -> str:
    """A share that is kept, in percent; a tenth more exactly where little is."""
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
    for row in measured(evidence):
        gain = _certain(row)
        if gain is None or row.gain is None or gain < erased_below:
            continue  # LD602 says it
        weak = [module for module in row.modules if _below(module, erased_below)]
        if gain < limits["least_gain"]:
            message = f"{row.route}: {kept(row.gain)} of the update is kept (delta gain {row.gain:.3g})"
            yield Match(
                message, modules=names(weak), observed=row.gain, threshold=limits["least_gain"], route=row.route
            )
        elif weak:
            least = min(module.gain for module in weak if module.gain is not None)
            message = (
                f"{row.route}: the update of {plural(len(weak), 'module')} is erased (delta gain down to {least:.3g}), "
                f"though over all modules {kept(row.gain)} is kept"
            )
            yield Match(message, modules=names(weak), observed=least, threshold=erased_below, route=row.route)


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
