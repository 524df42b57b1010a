"""Routes as the test cases that a CI shows: each passes, fails the gate, or is set aside with the reason."""

from __future__ import annotations

from loradiag.core.findings import Finding
from loradiag.core.merge import Merge, Route
from loradiag.core.report import Report
from loradiag.core.rules import EVERY_ROUTE
from loradiag.outputs.arrange import active, gates
from loradiag.outputs.case import Case, messages
from loradiag.outputs.routefigures import figures
from loradiag.outputs.routes import WORDS, Codes, codes


def route_cases(report: Report) -> list[Case]:
    """A case for every route that the report has, whether it applies or not."""
    merge = report.measurements.merge
    return [_case(report, merge, row) for row in merge.routes] if merge else []


def _case(report: Report, merge: Merge, row: Route) -> Case:
    about = [finding for finding in active(report) if finding.route in (row.route, EVERY_ROUTE)]
    details = _details(merge, row, about)
    failing = [finding for finding in about if gates(report, finding)]
    if failing and row.status in ("fail", "inconclusive"):
        return Case(row.route, "failure", messages(failing), details, failing[0].code)
    if row.status == "pass":
        return Case(row.route, "passed", "", details)
    return Case(row.route, "skipped", _aside(row, codes(report, row), about), details)


def _aside(row: Route, decided: Codes, about: list[Finding]) -> str:
    """Why a route neither passes nor fails the gate."""
    if row.status == "not-applicable":
        return f"not applicable: {row.reason or 'no reason given'}"
    said = messages([finding for finding in about if finding.code in decided.decided])
    word = "fails, and was not asked for" if row.status == "fail" else WORDS.get(row.status, row.status)
    return f"{word}: {said}" if said else word


def _details(merge: Merge, row: Route, about: list[Finding]) -> str:
    told = [
        f"{figure.title}: {figure.say(row)}" for figure in figures(merge, every=True) if figure.value(row) is not None
    ]
    lines = [row.summary, f"status: {WORDS.get(row.status, row.status)}", *told]
    return "\n".join([*lines, *(f"{finding.severity.value} {finding.code}: {finding.message}" for finding in about)])
