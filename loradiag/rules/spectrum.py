"""LD201 to LD204: what the singular values say, held against reference bands."""

from __future__ import annotations

import math
from collections.abc import Iterable

from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.updates import ModuleSpectrum
from loradiag.rules.bands import SOURCE as BANDS
from loradiag.rules.bands import percentile
from loradiag.rules.common import holds_part_of_base, live_spectra, median, median_share, names, of_all


def _judged(evidence: Evidence, least_rank: float) -> list[ModuleSpectrum]:
    """The spectra that say something of the training. Factors that hold part of the base say more of the base."""
    return [] if holds_part_of_base(evidence) else live_spectra(evidence, int(least_rank))


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
        nine_in_ten = sorted(row.energy_rank_99 or 0 for row in rows)[math.ceil(0.9 * len(rows)) - 1]
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
