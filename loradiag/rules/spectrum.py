"""LD2xx: what the singular values say. Judged with reference bands, and with the size of the update in view."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from loradiag.core.beside import RelativeModule
from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.updates import ModuleScale, ModuleSpectrum
from loradiag.rules.bands import SOURCE as BANDS
from loradiag.rules.bands import percentile
from loradiag.rules.common import (
    holds_part_of_base,
    live_spectra,
    median,
    median_share,
    names,
    of_all,
    relative_rows,
    update_rms,
    where,
)

_SIZES = (
    "measured over 63 adapters, public or trained under known conditions: sound ones lie between 2e-4 and 0.028, "
    "over-scaled and forgetting ones between 0.039 and 0.10, diverged ones at 0.27 and 1.6, hardly begun ones below 1e-4"
)


def _judged(evidence: Evidence, least_rank: float) -> list[ModuleSpectrum]:
    """The spectra that say something of the training. Factors that hold part of the base say more of the base."""
    return [] if holds_part_of_base(evidence) else live_spectra(evidence, int(least_rank))


_RELATIVE = (
    "measured over 40 adapters of two small bases, by the median ‖ΔW‖_F/‖W‖_F: hardly begun ones lie at 0.0098 and 0.011, "
    "sound ones between 0.02 and 0.44, over-scaled and forgetting ones between 0.45 and 1.5, diverged ones at 4.1 and 21"
)


class _Size(NamedTuple):
    """The size of the median update: beside its weight where the base is known, else in absolute terms."""

    value: float
    relative: bool

    def __str__(self) -> str:
        if self.relative:
            return f"is {self.value:.2g} times as large as its weight (‖ΔW‖/‖W‖)"
        return f"has a root mean square entry of {self.value:.2g}"


def _size(evidence: Evidence) -> _Size | None:
    if holds_part_of_base(evidence):
        return None
    relative = [row.relative_frobenius for row in relative_rows(evidence) if row.relative_frobenius]
    value = median(relative) if relative else update_rms(evidence)
    return None if value is None else _Size(value, bool(relative))


@rule(
    "LD201",
    "rank-collapse",
    Severity.WARNING,
    source="practitioners' convention: singular values above 1% of the largest, against r/2",
    advice="Look at the size: tiny means undertrained, huge diverged. Else a smaller rank holds the same: see loradiag resize.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold(
            "min_share",
            0.5,
            "least median share of singular values above 1% of the largest",
            "practitioners' convention",
        ),
        Threshold("least_rank", 4, "modules of a smaller rank are not judged", "two or three values make no share"),
    ],
)
def rank_collapse(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Most of the rank is unused: the median module has fewer than half of its singular values above 1% of the largest.

    ## Why it matters
    The adapter pays for r directions and uses a few. In itself that harms nothing, but it is what a run that stopped
    too early, or blew up, looks like.

    ## How sure
    Healthy adapters rarely come near: 4 of 276 public files, all of one repository, lie below 1/2.

    ## What to do
    Judge it with LD205 (undertrained) and LD206 (diverged). If neither fires, a smaller rank would have done.
    """
    rows = _judged(evidence, limits["least_rank"])
    share = median_share(rows, lambda row: row.effective_rank)
    if share is not None and share < limits["min_share"]:
        rank = median(row.rank for row in rows) or 0
        low = [row for row in rows if (row.effective_rank or 0) < limits["min_share"] * row.rank]
        yield Match(
            f"the median module uses {share:.0%} of its rank (1% rule), {percentile('e1', share, rank)} of public adapters; "
            f"{of_all(len(low), len(rows))} below {limits['min_share']:.0%}",
            modules=names(low),
            observed=share,
            threshold=limits["min_share"],
        )


@rule(
    "LD202",
    "dominant-direction",
    Severity.INFO,
    source=BANDS,
    advice="Common in classifiers with few classes. In a language model, look for a constant prompt or a single answer style.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold(
            "max_energy_share",
            0.974,
            "largest median share of σ₁² in Σσ²",
            f"2% quantile of the stable rank, 1.0267; {BANDS}",
        ),
        Threshold("least_rank", 4, "modules of a smaller rank are not judged", "with rank 1 the share is always 1"),
    ],
)
def dominant_direction(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """One direction holds nearly all of the update.

    ## Why it matters
    The adapter acts like one of rank 1: it pushes everything along a single axis.

    ## What to do
    Compare with the stable rank of the other modules, and with how many different things the data asks for.
    """
    rows = _judged(evidence, limits["least_rank"])
    stable = median(row.stable_rank for row in rows)
    if stable and 1 / stable > limits["max_energy_share"]:
        rank = median(row.rank for row in rows) or 0
        yield Match(
            f"in the median module one direction holds {1 / stable:.1%} of the energy (stable rank {stable:.2f}, "
            f"{percentile('sr_abs', stable, rank)} of public adapters)",
            modules=names(row for row in rows if row.stable_rank and 1 / row.stable_rank > limits["max_energy_share"]),
            observed=1 / stable,
            threshold=limits["max_energy_share"],
        )


@rule(
    "LD203",
    "over-provisioned-rank",
    Severity.INFO,
    source=BANDS,
    advice="Train with the smaller rank, or cut to it: loradiag resize ADAPTER --energy 0.99 --output DIR.",
    thresholds=[
        Threshold(
            "max_share",
            0.5,
            "median energy rank at 99%, over r, at or below which the rank is called too large",
            f"25% quantile; {BANDS}",
        ),
        Threshold("least_rank", 8, "modules of a smaller rank are not judged", "there is little to save"),
    ],
)
def over_provisioned_rank(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Half of the rank, or less, holds 99% of the update's energy.

    ## Why it matters
    The rest costs memory and time in serving, and servers limit the rank.

    ## What to do
    The message names the rank that would hold 99% in nine of ten modules. Check quality after cutting: energy is no
    measure of usefulness.
    """
    rows = _judged(evidence, limits["least_rank"])
    share = median_share(rows, lambda row: row.energy_rank_99)
    if share is not None and share <= limits["max_share"]:
        rank = median(row.rank for row in rows) or 0
        middle = [median(row.energy_rank_90 for row in rows) or 0, median(row.energy_rank_99 for row in rows) or 0]
        nine_in_ten = sorted(row.energy_rank_99 or 0 for row in rows)[int(0.9 * (len(rows) - 1))]
        yield Match(
            f"in the median module {middle[0]:g} of {rank:g} directions hold 90% of the energy and {middle[1]:g} hold 99% "
            f"({percentile('en99', share, rank)} of public adapters); rank {nine_in_ten} would hold 99% in nine of ten",
            modules=names(row for row in rows if (row.energy_rank_99 or 0) <= limits["max_share"] * row.rank),
            observed=share,
            threshold=limits["max_share"],
        )


@rule(
    "LD204",
    "capacity-bound-spectrum",
    Severity.INFO,
    source=BANDS,
    advice="Try a larger rank, or a smaller learning rate if the base's abilities matter: flat spectra went with forgetting.",
    confidence=Confidence.LOW,
    thresholds=[
        Threshold(
            "min_entropy_share",
            0.935,
            "median entropy rank over r from which a spectrum is called flat",
            f"95% quantile; {BANDS}",
        ),
        Threshold("least_rank", 8, "modules of a smaller rank are not judged", "small ranks are often flat"),
    ],
)
def capacity_bound_spectrum(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The spectrum is flat up to the full rank: every direction is used alike, and none is left.

    ## Why it matters
    The update may want a larger rank than it has. Under a high learning rate the same shape means that the update grew in
    all directions: in adapters trained on one base, those that forgot most had flat spectra, not collapsed ones.

    ## What to do
    Compare with a run of twice the rank; measure forgetting.
    """
    rows = _judged(evidence, limits["least_rank"])
    share = median_share(rows, lambda row: row.entropy_rank)
    if share is not None and share >= limits["min_entropy_share"]:
        rank = median(row.rank for row in rows) or 0
        yield Match(
            f"the median module's entropy rank is {share:.0%} of its rank "
            f"({percentile('ent', share, rank)} of public adapters)",
            observed=share,
            threshold=limits["min_entropy_share"],
        )


@rule(
    "LD205",
    "undertrained-update",
    Severity.WARNING,
    source=_SIZES,
    advice="Check the learning rate, the number of steps and the scale; compare the loss at the end with that at the start.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold(
            "max_rms", 1e-4, "median root mean square entry of the updates, below which training hardly began", _SIZES
        ),
        Threshold("max_relative", 0.01, "the same for the median ‖ΔW‖_F/‖W‖_F, where the base is known", _RELATIVE),
    ],
)
def undertrained_update(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The updates are tiny beside the weights of any usual base.

    ## Why it matters
    The entries of a trained base's weights have a root mean square of about 0.01 to 0.1. An update a hundred times
    smaller changes next to nothing, and is lost altogether when it is folded into a quantized base.

    ## How sure
    Without the base the size is judged in absolute terms; an unusual base can make it mean something else. With the base it
    is judged beside the weights. Large bases may need less: the figures are of small ones.

    ## What to do
    A run that took its first steps only, a learning rate far too small, a scale of nearly zero.
    """
    size = _size(evidence)
    if size is None:
        return
    limit = limits["max_relative"] if size.relative else limits["max_rms"]
    if size.value < limit:
        yield Match(f"the median update {size}", observed=size.value, threshold=limit)


@rule(
    "LD206",
    "diverged-update",
    Severity.ERROR,
    source=_SIZES,
    advice="Do not ship it. Take a checkpoint from before the loss rose, or train with a lower learning rate.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold("min_rms", 0.1, "median root mean square entry of the updates", _SIZES),
        Threshold(
            "min_relative", 2.0, "median ‖ΔW‖_F/‖W‖_F, in the place of the first where the base is known", _RELATIVE
        ),
        Threshold("max_share", 0.5, "median share of singular values above 10% of the largest", _SIZES),
    ],
)
def diverged_update(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The updates are larger than the weights of any usual base, and lie in few directions: the run blew up.

    ## Why it matters
    A diverged run leaves finite numbers that load without a warning and ruin the model.

    ## How sure
    A trained base's weights have a root mean square of about 0.01 to 0.1, so an update beyond replaces them. A narrow
    task trained hard gives large updates too, but flat ones (see LD207); divergence concentrates them.

    ## What to do
    Look at the training log.
    """
    size, share = _size(evidence), median_share(live_spectra(evidence, 4), lambda row: row.effective_rank_10)
    if size is None or share is None:
        return
    limit = limits["min_relative"] if size.relative else limits["min_rms"]
    if size.value >= limit and share <= limits["max_share"]:
        yield Match(f"the median update {size}, in {share:.0%} of its directions", observed=size.value, threshold=limit)


@rule(
    "LD207",
    "oversized-update",
    Severity.WARNING,
    source=_SIZES,
    advice="Measure what the base forgot before shipping, or scale the adapter down.",
    confidence=Confidence.MEDIUM,
    thresholds=[
        Threshold(
            "min_rms", 0.03, "median root mean square entry of the updates from which they rival the weights", _SIZES
        ),
        Threshold("module_rms", 0.1, "root mean square entry from which a single module is named", _SIZES),
        Threshold(
            "min_relative", 0.45, "median ‖ΔW‖_F/‖W‖_F, in the place of the first where the base is known", _RELATIVE
        ),
        Threshold("module_relative", 2.0, "‖ΔW‖_F/‖W‖_F of a single module, in the place of the second", _RELATIVE),
    ],
)
def oversized_update(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The updates are about as large as the weights of a usual base.

    ## Why it matters
    Of everything that can be read off an adapter, the size of its update relative to the base went best with what the
    base forgot (rank correlation 0.69 over 26 adapters of one base). A scale of 32 or a learning rate ten times the
    usual one leaves this.

    ## What to do
    Lower α or the learning rate, mix in general data, or scale the adapter down after training. If LD206 fires too, the
    run diverged and nothing of it is worth keeping.
    """
    size = _size(evidence)
    if size is None:
        return
    limit = limits["min_relative"] if size.relative else limits["min_rms"]
    single_limit = limits["module_relative"] if size.relative else limits["module_rms"]
    sizes = _module_sizes(evidence, relative=size.relative)
    single = [(row, value) for row, value in sizes if value >= single_limit]
    rows = [row for row, _ in single]
    if size.value >= limit:
        rival = "" if size.relative else ", as large as the weights of most bases"
        yield Match(f"the median update {size}{rival}", modules=names(rows), observed=size.value, threshold=limit)
    elif single:
        top = max(value for _, value in single)
        rival = (
            "that rival their weights (‖ΔW‖/‖W‖" if size.relative else "as large as the weights of most bases (entries"
        )
        yield Match(
            f"{of_all(len(single), len(sizes))} have updates {rival} up to {top:.2g}): {where(rows)}",
            modules=names(rows),
            observed=top,
            threshold=single_limit,
        )


def _module_sizes(evidence: Evidence, *, relative: bool) -> list[tuple[ModuleScale | RelativeModule, float]]:
    if relative:
        return [(row, row.relative_frobenius or 0.0) for row in relative_rows(evidence)]
    scale = evidence.measurements.scale
    return [(row, row.update_rms or 0.0) for row in scale.modules] if scale else []
