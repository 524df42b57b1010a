"""Traffic beside its baseline in sentences: what it comes to, and what that rests on. All text is safe to show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from loradiag.core.drift import BASE_ROUTE, Drift, DriftWindow, TopicShare
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.core.windows import MIX
from loradiag.outputs.advice import Advice, Tone
from loradiag.outputs.arrange import gates
from loradiag.outputs.scores import p_words
from loradiag.outputs.shifts import about as about_shift
from loradiag.outputs.shifts import change_said
from loradiag.outputs.windowfigures import effect_words, rate_words, route_words
from loradiag.outputs.windows import (
    DRIFTED,
    GRAVEST,
    NOVEL,
    SHIFTED,
    WORDS,
    about,
    least_p,
    most_shifted,
    set_aside,
    strangest,
    when,
    worst,
)

_NAMED = 3
"""Measures, routes and reasons that a sentence names; topics two each way."""

_ALPHA = 0.05
"""Where the policy has no chance of a false alarm for changes of the mix."""


def summary(report: Report, found: Drift) -> Advice:
    """What it comes to, in sentences that claim no more than the statuses do."""
    drifted = [row for row in found.windows if row.status in DRIFTED]
    if drifted:
        tone, text = _tone(report, drifted), _drifted(report, found, drifted)
    else:
        tone, text = _undrifted(report, found)
    moved = [row for row in found.predictions if row.status == "moved"]
    if moved:
        text += "; answers have changed"
    if any(gates(report, finding) for row in moved for finding in about_shift(report, row)):
        tone = "fail"
    if tone == "pass" and found.baseline.expired:
        tone = "inconclusive"
    changes = [f"answers: {listed([change_said(row) for row in moved], 4)}"] if moved else []
    return Advice(tone, text, (*_more(report, found, drifted), *changes))


def _tone(report: Report, drifted: Sequence[DriftWindow]) -> Tone:
    """Drift fails, unless the policy sets all of it aside."""
    aside = all(set_aside(report, row) and not about(report, row) for row in drifted)
    return "inconclusive" if aside else "fail"


def _drifted(report: Report, found: Drift, drifted: Sequence[DriftWindow]) -> str:
    if len(found.windows) == 1:
        return _verdict(report, found, drifted[0])
    shown = worst(drifted)
    assert shown is not None, "of some windows one is the worst"
    number, total = len(drifted), len(found.windows)
    count = _all(total) if number == total else f"{number:,} of {plural(total, 'window')}"
    kinds = {WORDS[row.status] for row in drifted}
    which = f"{'is' if number == 1 else 'are'} {kinds.pop()}" if len(kinds) == 1 else f"drifted ({_counted(drifted)})"
    lead = "" if number == 1 else "the worst is "
    return f"{count} {which}; {lead}{when(shown)}: {_verdict(report, found, shown)}"


def _all(total: int) -> str:
    return "both windows" if total == 2 else f"all {plural(total, 'window')}"


def _counted(windows: Sequence[DriftWindow]) -> str:
    """``2 novel, 1 shifted``."""
    counts: Counter[str] = Counter(row.status for row in windows)
    return ", ".join(f"{counts[status]:,} {WORDS[status]}" for status in GRAVEST if counts[status])


def _undrifted(report: Report, found: Drift) -> tuple[Tone, str]:
    steady = [row for row in found.windows if row.status == "steady"]
    few = [row for row in found.windows if row.status == "insufficient"]
    if not steady:
        return "inconclusive", _unknown(report, found, few)
    if len(found.windows) == 1:
        return "pass", verdict(report, found, steady[0])
    unlike = f"{_shares(steady)} of requests are unlike anything in the baseline ({_expected(found)} expected)"
    said = f"{unlike}, {_no_shift(steady)}"
    if len(steady) == len(found.windows):
        return "pass", f"steady in {_all(len(steady))}: {said}"
    rest = [f"{plural(len(few), 'window')} with too few requests for the {found.floor:,} needed"] if few else []
    other = len(found.windows) - len(steady) - len(few)
    rest += [f"{other:,} not judged"] if other else []
    return (
        "inconclusive",
        f"steady in {len(steady):,} of {plural(len(found.windows), 'window')}: {said}; {', '.join(rest)}",
    )


def _unknown(report: Report, found: Drift, few: Sequence[DriftWindow]) -> str:
    """Why nothing can be said."""
    told = found.attribution
    if told.requests and not told.embedded:
        encoder = shorten(printable(found.baseline.encoder), 60)
        return f"none of {plural(told.requests, 'request')} has an embedding by the baseline's encoder, {encoder}"
    if not found.windows:
        return "no requests to look at"
    if len(found.windows) == 1 or not few:
        return verdict(report, found, found.windows[-1])
    most = max(few, key=lambda row: row.n)
    return (
        f"too few requests in each of {plural(len(few), 'window')}: at most {most.n:,} of the {found.floor:,} needed"
        if len(few) == len(found.windows)
        else f"{plural(len(few), 'window')} with too few requests, {len(found.windows) - len(few):,} not judged"
    )


def verdict(report: Report, found: Drift, window: DriftWindow) -> str:
    """What one window comes to, in a sentence without its time."""
    said = _verdict(report, found, window)
    moved = _moves(report, window)
    return f"{said}: {', '.join(moved)}" if moved else said


def _verdict(report: Report, found: Drift, window: DriftWindow) -> str:
    """The same without topics."""
    if window.status == "insufficient":
        return f"too few requests: {window.n:,} of the {found.floor:,} needed"
    if window.status == "unjudged" or window.novelty_share is None:
        return "not judged"
    share = f"{rate_words(window.novelty_share)} of {plural(window.n, 'request')} are unlike anything in the baseline"
    if window.status == "steady":
        return f"steady: {share} ({_expected(found)} expected), {_no_shift([window])}"
    if window.status == "shifted":
        return f"{share} ({_expected(found)} expected), but {_shift(report, window, 'the mix of topics of the others')}"
    said = f"{share} ({_expected(found)} expected, {p_said(window.novelty_adjusted)}){_belong(found, window)}"
    if window.status in SHIFTED:
        said += f"; apart from that, {_shift(report, window, 'the mix of known topics')}"
    return said


def _expected(found: Drift) -> str:
    return rate_words(found.baseline.novel_rate)


def p_said(value: float | None) -> str:
    """``p = 2e-06``, ``p < 1e-300``."""
    words = p_words(value)
    return f"p < {words[1:]}" if words.startswith("<") else f"p = {words}"


def _shares(windows: Sequence[DriftWindow]) -> str:
    """The least and the largest share of novel requests."""
    shares = sorted(row.novelty_share for row in windows if row.novelty_share is not None)
    if not shares:
        return "an unknown share"
    low, high = rate_words(shares[0]), rate_words(shares[-1])
    return low if low == high else f"{low} to {high}"


def _no_shift(windows: Sequence[DriftWindow]) -> str:
    if any(row.mix_p is not None or row.mmd_p is not None for row in windows):
        return "and no change in the mix of topics was shown"
    return "and too few others are left to compare their mix of topics"


def _belong(found: Drift, window: DriftWindow) -> str:
    route = window.recommended_route
    if route is None or (route == BASE_ROUTE and not found.others):
        return ""
    if route == BASE_ROUTE:
        return "; most of them belong to no other adapter either: route them to the base"
    return f"; most of them belong to {route_words(route)}: route them there"


def _shift(report: Report, window: DriftWindow, what: str) -> str:
    effect = "" if window.mix_effect is None else f"Cohen's w {effect_words(window.mix_effect)}, "
    said = f"{what} has changed ({effect}{p_said(least_p(window.mix_adjusted, window.mmd_adjusted))})"
    return f"{said}, within topics rather than between them" if within_topics(report, window) else said


def within_topics(report: Report, window: DriftWindow) -> bool:
    """Whether MMD shows a change that the shares of topics do not."""
    alpha = report.policy.thresholds.get(MIX, {}).get("alpha", _ALPHA)
    return (window.mix_adjusted is None or window.mix_adjusted > alpha) and (window.mmd_adjusted or 0.0) <= alpha


def _moves(report: Report, window: DriftWindow) -> list[str]:
    """The topics that grew and shrank most, where that is what has changed."""
    if window.status not in SHIFTED or within_topics(report, window):
        return []
    return [*_most(window.topics, "grew", 1), *_most(window.topics, "shrank", -1)]


def _most(topics: Sequence[TopicShare], word: str, way: int) -> list[str]:
    """The two topics that changed most in one direction."""
    found = sorted((row for row in topics if way * row.residual > 0), key=lambda row: -way * row.residual)
    return [
        f"{topic_name(row)} {word} from {rate_words(row.expected)} to {rate_words(row.observed)}" for row in found[:2]
    ]


def topic_name(row: TopicShare) -> str:
    """Topics have numbers."""
    return f"topic {row.topic}"


def _more(report: Report, found: Drift, drifted: Sequence[DriftWindow]) -> Iterator[str]:
    """What else there is to know: where novel requests belong, what was not decided, and whether to trust the baseline."""
    mixed = most_shifted(found.windows)
    if mixed is not None and (moved := _moves(report, mixed)):
        yield f"topics{_on(found, mixed)}: {', '.join(moved)}"
    shown = strangest(found.windows)
    if drifted and shown is not None and shown.status in NOVEL:
        yield from _routing(found, shown)
    last = found.windows[-1] if found.windows else None
    if drifted and last is not None and last is not worst(drifted):
        yield f"the newest window, {when(last)}: {WORDS[last.status]}"
    aside = list(dict.fromkeys(reason for row in drifted for reason in set_aside(report, row)))
    if aside:
        yield f"the policy sets this aside: {listed([shorten(printable(reason), 120) for reason in aside], _NAMED)}"
    if found.baseline.expired:
        reasons = [shorten(printable(reason), 160) for reason in found.baseline.expired]
        yield f"the baseline has expired: {listed(reasons, _NAMED)}"


def _on(found: Drift, window: DriftWindow) -> str:
    """Which window a sentence is about, where there are several."""
    return f", {when(window)}" if len(found.windows) > 1 else ""


def _routing(found: Drift, window: DriftWindow) -> Iterator[str]:
    if not found.others:
        yield "there was no other baseline to hold novel requests against"
    elif window.recommended_route is None and window.routes:
        yield f"novel requests are scattered: {routes_said(window)}"


def routes_said(window: DriftWindow) -> str:
    """``chant 75% (18), base 25% (6)``."""
    return listed(
        [f"{route_words(row.route)} {rate_words(row.share)} ({row.count:,})" for row in window.routes], 2 * _NAMED
    )


def in_short(reports: Sequence[Report]) -> list[str]:
    """In a word or two for an overview what became of each adapter's traffic; nothing where none was checked."""
    if not any(report.measurements.drift for report in reports):
        return []
    return [_in_short(report.measurements.drift) for report in reports]


def _in_short(found: Drift | None) -> str:
    if found is None:
        return "–"
    moved = ", answers moved" if any(row.status == "moved" for row in found.predictions) else ""
    shown = worst(found.windows)
    if shown is None:
        return f"no requests{moved}"
    said = _shortest(found, shown) if len(found.windows) == 1 else _of_several(found, shown)
    return f"{said}{moved}"


def _of_several(found: Drift, shown: DriftWindow) -> str:
    """``3 of 30 drifted, worst 12%``; ``6 of 7 steady``."""
    kinds = DRIFTED if shown.status in DRIFTED else (shown.status,)
    alike = [row for row in found.windows if row.status in kinds]
    words = {WORDS[row.status] for row in alike}
    word = words.pop() if len(words) == 1 else "drifted"
    if shown.status == "steady" and len(alike) == len(found.windows):
        return word
    share = shown.novelty_share if shown.status in NOVEL else None
    worst_share = "" if share is None else f", worst {rate_words(share)}"
    return f"{len(alike):,} of {len(found.windows):,} {word}{worst_share}"


def _shortest(found: Drift, window: DriftWindow) -> str:
    if window.status == "insufficient":
        return f"{window.n:,} of {found.floor:,} requests"
    if window.status in NOVEL and window.novelty_share is not None:
        more = ", shifted" if window.status in SHIFTED else ""
        return f"novel {rate_words(window.novelty_share)}{more}"
    if window.status in SHIFTED and window.mix_effect is not None:
        return f"shifted, w {effect_words(window.mix_effect)}"
    return WORDS[window.status]
