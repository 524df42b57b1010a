"""The canary in words and figures. All text is safe to show."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.canary import Canary, CanaryMetric, CanaryStatus
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.advice import Advice, Tone
from loradiag.outputs.figure import Figure

MARKS: dict[CanaryStatus, str] = {"worse": "✗", "fine": "✓", "better": "✓", "undecided": "…", "insufficient": "–"}
WORDS: dict[CanaryStatus, str] = {
    "worse": "worse",
    "fine": "no worse",
    "better": "better",
    "undecided": "undecided",
    "insufficient": "too few",
}
TONES: dict[CanaryStatus, Tone] = {
    "worse": "fail",
    "fine": "pass",
    "better": "pass",
    "undecided": "inconclusive",
    "insufficient": "inconclusive",
}
_NAMES = {
    "perplexity": "perplexity of answers",
    "entropy": "entropy of answers",
    "latency": "latency",
    "first_token": "time to the first token",
    "response_length": "length of answers",
    "response_characters": "length of answers",
    "repetition": "repetition",
    "refusal_like": "refusal-like answers",
    "truncated": "truncated answers",
    "failed": "failed requests",
    "prompt_length": "length of prompts",
    "prompt_characters": "length of prompts",
}
SHARES = ("refusal_like", "truncated", "failed")
"""Metrics that are shares of requests."""

NONE = "–"


def named(metric: str) -> str:
    """A metric by its name for people."""
    return _NAMES.get(metric) or shorten(printable(metric), 40)


def change(row: CanaryMetric, value: float | None) -> str:
    """A difference in the unit of its metric."""
    if value is None:
        return NONE
    if row.ratio:
        return f"{value:+.1%}"
    return f"{100 * value:+.1f} points" if row.metric in SHARES else f"{value:+.3g}"


def level(row: CanaryMetric, value: float) -> str:
    """A mean in the unit of its metric."""
    return f"{value:.1%}" if row.metric in SHARES else f"{value:,.4g}"


def interval(row: CanaryMetric) -> str:
    """The interval of the difference."""
    if row.low is None:
        return NONE
    low, high = change(row, row.low), change(row, row.high)
    return f"{low.removesuffix(' points')} to {high}"


def margin(row: CanaryMetric) -> str:
    """The harm that does not matter."""
    return change(row, row.margin).replace("+", "±" if row.harm == "change" else "+")


FIGURES: Sequence[Figure[CanaryMetric]] = (
    Figure("old", "mean over pairs, geometric for ratios", 3, lambda row: row.old, lambda row: level(row, row.old)),
    Figure("new", "the same of the new adapter", 4, lambda row: row.new, lambda row: level(row, row.new)),
    Figure("change", "new beside old", 6, lambda row: row.difference, lambda row: change(row, row.difference)),
    Figure(
        "always-valid interval",
        "holds at all looks at once, and for all metrics together",
        5,
        lambda row: row.low,
        interval,
    ),
    Figure("margin", "the harm that does not matter", 2, lambda row: row.margin, margin),
    Figure(
        "pairs",
        "old and new requests matched in time that both have it",
        1,
        lambda row: row.n,
        lambda row: f"{row.n:,}",
    ),
    Figure(
        "new is larger",
        "share of pairs in which the new value is the larger, ties counting half, with an exact interval",
        0,
        lambda row: row.superiority,
        lambda row: f"{row.superiority:.0%} ({row.superiority_low:.0%} to {row.superiority_high:.0%})",
    ),
)


def summary(found: Canary) -> Advice:
    """What to do, and why."""
    new, old = _adapter(found.new), _adapter(found.old)
    pairs = f"after {plural(found.pairs, 'pair')} of requests"
    more = []
    if found.uneven:
        more.append(f"the split is not even: prompts differ in {listed([named(name) for name in found.uneven], 3)}")
    of = {status: [named(row.metric) for row in found.metrics if row.status == status] for status in WORDS}
    if of["better"]:
        more.append(f"certainly better: {listed(of['better'], 5)}")
    needed = max((row.more or 0 for row in found.metrics), default=0)
    if found.decision == "keep going" and needed:
        more.append(f"some {needed:,} more pairs are likely needed")
    if found.decision == "roll back":
        return Advice("fail", f"roll back: {new} is worse than {old} in {listed(of['worse'], 5)}, {pairs}", tuple(more))
    if found.decision == "promote":
        return Advice("pass", f"promote {new}: no worse than {old} in anything that was compared, {pairs}", tuple(more))
    if found.decision == "insufficient":
        return Advice("inconclusive", f"too few requests: {pairs} nothing can be said", tuple(more))
    waiting = listed([*of["undecided"], *of["insufficient"]], 5)
    said = f"keep going: {waiting} could still be either, {pairs}" if waiting else f"keep going, {pairs}"
    return Advice("inconclusive", said, tuple(more))


def _adapter(name: str) -> str:
    return shorten(printable(name), 60)


def statements(found: Canary) -> list[tuple[str, str]]:
    """Pairs of label and sentence: what was compared, and what is promised."""
    when = f", {_time(found.start)} to {_time(found.end)}" if found.start and found.end else ""
    return [
        ("old", f"{_adapter(found.old)}: {plural(found.old_requests, 'request')} that count"),
        ("new", f"{_adapter(found.new)}: {plural(found.new_requests, 'request')} that count"),
        ("pairs", f"{found.pairs:,}, each of the rarer with one of the other on the same day, as they came{when}"),
        (
            "promise",
            f"the chance that any interval is ever wrong, however often one looks, is at most {found.alpha:.2g}",
        ),
    ]


def _time(moment: str) -> str:
    return shorten(printable(moment), 32)


def facts_of(found: Canary) -> list[tuple[str, str]]:
    """The header of a report about a canary."""
    return [
        ("old", _adapter(found.old)),
        ("new", _adapter(found.new)),
        ("pairs", f"{found.pairs:,}"),
        ("decision", found.decision),
    ]


def in_short(reports: Sequence[Report]) -> list[str]:
    """The decision of every report; nothing where none is about a canary."""
    if all(report.measurements.canary is None for report in reports):
        return []
    return [report.measurements.canary.decision if report.measurements.canary else "" for report in reports]
