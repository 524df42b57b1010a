"""Windows of traffic in the words of every output: what became of each, when it was, which one to look at first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from loradiag.core.drift import DriftWindow
from loradiag.core.findings import Disposition, Finding
from loradiag.core.report import Report
from loradiag.core.text import printable, shorten
from loradiag.core.windows import MIX, NOVELTY
from loradiag.outputs.arrange import active

MARKS: Mapping[str, str] = {
    "steady": "✓",
    "novel": "✗",
    "shifted": "✗",
    "novel+shifted": "✗",
    "insufficient": "?",
    "unjudged": "·",
}
WORDS: Mapping[str, str] = {
    "steady": "steady",
    "novel": "novel",
    "shifted": "shifted",
    "novel+shifted": "novel+shifted",
    "insufficient": "too few",
    "unjudged": "not judged",
}
TONES: Mapping[str, str] = {
    "steady": "pass",
    "novel": "fail",
    "shifted": "fail",
    "novel+shifted": "fail",
    "insufficient": "inconclusive",
    "unjudged": "unfinished",
}
"""Statuses of windows in the words that routes and verdicts have, by which outputs know their colours."""

GRAVEST = ("novel+shifted", "novel", "shifted", "steady", "unjudged", "insufficient")
"""Statuses, that of the window to look at first in front."""

NOVEL, SHIFTED = ("novel+shifted", "novel"), ("novel+shifted", "shifted")
DRIFTED = ("novel+shifted", "novel", "shifted")

NEWEST, GRAVE = 7, 7
"""Windows that are shown at first: the newest, and of those that drifted the gravest."""

WRONG_ADAPTER, CONVENTION = "LD803", "LD809"
_ABOUT = {NOVELTY: NOVEL, WRONG_ADAPTER: NOVEL, MIX: SHIFTED}
"""Rules about single windows, with the statuses of those that each is about."""

SINGLE = frozenset({*_ABOUT, CONVENTION})
"""Codes of rules each finding of which is about one window."""

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::(\d\d))?Z")
_MIDNIGHT = "00:00"
_UNDATED = "all requests"


def when(window: DriftWindow) -> str:
    """A window in a few words, safe to show: its days, or its moments."""
    return period(window.start, window.end)


def period(start: str | None, end: str | None) -> str:
    """From one moment to another in a few words, safe to show: in days, or with times."""
    if start is None or end is None:
        return _UNDATED
    first, last = _parts(start), _parts(end)
    if first[1] == last[1] == _MIDNIGHT:
        return f"{first[0]} to {last[0]}"
    same_day = first[0] == last[0] and last[1]
    return f"{_moment(first)} to {last[1] if same_day else _moment(last)}"


def began(window: DriftWindow, *, by_day: bool) -> str:
    """When a window began, in the column of a table: its day alone where all windows begin with days."""
    if window.start is None:
        return _UNDATED
    parts = _parts(window.start)
    return parts[0] if by_day else _moment(parts)


def ended(window: DriftWindow, *, by_day: bool) -> str:
    """When it ended: the time alone on the day that it began on."""
    if window.start is None or window.end is None:
        return "–"
    start, end = _parts(window.start), _parts(window.end)
    if by_day:
        return end[0]
    return end[1] if end[1] and start[0] == end[0] else _moment(end)


def moment(text: str) -> str:
    """A moment in UTC without what it does not need: ``2026-11-02 06:00``."""
    return _moment(_parts(text))


def are_days(windows: Iterable[DriftWindow]) -> bool:
    """Whether all of them begin and end at midnight."""
    moments = [moment for window in windows for moment in (window.start, window.end) if moment is not None]
    return all(_parts(moment)[1] in (_MIDNIGHT, "") for moment in moments)


def _parts(moment: str) -> tuple[str, str]:
    """Day and time; of what is no moment, what there is of it."""
    match = _MOMENT.fullmatch(moment)
    if match is None:
        return shorten(printable(moment), 32), ""
    time = match[2] if match[3] in (None, "00") else f"{match[2]}:{match[3]}"
    return match[1], time


def _moment(parts: tuple[str, str]) -> str:
    return " ".join(part for part in parts if part)


def least_p(*values: float | None) -> float:
    """The least of some p-values; 1 where there are none."""
    return min((value for value in values if value is not None), default=1.0)


def worst(windows: Sequence[DriftWindow]) -> DriftWindow | None:
    """The window to tell of first; of two alike, the later."""
    return max(windows, key=gravity, default=None)


def first(windows: Sequence[DriftWindow]) -> list[DriftWindow]:
    """The newest windows, and the gravest of those that drifted, in the order of time."""
    if len(windows) <= NEWEST + GRAVE:
        return list(windows)
    drifted = [index for index, row in enumerate(windows) if row.status in DRIFTED]
    grave = sorted(drifted, key=lambda index: gravity(windows[index]))[-GRAVE:]
    kept = {*range(len(windows) - NEWEST, len(windows)), *grave}
    for index in reversed(range(len(windows))):
        if len(kept) >= NEWEST + GRAVE:
            break
        kept.add(index)
    return [windows[index] for index in sorted(kept)]


def strangest(windows: Sequence[DriftWindow]) -> DriftWindow | None:
    """The window whose novel requests to look at."""
    told = [row for row in windows if row.exemplars or row.routes]
    novel = [row for row in told if row.status in NOVEL]
    return max(novel or told, key=_strangeness, default=None)


def most_shifted(windows: Sequence[DriftWindow]) -> DriftWindow | None:
    """The window whose topics to look at."""
    told = [row for row in windows if row.topics]
    shifted = [row for row in told if row.status in SHIFTED]
    return max(shifted or told, key=_shift, default=None)


def gravity(row: DriftWindow) -> tuple[int, float, float, str]:
    """What windows are ordered by, the one to tell of first last."""
    p = least_p(row.novelty_adjusted, row.mix_adjusted, row.mmd_adjusted)
    return -GRAVEST.index(row.status), -p, row.novelty_share or 0.0, row.start or ""


def _strangeness(row: DriftWindow) -> tuple[float, float, str]:
    return -least_p(row.novelty_adjusted), row.novelty_share or 0.0, row.start or ""


def _shift(row: DriftWindow) -> tuple[float, float, float, str]:
    p = least_p(row.mix_adjusted, row.mmd_adjusted)
    return -p, row.mix_effect or 0.0, row.novelty_share or 0.0, row.start or ""


def about(report: Report, window: DriftWindow) -> list[Finding]:
    """The findings that count and say that such a window has drifted."""
    return [finding for finding in active(report) if window.status in _ABOUT.get(finding.code, ())]


def set_aside(report: Report, window: DriftWindow) -> list[str]:
    """Why the policy sets findings about such a window aside, as it says."""
    ignored = [finding for finding in report.findings if finding.disposition is Disposition.IGNORED]
    found = [finding for finding in ignored if window.status in _ABOUT.get(finding.code, ())]
    return list(dict.fromkeys(finding.reason or "no reason given" for finding in found))
