"""What the model answered, recent days beside earlier ones: what each measure is called, and how its figures are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from loradiag.core.drift import Drift, PredictionShift
from loradiag.core.findings import Finding
from loradiag.core.report import Report
from loradiag.core.text import printable, shorten
from loradiag.core.windows import RAISED, SHARES
from loradiag.outputs.arrange import active, gates
from loradiag.outputs.facts import short_number
from loradiag.outputs.figure import Figure
from loradiag.outputs.scores import p_words
from loradiag.outputs.scores import share_words as ratio_words

MARKS: Mapping[str, str] = {"steady": "✓", "moved": "▲", "undecided": "?", "unjudged": "·"}
WORDS: Mapping[str, str] = {
    "steady": "steady",
    "moved": "moved",
    "undecided": "too few days",
    "unjudged": "not judged",
}
TONES: Mapping[str, str] = {
    "steady": "pass",
    "moved": "inconclusive",
    "undecided": "inconclusive",
    "unjudged": "unfinished",
}

_NAMES = {
    "perplexity": "perplexity",
    "prompt_perplexity": "prompt perplexity",
    "entropy": "entropy",
    "response_length": "answer length",
    "response_characters": "answer length",
    "prompt_length": "prompt length",
    "prompt_characters": "prompt length",
    "repetition": "repetition",
    "refusal_like": "refusal-like",
    "truncated": "truncated",
}
_LENGTHS = ("length", "characters")
_PARTS = (*SHARES, "repetition")


class Standing(msgspec.Struct, frozen=True):
    """What became of a measure: a mark, a word, and a tone in the words that routes and verdicts have."""

    mark: str
    word: str
    tone: str


def called(row: PredictionShift) -> str:
    """A measure with its unit, safe to show: ``perplexity of generated tokens``, ``answer length, tokens``."""
    name, of = "perplexity" if row.metric in RAISED else named(row), unit(row)
    if row.metric == "entropy" and row.top is not None:
        return f"{name} of the top {row.top:,}, {of}"
    return f"{name} {of}" if of.startswith("of ") else f"{name}, {of}" if of else name


def named(row: PredictionShift) -> str:
    """A measure's name alone, safe to show."""
    return _NAMES.get(row.metric) or shorten(printable(row.metric), 32)


def unit(row: PredictionShift) -> str:
    """What its values are in, safe to show."""
    return shorten(printable(row.unit), 32)


def is_ratio(row: PredictionShift) -> bool:
    """Whether its change is one of current to reference."""
    return row.metric in RAISED or row.metric.endswith(_LENGTHS)


def is_share(row: PredictionShift) -> bool:
    """Whether its values are shares, so that its change is in percentage points."""
    return row.metric in _PARTS


def standing(report: Report, row: PredictionShift) -> Standing:
    """What became of a measure; one that fails the gate is marked as such."""
    if row.status == "moved" and any(gates(report, finding) for finding in about(report, row)):
        return Standing("✗", WORDS["moved"], "fail")
    return Standing(MARKS[row.status], WORDS[row.status], TONES[row.status])


def about(report: Report, row: PredictionShift) -> list[Finding]:
    """The findings that count and are about one measure alone."""
    found = report.measurements.drift
    names = {other.metric for other in found.predictions} if found else set()
    return [finding for finding in active(report) if finding.modules == [row.metric] and row.metric in names]


def value_words(row: PredictionShift, value: float | None) -> str:
    """A mean of days."""
    if value is None:
        return "–"
    return f"{value:.1%}" if is_share(row) else short_number(value)


def change_words(row: PredictionShift, value: float | None) -> str:
    """A change with its sign: in percent of the reference, in percentage points, or in the measure's unit."""
    if value is None:
        return "–"
    if is_ratio(row):
        return ratio_words(value)
    if is_share(row):
        text = f"{100 * value:+.1f} pp"
        return text if text.strip("+-0. p") else "0.0 pp"
    return f"{value:+.3g}" if value else "0"


def interval_words(row: PredictionShift) -> str:
    """Both ends of the 95% interval."""
    if row.ci_low is None or row.ci_high is None:
        return "–"
    return " to ".join(change_words(row, value).removesuffix(" pp") for value in (row.ci_low, row.ci_high))


def change_said(row: PredictionShift) -> str:
    """``perplexity +12.0%``."""
    return f"{named(row)} {change_words(row, row.change)}"


def moved_words(row: PredictionShift) -> str:
    """``perplexity +12.0% (8.10 → 9.07, 95% interval +6.1% to +18.3%)``."""
    between = f", 95% interval {interval_words(row)}" if row.ci_low is not None else ""
    values = " → ".join(value_words(row, value) for value in (row.reference, row.current))
    return f"{change_said(row)} ({values}{between})"


def figures(found: Drift, *, every: bool = False) -> list[Figure[PredictionShift]]:
    """The columns that this table has; no empty ones.

    Args:
        found: What was measured.
        every: Whether to show also the counts and the p-values before Holm.
    """
    told = [*_FIGURES, *(_BEHIND if every else ())]
    return [figure for figure in told if any(figure.value(row) is not None for row in found.predictions)]


_FIGURES: Sequence[Figure[PredictionShift]] = (
    Figure(
        "before",
        "Mean of the earlier days, each day counted once; of perplexities and lengths the geometric mean.",
        8,
        lambda row: row.reference,
        lambda row: value_words(row, row.reference),
    ),
    Figure("now", "Mean of the recent days.", 9, lambda row: row.current, lambda row: value_words(row, row.current)),
    Figure(
        "change",
        "Of perplexities and lengths in percent of what was before, of shares in percentage points (pp), else in the unit.",
        14,
        lambda row: row.change,
        lambda row: change_words(row, row.change),
    ),
    Figure(
        "95% interval",
        "Where the change lies with 95% confidence, days taken as a whole; none with fewer than three days on a side.",
        12,
        lambda row: row.ci_low,
        interval_words,
    ),
    Figure(
        "p",
        "p-value of no change, by the same t-test over days, after Holm over the measures.",
        7,
        lambda row: row.p_adjusted,
        lambda row: p_words(row.p_adjusted),
    ),
    Figure(
        "p KS",
        "Kolmogorov–Smirnov over requests, after Holm. It takes requests of a day as independent, and alarms too readily.",
        5,
        lambda row: row.ks_adjusted,
        lambda row: p_words(row.ks_adjusted),
    ),
    Figure(
        "δ",
        "Cliff's δ: how much likelier a recent value is the larger than the smaller of two, from −1 to 1.",
        10,
        lambda row: row.effect,
        lambda row: "–" if row.effect is None else f"{row.effect:+.2f}",
    ),
    Figure(
        "days",
        "Recent days, and days before them.",
        3,
        lambda row: row.days,
        lambda row: f"{row.days} / {row.days_reference}",
    ),
)
_BEHIND: Sequence[Figure[PredictionShift]] = (
    Figure(
        "n", "Recent requests, and those before.", 2, lambda row: row.n, lambda row: f"{row.n:,} / {row.n_reference:,}"
    ),
    Figure("p alone", "The p-value over days before Holm.", 1, lambda row: row.p, lambda row: p_words(row.p)),
    Figure(
        "KS",
        "The largest distance between both distributions.",
        1,
        lambda row: row.ks,
        lambda row: "–" if row.ks is None else f"{row.ks:.3f}",
    ),
    Figure(
        "p KS alone", "The p-value over requests before Holm.", 0, lambda row: row.ks_p, lambda row: p_words(row.ks_p)
    ),
)
