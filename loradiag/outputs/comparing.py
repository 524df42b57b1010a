"""Adapters beside each other, in words and figures. All text is safe to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loradiag.core.comparing import ComparedAdapter, ComparedModule, ComparedPair, Comparison, Relation
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.advice import Tone
from loradiag.outputs.facts import percent, short_number
from loradiag.outputs.figure import Figure

NONE = "–"

WORDS: dict[Relation, str] = {
    "same": "same update",
    "near-duplicate": "near-duplicate",
    "one-start": "one start",
    "alike": "learned alike",
    "unrelated": "unrelated",
    "not-compared": "not compared",
    "unjudged": "not judged",
}
MEANINGS: dict[Relation, str] = {
    "same": "the same update but for rounding",
    "near-duplicate": "almost the same update, as late checkpoints of one run are",
    "one-start": "began from the same random numbers: checkpoints of one run, or runs of one seed",
    "alike": "learned alike from different starts, as two seeds of one recipe do",
    "unrelated": "no more in common than any two adapters of one base",
    "not-compared": "no module in common that has directions",
    "unjudged": "the policy leaves these rules out",
}
MARKS: dict[Relation, str] = {
    "same": "=",
    "near-duplicate": "≈",
    "one-start": "⊃",
    "alike": "∥",
    "unrelated": "·",
    "not-compared": "?",
    "unjudged": " ",
}
TONES: dict[Relation, Tone] = {
    "same": "inconclusive",
    "near-duplicate": "inconclusive",
    "one-start": "pass",
    "alike": "pass",
    "unrelated": "pass",
    "not-compared": "inconclusive",
    "unjudged": "pass",
}


def signed(value: float | None) -> str:
    """A cosine."""
    return NONE if value is None else f"{value:+.3f}"


def share(value: float | None) -> str:
    """An overlap, or another share between 0 and 1."""
    return NONE if value is None else f"{value:.0%}" if value >= 0.0995 else f"{value:.1%}"


def beside_chance(value: float | None, expected: float | None) -> str:
    """An overlap with what random subspaces have."""
    return NONE if value is None else f"{share(value)} ({share(expected)})"


def apart(value: float | None) -> str:
    """A distance relative to the larger update."""
    if value is None:
        return NONE
    return "0" if value < 1e-6 else f"{value:.2g}"


FIGURES: Sequence[Figure[ComparedPair]] = (
    Figure("cosine", "of the two updates, over all modules", 7, lambda row: row.cosine, lambda row: signed(row.cosine)),
    Figure(
        "interference",
        "share of the two updates that falls into each other's directions, on both sides at once",
        6,
        lambda row: row.interference,
        lambda row: share(row.interference),
    ),
    Figure(
        "writes (chance)",
        "overlap of what they write: 100% where one subspace lies in the other; in brackets what random ones have",
        5,
        lambda row: row.left,
        lambda row: beside_chance(row.left, row.left_expected),
    ),
    Figure(
        "reads (chance)",
        "overlap of what they read, which LoRA draws at random when it begins",
        4,
        lambda row: row.right,
        lambda row: beside_chance(row.right, row.right_expected),
    ),
    Figure(
        "distance",
        "‖Δa − Δb‖ beside the larger of the two; unrelated ones of one size have 1.4",
        3,
        lambda row: row.distance,
        lambda row: apart(row.distance),
    ),
    Figure(
        "opposite signs",
        "among sampled entries that are in the largest fifth of both; half is chance",
        2,
        lambda row: row.sign_conflict,
        lambda row: share(row.sign_conflict),
    ),
    Figure("modules", "compared", 1, lambda row: float(row.compared), lambda row: f"{row.compared:,}"),
)

MEASURES: dict[str, tuple[str, Callable[[ComparedPair | ComparedModule], float | None], Callable[[float | None], str]]]
MEASURES = {
    "cosine": ("cosine", lambda row: row.cosine, signed),
    "interference": ("interference", lambda row: row.interference, share),
    "left": ("overlap of what they write", lambda row: row.left, share),
    "right": ("overlap of what they read", lambda row: row.right, share),
    "distance": ("distance", lambda row: row.distance, apart),
}
"""What heat maps of pairs, and of modules, show: title, value and words."""


def name(adapter: ComparedAdapter, most: int = 40) -> str:
    """What an adapter is called."""
    return shorten(printable(adapter.label), most)


def pair_name(found: Comparison, pair: ComparedPair) -> str:
    """Both names."""
    return f"{name(found.adapters[pair.a])} · {name(found.adapters[pair.b])}"


def told_of(adapter: ComparedAdapter) -> str:
    """Method, rank, size and base of an adapter, in a line."""
    ranks = listed([f"r={shorten(printable(rank), 16)}" for rank in adapter.ranks], 3)
    parts = [
        shorten(printable(adapter.method or "unknown"), 40),
        ranks,
        plural(adapter.modules, "module"),
        f"‖ΔW‖ {short_number(adapter.frobenius_norm)}",
        f"on {shorten(printable(adapter.base), 48)}" if adapter.base else "",
        f"step {adapter.step:,}" if adapter.step is not None else "",
    ]
    return ", ".join(part for part in parts if part)


def most_first(found: Comparison) -> list[ComparedPair]:
    """Pairs, those that interfere most first."""
    return sorted(found.pairs, key=lambda pair: -(pair.interference if pair.interference is not None else -1.0))


def sentence(found: Comparison) -> str:
    """What it comes to, in a sentence or two."""
    if len(found.pairs) == 1:
        return _of_one(found, found.pairs[0])
    counts: dict[Relation, int] = {}
    for pair in found.pairs:
        counts[pair.relation] = counts.get(pair.relation, 0) + 1
    order: list[Relation] = ["same", "near-duplicate", "one-start", "alike", "unrelated", "not-compared", "unjudged"]
    said = [f"{counts[word]:,} {WORDS[word]}" for word in order if word in counts]
    return f"{plural(len(found.pairs), 'pair')} of {plural(len(found.adapters), 'adapter')}: {', '.join(said)}."


def _of_one(found: Comparison, pair: ComparedPair) -> str:
    one, other = (name(found.adapters[place]) for place in (pair.a, pair.b))
    if pair.cosine is None:
        return f"{one} and {other}: {MEANINGS[pair.relation]}."
    verb = "is" if pair.relation in ("same", "near-duplicate") else ""
    head = (
        f"{one} and {other}: {MEANINGS[pair.relation]}."
        if not verb
        else f"{one} and {other} are {MEANINGS[pair.relation]}."
    )
    return f"{head} Added together, {share(pair.interference)} of the two would meet in the same directions."


def statements(found: Comparison) -> list[tuple[str, str]]:
    """Pairs of name and line, an adapter each."""
    return [(f"{place} {name(adapter)}", told_of(adapter)) for place, adapter in enumerate(found.adapters, 1)]


def notes(found: Comparison, pair: ComparedPair) -> list[str]:
    """What else is to be known of two adapters: modules that only one has, other shapes, whole layers."""
    one, other = (name(found.adapters[place]) for place in (pair.a, pair.b))
    said = []
    if pair.only_a:
        said.append(f"{plural(pair.only_a, 'module')} only in {one}")
    if pair.only_b:
        said.append(f"{plural(pair.only_b, 'module')} only in {other}")
    if pair.misshapen:
        said.append(f"{plural(len(pair.misshapen), 'module')} of other shapes")
    if pair.stored_by_both:
        apart = f", {percent(pair.stored_distance)} apart" if pair.stored_distance is not None else ""
        layers = listed([shorten(printable(layer), 40) for layer in pair.stored_by_both], 3)
        said.append(f"both hold in full {layers}{apart}")
    return said


def facts_of(found: Comparison) -> list[tuple[str, str]]:
    """The header of a report that compares."""
    modules = {pair.compared for pair in found.pairs} or {0}
    span = f"{min(modules):,}" if len(modules) == 1 else f"{min(modules):,} to {max(modules):,}"
    return [
        ("adapters", f"{len(found.adapters):,}"),
        ("pairs", f"{len(found.pairs):,}"),
        ("modules compared", span),
    ]


def in_short(reports: Sequence[Report]) -> list[str]:
    """What became of every comparison; nothing where none compares."""
    if all(report.measurements.comparison is None for report in reports):
        return []
    return [sentence(row) if (row := report.measurements.comparison) else "" for report in reports]
