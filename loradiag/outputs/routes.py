"""Routes of deploying in the words of every output: what became of each, what decided it, which notes may stand aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from loradiag.core.findings import Finding, Severity
from loradiag.core.merge import Merge, Route
from loradiag.core.report import Report
from loradiag.core.rules import EVERY_ROUTE
from loradiag.core.text import plural, printable, shorten
from loradiag.outputs.arrange import active

MARKS: Mapping[str, str] = {"pass": "✓", "fail": "✗", "inconclusive": "?", "not-applicable": "–", "unfinished": "·"}
WORDS: Mapping[str, str] = {
    "pass": "pass",
    "fail": "fail",
    "inconclusive": "inconclusive",
    "not-applicable": "not applicable",
    "unfinished": "not judged",
}
ASKED = "▸"
"""Stands before routes that were asked for."""

_NAME = 24


def measured(merge: Merge) -> list[Route]:
    """The routes that apply to this base, in their order."""
    return [row for row in merge.routes if row.status != "not-applicable"]


def left_out(merge: Merge) -> list[tuple[str, list[str]]]:
    """Reasons with the names of the routes that do not apply because of each. All text is safe to show."""
    reasons: dict[str, list[str]] = {}
    for row in merge.routes:
        if row.status == "not-applicable":
            reasons.setdefault(shorten(printable(row.reason or "no reason given"), 200), []).append(called(row.route))
    return list(reasons.items())


def called(route: str) -> str:
    """A route's name, safe to show."""
    return shorten(printable(route), _NAME)


def unfolded(merge: Merge) -> dict[str, str]:
    """Parts of the adapter that no route holds, with the reason; as the report has them."""
    rows = merge.routes[0].modules if merge.routes else []
    unread = {row.name: row.reason for row in rows if row.reason is not None}
    return {row.name: row.reason for row in merge.refused} | unread


class Codes(msgspec.Struct, frozen=True):
    """Of a route the codes that decided its status, and those of other findings about it alone. Safe to show."""

    decided: tuple[str, ...]
    noted: tuple[str, ...]


def codes(report: Report, row: Route) -> Codes:
    """What rules have to say of a route."""
    own = {finding.code for finding in active(report) if finding.route == row.route}
    return Codes(*(tuple(map(printable, sorted(names))) for names in (row.decided_by, own - {*row.decided_by})))


def folded(report: Report) -> list[Finding]:
    """Notes on single routes, which the table of routes names by their codes: lists may leave them out.

    A note that decides what becomes of a route that was asked for is none of them.
    """
    merge = report.measurements.merge
    if merge is None:
        return []
    asked = {row.route: codes(report, row).decided for row in merge.routes if row.route in merge.gate}
    return [
        finding
        for finding in active(report)
        if finding.severity is Severity.INFO
        and finding.route not in (None, EVERY_ROUTE)
        and printable(finding.code) not in asked.get(finding.route or "", ())
    ]


def folded_words(report: Report, notes: Sequence[Finding]) -> str:
    """``10 notes on routes that were not asked for``."""
    merge = report.measurements.merge
    gate = merge.gate if merge else []
    if any(note.route in gate for note in notes):
        return f"{plural(len(notes), 'more note')} on routes"
    return f"{plural(len(notes), 'note')} on routes that were not asked for"
