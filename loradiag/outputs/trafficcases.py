"""Windows of traffic and measures of answers as the test cases that a CI shows."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.drift import Drift, DriftWindow, PredictionShift
from loradiag.core.findings import Disposition, Finding
from loradiag.core.report import Report
from loradiag.outputs import shifts
from loradiag.outputs.arrange import gates
from loradiag.outputs.case import Case
from loradiag.outputs.traffic import verdict
from loradiag.outputs.windowfigures import figures
from loradiag.outputs.windows import DRIFTED, WORDS, about, set_aside, when


def window_cases(report: Report) -> list[Case]:
    """A case for every window: drift that fails the gate is a failure, too few requests are skipped."""
    found = report.measurements.drift
    return [_window(report, found, row) for row in found.windows] if found else []


def _window(report: Report, found: Drift, row: DriftWindow) -> Case:
    name, said = when(row), verdict(report, found, row)
    told = [f"{figure.title}: {figure.say(row)}" for figure in figures(report, found, every=True)]
    details = "\n".join([said, f"status: {WORDS[row.status]}", *told])
    failing = [finding for finding in about(report, row) if gates(report, finding)]
    if failing:
        return Case(name, "failure", said, details, failing[0].code)
    if row.status == "steady":
        return Case(name, "passed", "", details)
    return Case(name, "skipped", _aside(said, row.status in DRIFTED, set_aside(report, row)), details)


def _aside(said: str, drifted: bool, reasons: Iterable[str]) -> str:
    """Why something neither passes nor fails the gate."""
    ignored = "; ".join(reasons)
    if ignored:
        return f"{said}; ignored by the policy: {ignored}"
    return f"{said}; this does not fail the gate" if drifted else said


def answer_cases(report: Report) -> list[Case]:
    """A case for every measure of answers."""
    found = report.measurements.drift
    return [_measure(report, found, row) for row in found.predictions] if found else []


def _measure(report: Report, found: Drift, row: PredictionShift) -> Case:
    name = f"answers: {shifts.called(row)}"
    said = shifts.moved_words(row)
    told = [f"{figure.title}: {figure.say(row)}" for figure in shifts.figures(found, every=True)]
    details = "\n".join([said, f"status: {shifts.WORDS[row.status]}", *told])
    failing = [finding for finding in shifts.about(report, row) if gates(report, finding)]
    if failing:
        return Case(name, "failure", said, details, failing[0].code)
    if row.status == "steady":
        return Case(name, "passed", "", details)
    if row.status == "moved":
        return Case(name, "skipped", _aside(said, True, _reasons(report.findings, row)), details)
    return Case(name, "skipped", shifts.WORDS[row.status], details)


def _reasons(findings: Iterable[Finding], row: PredictionShift) -> list[str]:
    own = [found for found in findings if found.disposition is Disposition.IGNORED and found.modules == [row.metric]]
    return list(dict.fromkeys(found.reason or "no reason given" for found in own))
