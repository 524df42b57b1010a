"""Adapters that are served as the test cases that a CI shows."""

from __future__ import annotations

from loradiag.core.report import Report
from loradiag.core.served import ServedModel
from loradiag.outputs.arrange import active, gates
from loradiag.outputs.case import Case, messages
from loradiag.outputs.served import FIGURES, rows, status


def served_cases(report: Report) -> list[Case]:
    """A case for every name: one that a finding fails is a failure, undecided ones are skipped."""
    found = report.measurements.served
    return [_case(report, row) for row in rows(found)] if found else []


def _case(report: Report, row: ServedModel) -> Case:
    tone, said = status(row)
    own = [finding for finding in active(report) if row.name in finding.modules]
    lines = [said, *(f"{figure.title}: {figure.say(row)}" for figure in FIGURES)]
    details = "\n".join([*lines, *(f"{finding.severity.value} {finding.code}: {finding.message}" for finding in own)])
    failing = [finding for finding in own if gates(report, finding)]
    if failing:
        return Case(row.name, "failure", messages(failing), details, failing[0].code)
    if tone == "pass":
        return Case(row.name, "passed", "", details)
    return Case(row.name, "skipped", f"{said}; this does not fail the gate", details)
