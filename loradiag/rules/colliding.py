"""LD615 to LD617: what would collide if two adapters were merged, or served from one base."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.rules.comparing import about, pairs


@rule(
    "LD615",
    "updates-interfere",
    Severity.INFO,
    confidence=Confidence.MEDIUM,
    source="blocks of the singular task interference, Gargiulo et al. 2024 (arXiv 2412.00081), in the Frobenius norm; "
    "benchmarks/interference.py",
    advice="To merge them, average instead of adding, or use a method that takes shared directions apart (TIES, TSV).",
    thresholds=[
        Threshold(
            "most_interference",
            0.25,
            "Share of the two updates that falls into each other's directions",
            "strangers of one base have 0.01 to 0.21, two that learned one domain 0.37 and more (0.13 where α/r differs by 16)",
        )
    ],
)
def updates_interfere(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Two adapters write and read in the same directions, so that added together neither does what it did alone.

    ## Why it matters
    Where both move the same directions, a sum doubles what they have in common (cosine above zero) or cancels it (below).
    Served one at a time from one base they do not meet at all.

    ## How sure
    Pairs of one domain that meet by 37% or more, on two families: added in full, each lost 6 to 68% of what it gained on its
    domain; half of each lost 6% at most. That directions hardly meet is no promise of the contrary: strangers that met by 6
    to 9% lost 27 to 47% of their gains when added, and 8 to 32% by halves, and one that had made the base forget destroyed
    whatever was added to it.

    ## What to do
    Average rather than add where two are alike; merge strangers by a method made for it; then measure what is left with
    ``loradiag merge-drift`` and ``loradiag forgetting``.
    """
    for pair, one, other, _ in pairs(evidence):
        clash = pair.interference is not None and pair.interference >= limits["most_interference"]
        if clash and pair.relation not in ("same", "near-duplicate"):
            worst = sorted(pair.modules, key=lambda row: -row.interference)[:5]
            cosine = pair.cosine or 0.0
            sign = "adds up" if cosine > 0.1 else "cancels" if cosine < -0.1 else "mixes"
            yield Match(
                f"{about(one, other)}: {pair.interference:.0%} of the two meets in the same directions and {sign} "
                f"(cosine {cosine:+.2f})",
                modules=[row.name for row in worst if row.interference >= limits["most_interference"]],
                observed=pair.interference,
                threshold=limits["most_interference"],
                about=about(one, other),
            )


@rule(
    "LD616",
    "signs-conflict",
    Severity.INFO,
    confidence=Confidence.MEDIUM,
    source="TIES, Yadav et al. 2023 (arXiv 2306.01708): signs of the largest fifth of the entries",
    advice="Elect signs before adding (TIES), or merge with smaller weights.",
    thresholds=[
        Threshold(
            "most_conflict", 0.55, "Share of opposite signs among entries that are large in both", "half is chance"
        )
    ],
)
def signs_conflict(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Of the entries that are large in both updates, more than half have opposite signs: they pull against each other.

    ## Why it matters
    A sum cancels them. Strangers have half of their signs opposed, by chance; those that learned alike fewer.

    ## How sure
    Counted on a sample of each module's entries, the same for every pair.

    ## What to do
    TIES elects a sign for each entry before it adds.
    """
    for pair, one, other, _ in pairs(evidence):
        if pair.sign_conflict is not None and pair.sign_conflict > limits["most_conflict"]:
            yield Match(
                f"{about(one, other)}: {pair.sign_conflict:.0%} of the entries that are large in both have opposite signs",
                observed=pair.sign_conflict,
                threshold=limits["most_conflict"],
                about=about(one, other),
            )


@rule(
    "LD617",
    "whole-layers-collide",
    Severity.WARNING,
    source="layers that the files hold in full",
    advice="Decide whose layer is kept before merging; serve them from separate processes.",
)
def whole_layers_collide(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Several adapters each bring their own copy of the same layer.

    ## Why it matters
    Updates can be added; two copies of a head or of an embedding cannot: merging keeps one of them, and what the other learned
    for it is lost. Servers of many adapters over one base (vLLM, SGLang) do not take whole layers at all.

    ## What to do
    Train heads and embeddings as LoRA modules where adapters are to share a base. To merge: choose whose layer stays, or
    average the two and measure.
    """
    found = evidence.measurements.comparison
    for first, second in combinations(found.adapters if found else (), 2):
        both = sorted({*first.stored_whole} & {*second.stored_whole})
        if both and first.sha256 != second.sha256:
            one, other = (shorten(printable(row.label), 60) for row in (first, second))
            shown = listed([shorten(printable(name), 60) for name in both], 3)
            yield Match(
                f"{about(one, other)} both hold {plural(len(both), 'layer')} in full: {shown}",
                modules=both,
                about=about(one, other),
            )
