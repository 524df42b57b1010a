"""Adapters of a fleet as the test cases that a CI shows."""

from __future__ import annotations

from loradiag.core.fleet import FleetAdapter
from loradiag.core.report import Report
from loradiag.outputs.arrange import gates
from loradiag.outputs.case import Case
from loradiag.outputs.fleet import FIGURES

_CODES = {"fail": "LD522", "unreadable": "LD523"}


def adapter_cases(report: Report) -> list[Case]:
    """A case for every adapter: a failure where it fails or cannot be read and that fails the gate."""
    found = report.measurements.fleet
    return [_case(report, row) for row in found.adapters] if found else []


def _case(report: Report, row: FleetAdapter) -> Case:
    details = "\n".join([f"verdict: {row.verdict}", *(f"{figure.title}: {figure.say(row)}" for figure in FIGURES)])
    said = row.problem or f"{row.verdict}: {', '.join(row.codes)}"
    code = _CODES.get(row.verdict)
    own = [finding for finding in report.findings if finding.code == code and row.path in finding.modules]
    if code and any(gates(report, finding) for finding in own):
        return Case(row.path, "failure", said, details, code)
    if row.verdict == "pass":
        return Case(row.path, "passed", "", details)
    return Case(row.path, "skipped", f"{said}; this does not fail the gate", details)
