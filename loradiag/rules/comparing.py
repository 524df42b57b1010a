"""LD516 to LD521: adapters beside each other, and what they are to one another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from loradiag.core.comparing import ComparedAdapter, ComparedPair, Comparison
from loradiag.core.findings import Confidence, Severity
from loradiag.core.relations import NEAR, RELATED, SAME
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import listed, printable, shorten
from loradiag.rules.common import of_all

_SUBSPACES = "Hu et al. 2021 (arXiv 2106.09685), §7.2"
_MEASURED = (
    "measured on 146 pairs of fixtures and of a second family on another base, and on 17 pairs of public adapters"
)


_STORED = "‖Sₐ − S_b‖ / the larger of the two norms, of every layer and bias that both store whole"


def pairs(evidence: Evidence) -> Iterator[tuple[ComparedPair, str, str, Comparison]]:
    """Every pair with the names of its two adapters, safe to show."""
    found = evidence.measurements.comparison
    if found is not None:
        for pair in found.pairs:
            yield pair, _name_of(found, pair.a), _name_of(found, pair.b), found


def _name_of(found: Comparison, place: int) -> str:
    """An adapter's name, safe to show."""
    return shorten(printable(found.adapters[place].label), 60)


def about(one: str, other: str) -> str:
    """Two names, as findings about a pair begin."""
    return f"{one} and {other}"


def _stored_too(pair: ComparedPair, most: float) -> str:
    """What they store whole, where both do."""
    if pair.stored_distance is None:
        return ""
    return f"; what both store whole by {pair.stored_distance:.2%} (at most {most:.2%})"


@rule(
    SAME,
    "same-update",
    Severity.WARNING,
    source="‖Δₐ − Δ_b‖_F from the factors; rounding factors to BF16 changes their product by about 0.2%",
    advice="Keep one of them, or find out why a training run gave what was there before.",
    thresholds=[
        Threshold("most_distance", 0.005, "‖Δₐ − Δ_b‖ / the larger of the two norms", "twice what BF16 rounds off"),
        Threshold("most_stored", 0.0035, _STORED, "twice what BF16 rounds off a weight"),
    ],
)
def same_update(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Two adapters are one: the same update but for rounding, whatever their files, ranks or names are.

    ## Why it matters
    A copy that is served as a new version is no new version; a training run that gives what was there before did nothing. Files
    need not be equal: another precision, order, layout or factorisation of one update is the same update.

    ## How sure
    Every module is compared, and both have the same ones. Layers that are stored whole and biases are compared value by value,
    and both have to store the same; in reports before schema 1.8 they are not compared.

    ## What to do
    Keep one. If the second was to be another: look at the paths of the run, and at what was loaded to begin it.
    """
    for pair, one, other, _ in pairs(evidence):
        if pair.relation == "same":
            how = "the same file, byte for byte" if pair.same_file else f"apart by {pair.distance or 0.0:.2%}"
            how += _stored_too(pair, limits["most_stored"])
            yield Match(
                f"{about(one, other)} are the same update: {how}",
                observed=pair.distance,
                threshold=limits["most_distance"],
                about=about(one, other),
            )


@rule(
    NEAR,
    "near-duplicate",
    Severity.INFO,
    source=f"‖Δₐ − Δ_b‖_F from the factors; {_MEASURED}",
    advice="Serve one of them, unless the difference was measured to matter.",
    thresholds=[
        Threshold(
            "most_distance",
            0.25,
            "‖Δₐ − Δ_b‖ / the larger of the two norms",
            "late checkpoints of one run lie 0.02 to 0.22 apart, two seeds of one recipe 0.9 and more",
        ),
        Threshold("most_stored", 0.3, _STORED, "late checkpoints of a public run lie up to 0.25 apart, in a bias"),
    ],
)
def near_duplicate(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Two adapters are almost one, as late checkpoints of one run are: in their updates, and in what they store whole.

    ## Why it matters
    Each that is served takes memory and attention; a difference that small is rarely one that users see.

    ## What to do
    Compare what they score. Where that is the same, keep the one that forgot less.
    """
    for pair, one, other, _ in pairs(evidence):
        if pair.relation == "near-duplicate":
            yield Match(
                f"{about(one, other)} are {pair.distance or 0.0:.0%} apart (cosine {pair.cosine or 0.0:.3f})"
                + _stored_too(pair, limits["most_stored"]),
                observed=pair.distance,
                threshold=limits["most_distance"],
                about=about(one, other),
            )


@rule(
    RELATED,
    "related-adapters",
    Severity.INFO,
    confidence=Confidence.MEDIUM,
    source=f"overlap of what updates read, {_SUBSPACES}; {_MEASURED}",
    advice="Nothing, where it is known; else ask who trained them, from what, and on which data.",
    thresholds=[
        Threshold(
            "least_start",
            0.35,
            "Overlap of what both read, beyond chance",
            "0.43 and more where A began from the same numbers, 0.23 and less where not",
        ),
        Threshold(
            "least_cosine",
            0.06,
            "Cosine of the two updates",
            "0.069 and more where both learned one domain at ordinary rates, 0.054 and less where they learned different ones",
        ),
    ],
)
def related_adapters(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Two adapters have more in common than strangers on one base: their start, or what they learned.

    ## Why it matters
    LoRA's A begins at random and moves little, so what two updates *read* overlaps far beyond chance only if they began from
    the same numbers: they are checkpoints of one run, or runs of one seed. Where they began apart and still point the same
    way, they learned alike, as two seeds of one recipe do. Either may be news to those who were told that they are
    independent.

    ## How sure
    Told apart on all pairs that were measured. Overlap beyond chance says nothing where the rank is near the width of a weight,
    and starts that are taken from the base (PiSSA and its kin) overlap in every run.

    ## What to do
    Nothing where it is known. An ensemble or an evaluation that counts on independence needs another seed.
    """
    for pair, one, other, _ in pairs(evidence):
        if pair.relation == "one-start":
            yield Match(
                f"{about(one, other)} began from the same numbers: what they read overlaps by {pair.right_excess or 0.0:.0%} "
                f"beyond chance; cosine {pair.cosine or 0.0:+.2f}",
                observed=pair.right_excess,
                threshold=limits["least_start"],
                about=about(one, other),
            )
        elif pair.relation == "alike":
            yield Match(
                f"{about(one, other)} learned alike from different starts: cosine {pair.cosine or 0.0:+.2f}",
                observed=pair.cosine,
                threshold=limits["least_cosine"],
                about=about(one, other),
            )


@rule(
    "LD518",
    "bases-differ",
    Severity.WARNING,
    source="the configurations, and the shapes of the updates",
    advice="Compare and merge only adapters of one base.",
)
def bases_differ(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Two adapters say that they were trained on different bases, or their updates have different shapes.

    ## Why it matters
    Directions are told in the base's own coordinates: between two bases neither overlap nor cosine means anything, and an
    update merged into another base than its own is noise.

    ## How sure
    Certain where shapes differ. Names are what configurations say; a local path and a name on the hub may be one base.
    ``loradiag inspect --base`` looks at the weights.

    ## What to do
    Name adapters of one base. Where both names mean one: stamp them (``loradiag stamp``).
    """
    for pair, one, other, found in pairs(evidence):
        a, b = (found.adapters[place] for place in (pair.a, pair.b))
        if pair.misshapen:
            yield Match(
                f"{about(one, other)}: {of_all(len(pair.misshapen), pair.compared + len(pair.misshapen))} in common have "
                "different shapes, so that these are no adapters of one base",
                modules=pair.misshapen,
                about=about(one, other),
            )
        elif a.base and b.base and _last(a) != _last(b):
            names = f"{shorten(printable(a.base), 80)} and {shorten(printable(b.base), 80)}"
            yield Match(f"{about(one, other)}: {names}", confidence=Confidence.MEDIUM, about=about(one, other))


def _last(adapter: ComparedAdapter) -> str:
    """The last part of a base's name: a local copy keeps it."""
    return (adapter.base or "").rstrip("/").rpartition("/")[2].lower()


@rule(
    "LD519",
    "nothing-in-common",
    Severity.WARNING,
    source="the modules' names",
    advice="Name adapters that change the same weights.",
    undecided=True,
)
def nothing_in_common(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Two adapters have no module in common that could be compared.

    ## Why it matters
    Nothing can be said of them: that they do not collide is true, and worth little where the same weights have other names.

    ## What to do
    See that both are of one base, and that their names are (``loradiag inspect`` shows them). Vectors (IA³), prompts and
    Kronecker products (LoKr) have no thin factors and are not compared.
    """
    for pair, one, other, found in pairs(evidence):
        if not pair.compared and not pair.misshapen:
            reasons = dict.fromkeys(
                row.reason for place in (pair.a, pair.b) for row in found.adapters[place].uncompared
            )
            why = f" ({listed([printable(reason) for reason in reasons], 2)})" if reasons else ""
            yield Match(
                f"{about(one, other)} have no module in common that has directions{why}", about=about(one, other)
            )


@rule(
    "LD520",
    "compared-in-part",
    Severity.INFO,
    source="the modules of both",
    advice="Mind that what is said of two adapters is said of the modules that were compared.",
)
def compared_in_part(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Some modules of an adapter could not be compared, or its factors hold a part of the base.

    ## Why it matters
    A cosine over some of the modules is not one over all. And where B·A as stored is not what training changed (PiSSA, OLoRA
    and their kin before conversion), all that is said of it is said of the base as well.

    ## What to do
    Convert such adapters with PEFT (``save_pretrained(path_initial_model_for_weight_conversion=…)``) and compare again.
    """
    found = evidence.measurements.comparison
    for adapter in found.adapters if found else ():
        name = shorten(printable(adapter.label), 60)
        if adapter.holds_part_of_base:
            yield Match(
                f"{name}: its factors hold a part of the base, as they began with it",
                severity=Severity.WARNING,
                about=f"{name} base",
            )
        if adapter.uncompared:
            reasons = listed(
                [printable(reason) for reason in dict.fromkeys(row.reason for row in adapter.uncompared)], 3
            )
            total = adapter.modules + len(adapter.uncompared)
            yield Match(
                f"{name}: {of_all(len(adapter.uncompared), total)} not compared: {reasons}",
                modules=[row.name for row in adapter.uncompared],
                about=name,
            )
