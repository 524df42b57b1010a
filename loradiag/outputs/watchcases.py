"""Adapters under watch as the test cases that a CI shows."""

from __future__ import annotations

from loradiag.core.report import Report
from loradiag.outputs.arrange import gates
from loradiag.outputs.case import Case
from loradiag.outputs.watch import FIGURES, called, summary, told

ALARM = "LD813"


def watch_cases(report: Report) -> list[Case]:
    """A case for the adapter: an alarm that fails the gate is a failure, nothing counted yet is skipped."""
    found = report.measurements.watch
    if found is None:
        return []
    said = summary(found)
    lines = [
        f"{called(row)}: {', '.join(f'{figure.title} {figure.say(row)}' for figure in FIGURES)}" for row in told(found)
    ]
    details = "\n".join([said.text, *lines])
    failing = [finding for finding in report.findings if finding.code == ALARM and gates(report, finding)]
    if failing:
        return [Case("watch", "failure", said.text, details, ALARM)]
    if said.tone == "pass":
        return [Case("watch", "passed", "", details)]
    return [Case("watch", "skipped", f"{said.text}; this does not fail the gate", details)]
