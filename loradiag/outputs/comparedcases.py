"""Pairs of adapters as the test cases that a CI shows."""

from __future__ import annotations

from loradiag.core.comparing import ComparedPair, Comparison
from loradiag.core.findings import Finding, fingerprint
from loradiag.core.relations import PAIRWISE
from loradiag.core.report import Report
from loradiag.outputs.arrange import active, gates
from loradiag.outputs.case import Case, messages
from loradiag.outputs.comparing import FIGURES, MEANINGS, name, notes, pair_name


def pair_cases(report: Report) -> list[Case]:
    """A case for every pair: a failure where a finding about it fails the gate, skipped where it could not be compared."""
    found = report.measurements.comparison
    return [_case(report, found, pair) for pair in found.pairs] if found else []


def _case(report: Report, found: Comparison, pair: ComparedPair) -> Case:
    called = pair_name(found, pair)
    said = f"{called}: {MEANINGS[pair.relation]}"
    details = "\n".join([said, *(f"{figure.title}: {figure.say(pair)}" for figure in FIGURES), *notes(found, pair)])
    both = f"{name(found.adapters[pair.a], 60)} and {name(found.adapters[pair.b], 60)}"
    # By what the finding is about, not by how its message begins: checkpoint-100 begins as checkpoint-1000 does.
    own = [row for row in active(report) if row.code in PAIRWISE and row.fingerprint == _identity(row, both)]
    failing = [row for row in own if gates(report, row)]
    if failing:
        return Case(called, "failure", messages(failing), details, failing[0].code)
    if pair.relation == "not-compared":
        return Case(called, "skipped", said, details)
    return Case(called, "passed", "", details)


def _identity(finding: Finding, both: str) -> str:
    return fingerprint(finding.code, finding.modules, both)
