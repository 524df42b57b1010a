"""LD208, LD307, LD308: what the updates are beside the weights of the base that they change."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.beside import IntruderModule
from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import plural
from loradiag.rules.common import median, names, of_all, relative_rows, where

_RISK = (
    "measured on 28 adapters of two small bases (15.7M and 0.5M parameters), loss on general text before and after: the "
    "median ‖ΔW‖_F/‖W‖_F has a rank correlation of 0.72 with it over the 10 of the one base, of 0.68 over the 18 of the other"
)
_SWALLOWED = (
    "measured on Gaussian BF16 weights: a share of 0.50 goes with a delta gain of 0.93, 0.62 with 0.82, 0.78 with 0.55"
)
_INTRUDERS = (
    "measured on 28 adapters of two small bases: a mean of 0 to 1.8 of 10 in those trained by an ordinary recipe, 2.6 to 9.6 "
    "in those that were over-scaled, forgot most or diverged; rank correlation with the loss on general text 0.83"
)


@rule(
    "LD208",
    "intruder-dimensions",
    Severity.INFO,
    source=f"Shuttleworth et al. 2024 (arXiv 2410.21228); {_INTRUDERS}",
    advice="Measure what the base forgot before shipping; a lower learning rate or α, or data mixed in, leaves fewer.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold(
            "warn_mean", 2.5, "mean number among the k leading directions from which this is a warning", _INTRUDERS
        )
    ],
)
def intruder_dimensions(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Merged weights have leading directions that the base has nothing like.

    ## Why it matters
    Full fine-tuning turns and stretches the singular directions that a weight has. LoRA can add new ones of its own, with
    singular values among the largest. Models with many of them forget more of what they were trained on before, and do
    worse when they are trained on.

    ## How sure
    A direction counts if its cosine with every left singular vector of the base's weight is below ε. Bounds on all that was
    not computed certify most answers; how many are not certified is said. Vectors and prompts are not counted.

    ## What to do
    An ordinary adapter has a few. Where most of the leading directions are new, measure forgetting before shipping.
    """
    rows = [row for row in _counted(evidence) if row.count is not None]
    total = sum(row.count or 0 for row in rows)
    if not total:
        return
    hit = [row for row in rows if row.count]
    mean = total / len(rows)
    unsure = sum(not row.certified for row in rows)
    yield Match(
        f"{plural(total, 'direction')} among the first {max(row.k for row in rows)} of {of_all(len(hit), len(rows))} "
        f"match nothing in the base (cosine below {rows[0].epsilon:g}; mean {mean:.1f} a module)"
        + (f"; {of_all(unsure, len(rows))} not certified" if unsure else ""),
        modules=names(hit),
        observed=mean,
        threshold=limits["warn_mean"],
        severity=Severity.WARNING if mean >= limits["warn_mean"] else None,
    )


def _counted(evidence: Evidence) -> list[IntruderModule]:
    intruders, spectrum = evidence.measurements.intruders, evidence.measurements.spectrum
    updates = {row.name for row in spectrum.modules} if spectrum else set()
    return [row for row in intruders.modules if row.name in updates] if intruders else []


@rule(
    "LD307",
    "forgetting-risk",
    Severity.INFO,
    source=_RISK,
    advice="This is a risk read off sizes, not a measurement: evaluate the base with and without the adapter.",
    confidence=Confidence.LOW,
    thresholds=[
        Threshold("moderate", 0.03, "median ‖ΔW‖_F/‖W‖_F from which the risk is called moderate", _RISK),
        Threshold("high", 0.35, "median ‖ΔW‖_F/‖W‖_F from which the risk is called high", _RISK),
    ],
)
def forgetting_risk(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The updates are of a size at which bases have forgotten some of what they knew.

    ## Why it matters
    Of what can be read off an adapter and its base, the relative size of the updates goes with forgetting; so does the
    number of intruder dimensions (LD208). Neither is the thing itself.

    ## How sure
    Not very. On the base of 15.7M parameters, medians up to 0.02 went with a rise of the loss on general text by 0.01, 0.13
    to 0.20 with 0.4 to 1.1, 0.54 with 1.6, 1.5 with 5.0. But on the base of 0.5M parameters, adapters with 0.27 to 0.39
    whose training data held general text too forgot nothing (up to 0.03), and one with 0.37 whose data held none lost 2.4.
    What was trained on matters more than the size, and is not in the file. For bases of billions of parameters there are no
    measurements here; the LoRA paper (arXiv 2106.09685, table 7) gives 0.06 to 0.11 for GPT-3.

    ## What to do
    Measure. If it did forget: mix general data in, lower α or the learning rate, or scale the adapter down.
    """
    middle = median(row.relative_frobenius for row in relative_rows(evidence))
    if middle is None or middle < limits["moderate"]:
        return
    level = "high" if middle >= limits["high"] else "moderate"
    yield Match(
        f"{level} risk that the base forgot: the median ‖ΔW‖/‖W‖ is {middle:.2g} (rank correlation with forgetting 0.68 and "
        "0.72 over 28 adapters of two small bases; a risk, not a measurement)",
        observed=middle,
        threshold=limits["moderate"],
    )


@rule(
    "LD308",
    "swallowed-updates",
    Severity.WARNING,
    source=_SWALLOWED,
    advice="Serve it unmerged, or merge into FP32 or FP16 weights; a larger α does not help what was trained with this one.",
    thresholds=[
        Threshold(
            "max_share", 0.55, "share of the changed entries, of all modules or of one, that may be lost", _SWALLOWED
        )
    ],
)
def swallowed_updates(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Folded into the base and stored in the base's own format, most changed entries come out as they were.

    ## Why it matters
    BF16 keeps eight bits of each number. A change of less than about 1/400 of a weight rounds back to it, so a merge loses a
    small update entry by entry, and what is left is no longer what was trained. An adapter that is served beside its base
    loses nothing.

    ## How sure
    Every entry is counted, exactly. How much of the effect survives also depends on which entries are lost: see the gain in
    the source of the threshold.

    ## What to do
    Do not merge, or merge in a wider format.
    """
    relative = evidence.measurements.relative
    rows = relative_rows(evidence)
    if relative is None or not rows:
        return
    known = [row for row in rows if row.swallowed_share is not None]
    lost = [row for row in known if (row.swallowed_share or 0) >= limits["max_share"]]
    if lost:
        top = max(row.swallowed_share or 0 for row in lost)
        yield Match(
            f"stored in {lost[0].dtype}, {of_all(len(lost), len(known))} would lose up to {top:.0%} of their changed entries: "
            f"{where(lost)}",
            modules=names(lost),
            observed=top,
            threshold=limits["max_share"],
        )
