"""The watch in words: what it comes to, what it rests on, and its figures. All text is safe to show."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime

from loradiag.core.report import Report
from loradiag.core.text import plural, printable, shorten
from loradiag.core.times import moment_of
from loradiag.core.watching import LARGEST_E, AlarmStatus, Watch, WatchAlarm, WatchSignal, WatchTotals
from loradiag.outputs.advice import Advice
from loradiag.outputs.figure import Figure

MARKS: dict[AlarmStatus, str] = {"open": "✗", "acknowledged": "…", "resolved": "✓"}
SIGNALS = {
    "novelty": "novel requests",
    "strangeness": "stranger requests",
    "mix": "mix of topics",
    "perplexity": "perplexity of answers",
    "prompt_perplexity": "perplexity of prompts",
    "entropy": "entropy of answers",
    "response_length": "length of answers",
    "response_characters": "length of answers, characters",
    "prompt_length": "length of prompts",
    "prompt_characters": "length of prompts, characters",
    "repetition": "repetition",
    "refusal_like": "refusal-like answers",
    "truncated": "truncated answers",
}
NONE = "–"
_SHARES = ("novelty", "strangeness", "repetition", "refusal_like", "truncated")
_PLAIN = ("mix", "entropy")
_LATE, _LEAST_LATE = 3.0, 120.0
"""A watch is overdue after so many times the usual time from look to look, and so many seconds at least."""

_SEEN = re.compile(r", by requests up to (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$")


def e_words(value: float) -> str:
    """An e-value for people: 0.3, 12, 4,300, 2.1e+07."""
    if value >= LARGEST_E:
        return "over 1e300"
    if value >= 1e6:
        return f"{value:.2g}"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value >= 1e-3 else "0" if value == 0 else "<0.001"


def called(signal: WatchSignal | WatchAlarm) -> str:
    """A signal by its name for people."""
    return SIGNALS.get(signal.signal) or shorten(printable(signal.signal), 40)


def seen_by(alarm: WatchAlarm) -> str:
    """The time of the last request that an alarm rests on, which is not when it was raised where a lake was logged before."""
    match = _SEEN.search(alarm.message)
    return match[1] if match else alarm.raised


def is_overdue(totals: WatchTotals, now: datetime) -> bool:
    """Whether a watch has not looked at its lake for far longer than from look to look before: nobody would see it alarm.

    Args:
        totals: Of the watch.
        now: The time, with its zone.
    """
    if totals.polled is None or totals.polls < 2:
        return False
    first, last = (moment_of(moment) for moment in (totals.started, totals.polled))
    usual = (last - first).total_seconds() / (totals.polls - 1)
    return (now - last).total_seconds() > max(_LATE * usual, _LEAST_LATE)


def amount(signal: WatchSignal, value: float | None) -> str:
    """What is seen, expected or tolerated, in the unit of the signal."""
    if value is None:
        return NONE
    if signal.signal in _SHARES:
        change = signal.signal not in ("novelty", "strangeness")
        return f"{100 * value:+.1f} points" if change else f"{value:.1%}"
    return f"{value:.2f}" if signal.signal in _PLAIN else f"{value:+.1%}"


def way(signal: WatchSignal) -> float:
    """How far the evidence is on its way to the line, from 0 to 1 on a logarithmic scale."""
    if signal.e_value <= 1 or signal.line <= 1:
        return 0.0
    return min(1.0, math.log(signal.e_value) / math.log(signal.line))


FIGURES: Sequence[Figure[WatchSignal]] = (
    Figure("of late", "what is seen now", 5, lambda row: row.recent, lambda row: amount(row, row.recent)),
    Figure(
        "tolerated",
        "up to which it is no drift, with room for the sampling error of the baseline",
        4,
        lambda row: row.tolerated,
        lambda row: amount(row, row.tolerated),
    ),
    Figure("seen", "requests, or days of answers, so far", 1, lambda row: row.n, lambda row: f"{row.n:,} {row.unit}"),
    Figure(
        "e-value",
        "what a gambler who bets against 'no drift' at fair odds has made of 1",
        6,
        lambda row: row.e_value,
        lambda row: e_words(row.e_value),
    ),
    Figure("highest", "its highest so far", 2, lambda row: row.peak, lambda row: e_words(row.peak)),
    Figure("line", "the e-value that alarms", 3, lambda row: row.line, lambda row: e_words(row.line)),
)


def told(found: Watch) -> list[WatchSignal]:
    """The signals that have seen something, those with most evidence first."""
    return sorted((row for row in found.signals if row.n), key=lambda row: (-way(row), -row.e_value))


def statements(found: Watch) -> list[tuple[str, str]]:
    """Pairs of label and sentence: by what is watched, how much was counted, and what is promised."""
    since = f", from {_time(found.since)} to {_time(found.seen)}" if found.since and found.seen else ""
    baseline = shorten(printable(found.baseline), 80) if found.baseline else "gone"
    return [
        ("baseline", baseline),
        ("requests", f"{found.requests:,}, of which {found.counted:,} count since this watch of it began{since}"),
        (
            "promise",
            f"without drift, the chance that any adapter of this watch ever alarms is at most {found.alpha:.2g}; "
            f"{found.share:.2g} of that is this adapter's",
        ),
    ]


def _time(moment: str) -> str:
    return shorten(printable(moment), 32)


def facts_of(report: Report, found: Watch) -> list[tuple[str, str]]:
    """The header of a report about a watch."""
    return [
        ("adapter", shorten(printable(report.subject.path), 90)),
        ("under watch since", _time(found.since) if found.since else "no request yet"),
        ("requests", f"{found.requests:,}, {found.counted:,} counted"),
        ("e-value", f"{e_words(found.e_value)}, alarms at {e_words(found.line)}"),
        ("alarms", in_a_word(found)),
    ]


def in_a_word(found: Watch) -> str:
    """The state of an adapter for overviews."""
    for status in ("open", "acknowledged"):
        own = [alarm for alarm in found.alarms if alarm.status == status]
        if own:
            return f"{'ALARM' if status == 'open' else status} {own[0].id}: {called(own[0])}"
    return "calm" if found.counted or found.requests else "nothing yet"


def in_short(reports: Sequence[Report]) -> list[str]:
    """The same of every report; nothing where none is about a watch."""
    if all(report.measurements.watch is None for report in reports):
        return []
    return [in_a_word(report.measurements.watch) if report.measurements.watch else "" for report in reports]


def summary(found: Watch) -> Advice:
    """What it comes to."""
    explained = "evidence is an e-value: a line is ever reached without drift only with the chance that is promised"
    for alarm in found.alarms:
        if alarm.status == "open":
            return Advice("fail", f"alarm {alarm.id}: {shorten(printable(alarm.message), 300)}", (explained,))
    for alarm in found.alarms:
        said = f"alarm {alarm.id} is acknowledged{_by(alarm)}: {shorten(printable(alarm.message), 200)}"
        return Advice("inconclusive", said, (explained,))
    if not found.requests:
        return Advice("inconclusive", "no request of this adapter has been counted yet", ())
    best = told(found)
    most = f"; most evidence: {called(best[0])}, {e_words(best[0].e_value)} of {e_words(best[0].line)}" if best else ""
    return Advice("pass", f"calm after {plural(found.requests, 'request')}{most}", (explained,))


def _by(alarm: WatchAlarm) -> str:
    by = f" by {shorten(printable(alarm.by), 60)}" if alarm.by else ""
    return by + (f" ({shorten(printable(alarm.why), 160)})" if alarm.why else "")


def alarm_cells(alarm: WatchAlarm) -> list[str]:
    """An alarm as a row: number, signal, when, evidence, what, what became of it."""
    became = (
        f"{MARKS[alarm.status]} {alarm.status}" + (f" {_time(alarm.changed)}" if alarm.changed else "") + _by(alarm)
    )
    evidence = f"{e_words(alarm.e_value)} (line {e_words(alarm.line)})"
    return [f"{alarm.id}", called(alarm), _time(alarm.raised), evidence, shorten(printable(alarm.message), 300), became]


ALARM_HEADS = ("alarm", "signal", "raised", "e-value", "what", "state")
