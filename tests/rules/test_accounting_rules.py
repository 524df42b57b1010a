"""Rules about what became of a file's tensors: nothing that was skipped passes in silence."""

from __future__ import annotations

from typing import Any

import pytest

from loradiag.api.judging import default_policy, judged
from loradiag.core.findings import Finding
from loradiag.core.integrity import Integrity, Problem
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Subject, Unsupported


def said(code: str, *problems: Problem, modules: int = 0, **counts: Any) -> list[Finding]:
    """What a rule says of a file whose tensors were counted so."""
    integrity = Integrity(
        modules=modules, tensors=counts.get("total", 0), zero_modules=0, has_config=True, config_expected=True,
        problems=list(problems),
    )  # fmt: skip
    report = judged(
        Subject(path="x", modules=modules), Measurements(integrity=integrity), Accounting(**counts), default_policy()
    )
    return [finding for finding in report.findings if finding.code == code]


PROMPT = Unsupported(tensor="prompt", reason="nobody knows it")


@pytest.mark.parametrize(
    ("modules", "counts", "messages"),
    [
        (2, {"total": 4, "analysed": 4}, []),
        (0, {"total": 3, "unexpected": ["a", "b", "c"]}, ["no module could be analysed"]),
        (0, {"total": 0}, []),
        (1, {"total": 3, "analysed": 2, "unexpected": ["c"]}, []),
        (0, {"total": 1, "unsupported": [PROMPT]}, ["1 tensor of 1 not analysed: nobody knows it"]),
        (1, {"total": 5, "analysed": 2, "unsupported": [PROMPT] * 3}, ["3 tensors of 5 not analysed: nobody knows it"]),
    ],
)  # fmt: skip
def test_what_was_not_analysed_is_told_once(modules: int, counts: dict[str, Any], messages: list[str]) -> None:
    """By tensor where a reason is known; else that there was nothing to analyse."""
    assert [finding.message for finding in said("LD113", modules=modules, **counts)] == messages


def test_a_file_of_which_nothing_could_be_analysed_does_not_pass() -> None:
    """Whatever else is right with it."""
    report = judged(
        Subject(path="x"),
        Measurements(
            integrity=Integrity(
                modules=0, tensors=3, zero_modules=0, has_config=True, config_expected=True, problems=[]
            )
        ),
        Accounting(total=3, unexpected=["a", "b", "c"]),
        default_policy(),
    )
    assert report.verdict.status.value != "pass"
    assert "LD113" in report.verdict.decided_by


def test_tensors_of_no_known_use_are_named() -> None:
    """And none is where there is none."""
    (finding,) = said("LD114", modules=1, total=3, analysed=2, unexpected=["a\x1b[2J"])
    assert finding.observed == 1
    assert finding.message.isprintable()
    assert said("LD114", modules=1, total=2, analysed=2) == []
