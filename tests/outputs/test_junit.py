"""JUnit XML: parsed by the standard library, whatever the names."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.core.report import Report
from loradiag.core.verdict import Status
from loradiag.outputs.junit import render
from loradiag.outputs.style import Style
from tests.outputs import building, samples


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


@given(name=st.text(alphabet=st.characters(), max_size=60))
@settings(deadline=None, max_examples=100)
def test_any_name_gives_well_formed_xml(name: str) -> None:
    """XML forbids characters that names may hold; none of them gets through."""
    root = suites(samples.hostile(name))
    assert next(case.get("name") for case in root.iter("testcase")) == "LD107 dead-modules"


def test_surrogates_and_noncharacters() -> None:
    """The corners that XML has and JSON has not."""
    suites(samples.hostile("\ud800\ufffe\uffff\x00\x0b]]>&<"))
