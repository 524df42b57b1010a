"""Metrics of a canary as the test cases that a CI shows."""

from __future__ import annotations

from loradiag.core.canary import CanaryMetric
from loradiag.core.report import Report
from loradiag.outputs.arrange import gates
from loradiag.outputs.canary import FIGURES, WORDS, change, interval, named
from loradiag.outputs.case import Case

WORSE = "LD815"


def canary_cases(report: Report) -> list[Case]:
    """A case for every metric: one that is worse and fails the gate is a failure, undecided ones are skipped."""
    found = report.measurements.canary
    return [_case(report, row) for row in found.metrics] if found else []


def _case(report: Report, row: CanaryMetric) -> Case:
    said = f"{named(row.metric)}: {WORDS[row.status]}, {change(row, row.difference)} ({interval(row)})"
    details = "\n".join([said, *(f"{figure.title}: {figure.say(row)}" for figure in FIGURES)])
    own = [finding for finding in report.findings if finding.code == WORSE and row.metric in finding.modules]
    if any(gates(report, finding) for finding in own):
        return Case(row.metric, "failure", said, details, WORSE)
    if row.status in ("fine", "better"):
        return Case(row.metric, "passed", "", details)
    return Case(row.metric, "skipped", f"{said}; this does not fail the gate", details)
