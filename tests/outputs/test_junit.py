"""JUnit XML: parsed by the standard library, whatever the names."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree.ElementTree import Element, fromstring

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.api.judging import judge
from loradiag.core.policy import Ignore
from loradiag.core.report import Report
from loradiag.core.verdict import Status
from loradiag.outputs.junit import render
from loradiag.outputs.style import Style
from tests.outputs import building, forgetting_parts, forgetting_reports, merge_reports, samples


def suites(reports: list[Report]) -> Element:
    """Render and parse; the counts that the document claims must be those of its elements."""
    root = fromstring(render(reports, Style()).encode())
    for node in (root, *root):
        cases = list(node.iter("testcase"))
        assert node.get("tests") == str(len(cases))
        for claim, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert node.get(claim) == str(sum(case.find(tag) is not None for case in cases))
    return root


def outcomes(reports: list[Report]) -> dict[str, str]:
    """What became of each test case."""
    return {
        case.get("name", ""): next((child.tag for child in case if child.tag != "system-out"), "passed")
        for case in suites(reports).iter("testcase")
    }


@pytest.mark.parametrize("make", samples.CASES.values(), ids=samples.CASES)
def test_one_suite_for_each_report(make: Callable[[], list[Report]]) -> None:
    """Suites are as many as reports and none is without a case."""
    root = suites(make())
    assert len(root) == len(make())
    assert all(len(suite.findall("testcase")) for suite in root)


def test_outcomes_follow_the_gate() -> None:
    """At or above the fail level is a failure, below passes with its text, ignored is skipped."""
    assert outcomes(samples.broken()) == {
        "LD107 dead-modules": "failure",
        "LD105 non-finite-values": "failure",
        "LD405 block-missing": "passed",
        "LD304 norm-outlier": "skipped",
    }
    assert outcomes(samples.empty()) == {"verdict": "passed"}


def test_what_cannot_be_read_is_an_error() -> None:
    """Also where the policy never fails: silence would look like a pass."""
    assert outcomes(samples.unreadable()) == {"LD101 unreadable-adapter": "error"}
    (bad,) = samples.unreadable()
    lenient = building.report(bad.measurements, bad.findings, path="runs/bad", fail_on="never")
    assert outcomes([lenient])["verdict"] == "error"


def test_inconclusive_is_skipped_or_fails_as_the_policy_says() -> None:
    """An open question is never a plain pass."""
    (open_,) = samples.inconclusive()
    assert outcomes([open_]) == {"LD306 scale-unknown": "skipped"}
    strict = building.report(open_.measurements, open_.findings, status=Status.INCONCLUSIVE, inconclusive="fail")
    assert outcomes([strict]) == {"LD306 scale-unknown": "failure"}


def test_findings_of_one_rule_share_a_case() -> None:
    """Three tools that refuse an adapter are one case that names all three."""
    found = [building.finding("LD506", "not-deployable", message=f"tool {index}") for index in range(3)]
    report = building.report(building.measured([]), found, status=Status.FAIL)
    (failure,) = suites([report]).iter("failure")
    assert failure.get("message") == "tool 0; tool 1; tool 2"


def routes(reports: list[Report]) -> dict[str, tuple[str, str]]:
    """What became of each route, and why."""
    found = {}
    for case in suites(reports).iter("testcase"):
        if (case.get("classname") or "").startswith("loradiag.merge-drift."):
            child = next((child for child in case if child.tag != "system-out"), None)
            outcome = ("passed", "") if child is None else (child.tag, child.get("message") or "")
            found[case.get("name", "")] = outcome
    return found


def test_routes_that_were_asked_for_fail_or_pass() -> None:
    """Each is a case; the rules keep theirs."""
    assert {name: outcome for name, (outcome, _) in routes(merge_reports.gated()).items()} == {
        "nf4-inplace": "failure",
        "bf16": "passed",
        "nf4": "failure",
    }
    assert routes(merge_reports.gated())["nf4"][1] == "nf4: ρ = 43.9 (39 to 50) of the adapter's effect is lost"
    assert outcomes(merge_reports.gated())["LD604 effect-lost"] == "failure"
    assert outcomes(merge_reports.gated())["LD607 outputs-differ"] == "passed"
    assert routes(samples.healthy()) == {}


def test_what_does_not_count_is_skipped_with_its_reason() -> None:
    """A route that fails though nobody asked for it, an open one, and one that does not apply are no failures."""
    assert routes(merge_reports.by_weights()) == {
        "bf16": ("passed", ""),
        "fp32": ("passed", ""),
        "nf4": ("skipped", "inconclusive: nf4: weights alone do not tell what it does to the outputs"),
        "nf4-inplace": ("skipped", "fails, and was not asked for: nf4-inplace: 1.2% of the update is kept"),
        "int8": ("skipped", "inconclusive: int8: weights alone do not tell what it does to the outputs"),
    }
    absent = routes(merge_reports.stored())["bf16"]
    assert absent == ("skipped", "not applicable: needs the 16-bit base, and this one is stored in nf4")
    assert routes(merge_reports.extreme())["int8"] == ("skipped", "not judged")


def test_open_routes_fail_where_the_policy_says_so() -> None:
    """As the rules' cases do."""
    (report,) = merge_reports.undecided()
    assert routes([report])["nf4"][0] == "skipped"
    strict = msgspec.structs.replace(report, policy=msgspec.structs.replace(report.policy, inconclusive="fail"))
    assert routes([strict])["nf4"][0] == "failure"


def test_every_route_fails_with_what_concerns_all() -> None:
    """Parts that cannot be folded."""
    assert set(routes(merge_reports.refused()).values()) == {("failure", "3 parts cannot be folded")}


def test_a_case_of_a_route_holds_its_figures() -> None:
    """Beside what it is and every finding; the suite says how to deploy."""
    root = suites(merge_reports.gated())
    (case,) = [case for case in root.iter("testcase") if case.get("name") == "nf4"]
    text = case.findtext("failure") or ""
    lines = text.splitlines()
    assert lines[:2] == ["fold into the 16-bit base, then quantize to NF4", "status: fail"]
    assert {"bits: 4.13", "ρ: 43.9", "NLL kept: 71.8%", "cosine: 0.964"} <= set(lines)
    assert lines[-1].startswith("warning LD607: nf4: mean KLD")
    properties = {node.get("name"): node.get("value") for node in root.iter("property")}
    assert properties["deploy as"] == "bf16"


def tasks(reports: list[Report]) -> dict[str, tuple[str, str]]:
    """What became of each task, and why."""
    found = {}
    for case in suites(reports).iter("testcase"):
        if (case.get("classname") or "").startswith("loradiag.forgetting."):
            child = next((child for child in case if child.tag != "system-out"), None)
            found[case.get("name", "")] = ("passed", "") if child is None else (child.tag, child.get("message") or "")
    return found


def test_every_task_that_was_asked_is_a_case() -> None:
    """Lost ones fail, safe ones pass, open ones are skipped with what would decide; parts of groups are none."""
    found = tasks(forgetting_reports.plain())
    assert {name: outcome for name, (outcome, _) in found.items()} == {
        "hellaswag": "failure",
        "piqa": "skipped",
        "arc_easy": "passed",
        "npi": "passed",
    }
    assert found["hellaswag"][1].startswith("hellaswag: acc 0.9170 → 0.5860, by -0.331")
    assert found["piqa"][1].startswith("inconclusive: piqa: acc 0.7430 → 0.6900")
    assert list(tasks(forgetting_reports.grouped())) == ["mmlu", "hellaswag", "wiki"]
    assert tasks(samples.healthy()) == {}


def test_open_tasks_fail_where_the_policy_says_so() -> None:
    """As routes do; so do those that an interrupted run did not reach."""
    assert tasks(forgetting_reports.undecided())["piqa"][0] == "skipped"
    assert tasks(forgetting_reports.strictly())["piqa"][0] == "failure"
    assert {name: outcome for name, (outcome, _) in tasks(forgetting_reports.interrupted()).items()} == {
        "arc_easy": "passed",
        "gsm8k": "skipped",
        "hellaswag": "skipped",
        "sweep": "skipped",
    }
    (report,) = forgetting_reports.interrupted()
    assert tasks([judge(report, forgetting_parts.strict())])["gsm8k"] == (
        "failure",
        "not asked: the run was interrupted",
    )


def test_routes_of_tasks_are_cases_of_their_own() -> None:
    """What only deploying loses fails too; the unmerged adapter is not what is judged."""
    found = {name: outcome for name, (outcome, _) in tasks(forgetting_reports.served()).items()}
    assert found == {
        "arc_easy": "passed",
        "arc_easy (nf4)": "failure",
        "arc_easy (bf16)": "passed",
        "gsm8k": "passed",
        "gsm8k (nf4)": "failure",
        "gsm8k (bf16)": "passed",
    }
    lost = forgetting_parts.task("a", 0.9, 300, 20)
    report = forgetting_parts.judged(
        forgetting_parts.forgetting([lost, forgetting_parts.as_served(lost, "nf4", 10, 12)], routes=["nf4"])
    )
    assert tasks([report])["a"][0] == "skipped"
    assert tasks([report])["a"][1].startswith("forgot, and is not what is judged: a: acc")


def test_what_the_policy_ignores_is_skipped_with_its_reason() -> None:
    """And what has no score says why."""
    (report,) = forgetting_reports.plain()
    known = Ignore(code="LD701", reason="known", modules=["hellaswag"], expires=None)
    quiet = judge(report, msgspec.structs.replace(report.policy, ignore=[known]))
    assert tasks([quiet])["hellaswag"] == ("skipped", "forgot; ignored by the policy: known")
    bare = tasks(forgetting_reports.odd()[2:3])
    assert bare == {"arc": ("skipped", "not judged")}
    assert tasks(forgetting_reports.odd()[:1])["bleu"][1].endswith("it has no value of its own for each document")


def test_a_case_of_a_task_holds_its_figures() -> None:
    """Beside its metric, status and findings; rules name tasks as what they are."""
    root = suites(forgetting_reports.plain())
    (case,) = [case for case in root.iter("testcase") if case.get("name") == "hellaswag"]
    lines = (case.findtext("failure") or "").splitlines()
    assert lines[:2] == ["metric: acc", "status: forgot"]
    assert {"base: 0.9170", "adapter: 0.5860", "lost / won: 364 / 33", "of base: -36.1%"} <= set(lines)
    assert lines[-1].startswith("error LD701: hellaswag")
    assert "Tasks: hellaswag" in (root.findtext(".//failure") or "")
    properties = {node.get("name"): node.get("value") for node in root.iter("property")}
    assert properties["forgot"] == "1 of 4, worst -36.1%"


@given(name=st.text(alphabet=st.characters(), max_size=60))
@settings(deadline=None, max_examples=30)
def test_any_name_of_a_task_gives_well_formed_xml(name: str) -> None:
    """Names, metrics and reasons come from a report that anyone may have written."""
    assert tasks(forgetting_reports.hostile(name))


@given(name=st.text(alphabet=st.characters(), max_size=60))
@settings(deadline=None, max_examples=50)
def test_any_name_of_a_route_gives_well_formed_xml(name: str) -> None:
    """Reasons, summaries and names come from a report that anyone may have written."""
    assert len(routes(merge_reports.hostile(name))) == 4


@given(name=st.text(alphabet=st.characters(), max_size=60))
@settings(deadline=None, max_examples=100)
def test_any_name_gives_well_formed_xml(name: str) -> None:
    """XML forbids characters that names may hold; none of them gets through."""
    root = suites(samples.hostile(name))
    assert next(case.get("name") for case in root.iter("testcase")) == "LD107 dead-modules"


def test_surrogates_and_noncharacters() -> None:
    """The corners that XML has and JSON has not."""
    suites(samples.hostile("\ud800\ufffe\uffff\x00\x0b]]>&<"))
