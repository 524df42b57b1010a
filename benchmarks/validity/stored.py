"""Forgetting: verdicts of the stored reports, judged again, beside accuracies that ``fixtures/build.py`` measured by itself."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

from benchmarks.validity.cases import FIXTURES

HEAD = ("adapter", "task", "lost, by TRUTH.json", "verdict", "")
MARGIN = 0.05
UNSURE = 0.03
"""About two standard errors of an accuracy lost near the margin, of 300 documents."""


def tasks() -> Iterator[list[str]]:
    """A row for every task of every adapter."""
    from loradiag.api import judge
    from loradiag.core.report import decode

    truth = json.loads((FIXTURES / "TRUTH.json").read_text())["adapters"]
    for report in decode(gzip.decompress((FIXTURES / "reports" / "forgetting.json.gz").read_bytes())):
        name = report.subject.path.rpartition("/")[2]
        measured = judge(report).measurements.forgetting
        for row in measured.tasks if measured else ():
            told = truth[name]["accuracy"].get(row.task)
            if told and row.role == "task" and row.route is None:
                lost = told["before"] - told["after"]
                yield [name, row.task, f"{lost:+.3f}", row.status, _agreement(lost, row.status)]


def _agreement(lost: float, status: str) -> str:
    if status == "inconclusive":
        return "undecided"
    if abs(lost - MARGIN) < UNSURE:
        return "too near the margin to say"
    return "right" if (status == "forgot") == (lost > MARGIN) else "WRONG"
