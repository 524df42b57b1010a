"""LD205 to LD207: whether updates are too small to do anything, or as large as the weights that they change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from loradiag.core.beside import RelativeModule
from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.updates import ModuleScale
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
_TRAINED = (
    "measured on 103 adapters trained for it on one small base (benchmarks/validity): of 18 that learned less than a tenth "
    "of their domain the largest median ‖ΔW‖_F/‖W‖_F is 0.0146, of those that learned most of it the smallest 0.13; with "
    "updates of twice the weights or more, the largest share of 20 that came to nothing is 0.56, that of 4 over-scaled ones 1"
)
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
        Threshold("max_relative", 0.015, "the same for the median ‖ΔW‖_F/‖W‖_F, where the base is known", _TRAINED),
    ],
)
def undertrained_update(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The updates are tiny beside the weights of any usual base.

    ## Why it matters
    The entries of a trained base's weights have a root mean square of about 0.01 to 0.1. An update a hundred times
    smaller changes next to nothing, and is lost altogether when it is folded into a quantized base.

    ## How sure
    Without the base the size is judged in absolute terms; an unusual base can make it mean something else. With the base it
    is judged beside the weights. Large bases may need less: the figures are of small ones. A public style, by its name cut
    by SVD out of a fine-tuning, has entries of 6e-5 and is called undertrained here; nobody measured it.

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
        Threshold("max_share", 0.75, "median share of singular values above 10% of the largest", _TRAINED),
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
