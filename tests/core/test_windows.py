"""What a policy makes of windows and of answers."""

from __future__ import annotations

from typing import Any

import pytest

from loradiag.api.judging import default_policy, judge
from loradiag.core.verdict import Status
from loradiag.core.windows import moved, settle, status_of
from tests.rules.traffic import answers, found, novel, report_of, window

DEFAULTS = default_policy().thresholds


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "steady"),
        ({"novelty_share": 0.2, "novelty_adjusted": 0.05}, "novel"),
        ({"novelty_share": 0.2, "novelty_adjusted": 0.051}, "steady"),
        ({"novelty_share": 0.079, "novelty_adjusted": 1e-9}, "steady"),
        ({"mix_adjusted": 0.01}, "shifted"),
        ({"mmd_adjusted": 0.01}, "shifted"),
        ({"novelty_share": 0.2, "novelty_adjusted": 0.01, "mmd_adjusted": 0.01}, "novel+shifted"),
        ({"mix_adjusted": None, "mmd_adjusted": None}, "steady"),
        ({"n": 49}, "insufficient"),
        ({"novelty_share": None}, "unjudged"),
    ],
)
def test_status_of_a_window(changes: dict[str, Any], status: str) -> None:
    """Both the p-value and the share for novelty; either test for the mix; too few requests first of all."""
    assert status_of(window(**changes), 50, DEFAULTS) == status


@pytest.mark.parametrize(
    ("metric", "changes", "status"),
    [
        ("perplexity", {"change": 0.06, "ci_low": 0.01}, "moved"),
        ("perplexity", {"change": 0.06, "ci_low": -0.001}, "steady"),
        ("perplexity", {"change": 0.049, "ci_low": 0.04}, "steady"),
        ("perplexity", {"change": -0.3, "ci_low": -0.4}, "steady"),
        ("prompt_perplexity", {"change": 0.2, "ci_low": None}, "undecided"),
        ("response_length", {"p_adjusted": 0.01, "effect": -0.2}, "moved"),
        ("response_length", {"p_adjusted": 0.01, "effect": 0.1}, "steady"),
        ("response_length", {"p_adjusted": None, "effect": 0.9}, "undecided"),
        ("truncated", {"p_adjusted": 0.01, "effect": 0.06}, "moved"),
        ("truncated", {"p_adjusted": 0.06, "effect": 0.5}, "steady"),
        ("entropy", {"effect": None}, "unjudged"),
    ],
)
def test_status_of_answers(metric: str, changes: dict[str, Any], status: str) -> None:
    """A rise and an interval for perplexities; a p-value and an effect for the others."""
    assert moved(answers(metric, **changes), DEFAULTS) == status


def test_a_policy_without_the_rules_judges_nothing() -> None:
    """No thresholds, no drift; what is too few stays too few."""
    settled = settle(found(novel(), window(n=3), predictions=[answers("perplexity", change=9.0, ci_low=8.0)]), {})
    assert [row.status for row in settled.windows] == ["unjudged", "insufficient"]
    assert settled.predictions[0].status == "unjudged"


def test_a_report_can_be_judged_again() -> None:
    """Under a looser policy the same measurements pass."""
    from loradiag.core.policy import PolicyFile, resolve
    from loradiag.rules import all_rules

    report = report_of(found(novel()))
    assert report.verdict.status is Status.FAIL
    assert report.verdict.decided_by == ["LD801"]
    loose = resolve(PolicyFile(thresholds={"LD801": {"least_share": 0.3}}), all_rules(), "test")
    again = judge(report, loose)
    assert again.verdict.status is Status.PASS
    assert again.measurements.drift is not None
    assert again.measurements.drift.windows[0].status == "steady"


def test_too_few_requests_are_no_pass() -> None:
    """The verdict is inconclusive, also when there are no windows at all."""
    assert report_of(found(window(n=12, novelty_share=None))).verdict.status is Status.INCONCLUSIVE
    assert report_of(found()).verdict.status is Status.INCONCLUSIVE
    assert report_of(found(window())).verdict.status is Status.PASS


def test_findings_of_two_windows_are_told_apart() -> None:
    """Each has a fingerprint of its own, the same from run to run."""
    days = [novel(), novel(start="2026-11-03T00:00:00Z", end="2026-11-04T00:00:00Z")]
    prints = [[row.fingerprint for row in report_of(found(*days)).findings if row.code == "LD801"] for _ in range(2)]
    assert prints[0] == prints[1]
    assert len(set(prints[0])) == 2
