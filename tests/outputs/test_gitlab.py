"""GitLab's Code Quality, held to the fields that GitLab's documentation says an issue must have."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema  # type: ignore[import-untyped,unused-ignore]
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.core.findings import Severity
from loradiag.core.report import Report
from loradiag.core.verdict import Status
from loradiag.outputs.arrange import active
from loradiag.outputs.gitlab import render
from loradiag.outputs.style import Style
from tests.outputs import building, merge_reports, samples

TEXT = {"type": "string", "minLength": 1}
ISSUE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["description", "check_name", "fingerprint", "severity", "location"],
    "properties": {
        "description": TEXT,
        "check_name": TEXT,
        "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
        "location": {
            "type": "object",
            "additionalProperties": False,
            "required": ["path", "lines"],
            "properties": {
                "path": TEXT,
                "lines": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["begin"],
                    "properties": {"begin": {"type": "integer", "minimum": 1}},
                },
            },
        },
    },
}
"""https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format; GitLab reads no other fields."""


def issues_of(reports: list[Report]) -> list[dict[str, Any]]:
    """Render, check the structure, and return the issues. No two may have one fingerprint: GitLab would keep one of them."""
    text = render(reports, Style())
    assert not text.startswith("\ufeff"), "GitLab's parser refuses a byte order mark"
    issues = json.loads(text)
    jsonschema.validate(issues, {"type": "array", "items": ISSUE})
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    assert isinstance(issues, list)
    return issues


def prints(reports: list[Report]) -> list[str]:
    """The fingerprints, in the order of the issues."""
    return [str(issue["fingerprint"]) for issue in issues_of(reports)]


@pytest.mark.parametrize("make", samples.CASES.values(), ids=samples.CASES)
def test_an_issue_for_every_finding_that_counts(make: Callable[[], list[Report]]) -> None:
    """And for none that the policy sets aside; beyond them there are verdicts only."""
    reports = make()
    issues = issues_of(reports)
    codes = [issue["check_name"] for issue in issues if issue["check_name"] != "verdict"]
    assert codes == [finding.code for report in reports for finding in active(report)]
    assert len(issues_of([*reports, *reports])) == 2 * len(issues)


def test_severities_and_words() -> None:
    """What GitLab shows of each: its severity, the rule, the message, the advice; ignored findings are left out."""
    issues = issues_of(samples.broken())
    assert [(issue["check_name"], issue["severity"]) for issue in issues] == [
        ("LD107", "critical"),
        ("LD105", "critical"),
        ("LD405", "major"),
    ]
    assert issues[0]["description"] == (
        "LD107 dead-modules: 2 of 56 modules have a zero update → Find out why, or ignore them with a reason."
    )
    assert [issue["severity"] for issue in issues_of(samples.healthy())] == ["info"]
    assert render(samples.empty(), Style()) == "[]\n"


def test_what_is_left_open_says_so() -> None:
    """The finding that decided is marked; a verdict that none speaks for is an issue of its own."""
    (issue,) = issues_of(samples.inconclusive())
    assert issue["description"].startswith("LD306 scale-unknown: inconclusive: the scale cannot be known")
    bare = building.report(building.measured(building.grid(1)), status=Status.INCONCLUSIVE)
    open_ = msgspec.structs.replace(bare, verdict=msgspec.structs.replace(bare.verdict, decided_by=["LD306"]))
    note = building.finding("LD503", "revision-unpinned", Severity.INFO, message="base without a revision")
    both = issues_of([msgspec.structs.replace(open_, findings=[note])])
    assert [(row["check_name"], row["severity"]) for row in both] == [("LD503", "info"), ("verdict", "major")]
    assert both[1]["description"] == "inconclusive, decided by LD306"
    strict = msgspec.structs.replace(open_.policy, inconclusive="fail")
    assert issues_of([msgspec.structs.replace(open_, policy=strict)])[0]["severity"] == "critical"


def test_paths_are_those_of_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those below the current directory become relative to it, with no mark of an encoding: GitLab makes links of them."""
    monkeypatch.setattr("os.getcwd", lambda: "/builds/team/models")

    def path(given: str) -> str:
        report = building.report(building.measured([]), [building.finding()], path=given)
        return str(issues_of([report])[0]["location"]["path"])

    assert path("/builds/team/models/a b/é") == "a b/é/adapter_model.safetensors"
    assert path("./runs/x/adapter_model.safetensors") == "runs/x/adapter_model.safetensors"
    assert path("/elsewhere/x") == "/elsewhere/x/adapter_model.safetensors"


def test_fingerprints_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same from run to run and from runner to runner, whatever the numbers; others for other adapters and findings."""

    def at(path: str, message: str = "2 of 56 modules") -> Report:
        found = [building.finding(modules=["a"], message=message), building.finding(modules=["b"], message=message)]
        return building.report(building.measured([]), found, path=path)

    before = prints([at("runs/x")])
    assert prints([at("runs/x", "3 of 56 modules")]) == before
    monkeypatch.setattr("os.getcwd", lambda: "/builds/7")
    assert prints([at("/builds/7/runs/x")]) == before
    assert not set(prints([at("runs/y")])) & set(before)
    assert prints([at("runs/y"), at("runs/x"), at("runs/x")])[2:4] == before


def test_findings_about_routes_are_told_apart() -> None:
    """One rule says the same of several routes."""
    issues = issues_of(merge_reports.gated())
    assert [issue["check_name"] for issue in issues].count("LD604") == 2


@given(name=st.text(max_size=60))
@settings(deadline=None, max_examples=60)
def test_any_name_gives_valid_issues(name: str) -> None:
    """Names cannot break the structure, and do not change what is found."""
    assert [issue["check_name"] for issue in issues_of(samples.hostile(name))] == ["LD107", "LD501"]
