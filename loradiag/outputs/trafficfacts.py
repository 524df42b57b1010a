"""What a check of traffic rests on, in words: the baseline, the windows, and how much of the traffic there is. Safe to show."""

from __future__ import annotations

from loradiag.core.drift import Drift
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.facts import first_digits
from loradiag.outputs.windowfigures import rate_words, route_words

_NAMED = 3
"""Files that are named; the findings name more."""


def statements(found: Drift) -> list[tuple[str, str]]:
    """Pairs of label and sentence: by what is judged, how much of the traffic can be, and what was left out."""
    told = found.attribution
    tolerated = f"a change of the mix up to Cohen's w {found.tolerance:g} is tolerated"
    rows = [
        (
            "judged",
            f"each conversation and each text counts once, and a window needs {found.floor:,} requests; {tolerated}; "
            "p-values are after Holm over all windows and adapters that were checked together",
        ),
        ("coverage", _coverage(found)),
    ]
    if told.lake_requests:
        named = f"{told.unattributed:,} of {plural(told.lake_requests, 'request')} in the lake"
        rows.append(("unattributed", f"{named} ({rate_words(told.unattributed / told.lake_requests)}) name no adapter"))
    others = [route_words(name) for name in found.others]
    held = f"novel requests were held against the baselines of {listed(others, 8)}"
    rows.append(("others", held if others else "no other baseline to hold novel requests against"))
    if found.flawed_files:
        files = [
            f"{shorten(printable(row.file), 80)} ({shorten(printable(row.problem), 120)})" for row in found.flawed_files
        ]
        rows.append(("left out", f"{plural(len(files), 'file')} of the lake: {listed(files, _NAMED)}"))
    return rows


def _coverage(found: Drift) -> str:
    """Of the adapter's requests those that have each thing, in words."""
    told = found.attribution
    if not told.requests:
        return "no request names this adapter"
    counts = [
        ("embedded", told.embedded),
        ("embedded by another encoder", told.other_encoder),
        ("with answers", told.responses),
        ("with log-probabilities of answers", told.logprobs),
        ("of prompts", told.prompt_logprobs),
        ("without a time", told.undated),
    ]
    said = [f"{count:,} {word}" for word, count in counts if count or word == "embedded"]
    return f"of {plural(told.requests, 'request')} of this adapter {', '.join(said)}"


def traffic_facts(report: Report, found: Drift) -> list[tuple[str, str]]:
    """Pairs of label and text for the head of a report: the baseline, the window, and how much of the traffic there is."""
    base = found.baseline
    of = f" of {route_words(base.adapter)}" if base.adapter != report.subject.path else ""
    windows = "all requests" if found.window == "all" else _windows(found)
    age = f"{base.age_days:,.0f} days old" if base.age_days >= 2 else "less than two days old"
    rows = [
        (
            "baseline",
            f"{plural(base.references, 'reference')}{of}, {base.calibration:,} held out, {plural(base.clusters, 'topic')}",
        ),
        ("made", f"{printable(base.created)[:10]}, {age}{'; expired' if base.expired else ''}"),
        ("encoder", f"{shorten(printable(base.encoder), 60)}, {plural(base.dimension, 'dimension')}"),
        (
            "novel",
            f"below a cosine of {base.threshold:.3f} to the nearest reference: {rate_words(base.novel_rate)} of those held out",
        ),
        ("windows", windows),
        ("requests", f"{found.attribution.requests:,}, {found.attribution.embedded:,} embedded"),
        ("lake", shorten(printable(found.lake), 80)),
        ("sha256", first_digits(base.adapter_sha256)),
    ]
    return [(label, printable(text)) for label, text in rows]


def _windows(found: Drift) -> str:
    word = shorten(printable(found.window), 12)
    each = f"{word} requests" if word.isdigit() else word
    return f"{len(found.windows):,} of {each}" if found.windows else f"none of {each}"
