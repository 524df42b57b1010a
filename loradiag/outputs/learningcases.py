"""The checkpoints of a series as the test cases that a CI shows."""

from __future__ import annotations

from loradiag.core.report import Report
from loradiag.core.trajectory import UnreadCheckpoint
from loradiag.outputs.arrange import active, gates
from loradiag.outputs.case import Case
from loradiag.outputs.learning import StepRow, called, figures, step_rows

BROKEN, UNREAD = "LD916", "LD910"


def checkpoint_cases(report: Report) -> list[Case]:
    """A case for every checkpoint: one that is broken or unread fails if its rule fails the gate, and else is skipped."""
    series = report.measurements.trajectory
    if series is None:
        return []
    rows = step_rows(report)
    made = [(row.step.step, _case(report, rows, row)) for row in rows]
    made += [(row.step or 0, _unread(report, row)) for row in series.unread]
    return [case for _, case in sorted(made, key=lambda pair: pair[0])]


def _case(report: Report, rows: list[StepRow], row: StepRow) -> Case:
    told = [f"{figure.title}: {figure.say(row)}" for figure in figures(rows)]
    details = "\n".join([f"step {row.step.step:,}", *(["the best that is there"] if row.best else []), *told])
    if not row.step.nonfinite:
        return Case(called(row.step), "passed", "", details)
    said = f"{row.step.nonfinite:,} of {row.step.modules:,} modules have an update that is not finite"
    return _failed(report, called(row.step), said, details, BROKEN)


def _unread(report: Report, row: UnreadCheckpoint) -> Case:
    name = row.path.rstrip("/").rpartition("/")[2]
    return _failed(report, name, f"cannot be read: {row.problem}", f"{row.path}: {row.problem}", UNREAD)


def _failed(report: Report, name: str, said: str, details: str, code: str) -> Case:
    if any(finding.code == code and gates(report, finding) for finding in active(report)):
        return Case(name, "failure", said, details, code)
    return Case(name, "skipped", f"{said}; this does not fail the gate", details)
