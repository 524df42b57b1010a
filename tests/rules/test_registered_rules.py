"""Rules about the registry: what they mind at which stage."""

from __future__ import annotations

from typing import Any

import pytest

from loradiag.api.judging import default_policy, judged
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Subject
from loradiag.core.verdict import Status
from tests.rules.registered import known


def judge(**changes: Any) -> tuple[Status, list[str]]:
    """Status and codes."""
    report = judged(Subject(path="a"), Measurements(registered=known(**changes)), Accounting(), default_policy())
    return report.verdict.status, [finding.code for finding in report.findings]


LACKING = {"owner": None, "data_sha256": None, "evaluations": 0, "evaluated": None, "evaluated_days": None}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (Status.PASS, [])),
        (LACKING, (Status.PASS, ["LD530", "LD531", "LD532"])),
        ({**LACKING, "stage": None}, (Status.PASS, ["LD530", "LD531", "LD532"])),
        ({**LACKING, "stage": "retired"}, (Status.PASS, [])),
        ({"inspection": "fail"}, (Status.FAIL, ["LD533"])),
        ({"inspection": "fail", "stage": "staging"}, (Status.PASS, [])),
        ({"inspection": None}, (Status.INCONCLUSIVE, ["LD535"])),
        ({"inspection": None, "stage": "canary"}, (Status.PASS, [])),
        ({"evaluated_days": 92.0}, (Status.PASS, [])),
        ({"evaluated_days": 92.5}, (Status.PASS, ["LD534"])),
        ({"evaluated_days": 92.5, "stage": "staging"}, (Status.PASS, [])),
    ],
)
def test_what_is_minded_at_which_stage(changes: dict[str, Any], expected: tuple[Status, list[str]]) -> None:
    """Retired adapters need nothing; a broken one that is live fails; one that was never inspected cannot be judged."""
    assert judge(**changes) == expected


def test_words_of_a_database_are_escaped() -> None:
    """Codes and times come from a database that others write to."""
    found = known(inspection="fail", inspection_decided=["\x1b[31m"], inspected="\x1b[0m")
    report = judged(Subject(path="a"), Measurements(registered=found), Accounting(), default_policy())
    assert "\x1b" not in report.findings[0].message
