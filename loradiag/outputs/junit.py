"""JUnit XML: a suite for each report, a test case for each rule that found something, each route, task, and window."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from loradiag.core.findings import Disposition, Finding
from loradiag.core.report import Report
from loradiag.core.text import listed, printable
from loradiag.core.verdict import Status
from loradiag.outputs.arrange import deciding, gates, tally, undecided, unreadable
from loradiag.outputs.canarycases import canary_cases
from loradiag.outputs.case import Case, messages
from loradiag.outputs.comparedcases import pair_cases
from loradiag.outputs.facts import facts, short_number
from loradiag.outputs.fleetcases import adapter_cases
from loradiag.outputs.inshort import in_words
from loradiag.outputs.learningcases import checkpoint_cases
from loradiag.outputs.notes import named
from loradiag.outputs.routecases import route_cases
from loradiag.outputs.servedcases import served_cases
from loradiag.outputs.style import Style
from loradiag.outputs.taskcases import task_cases
from loradiag.outputs.trafficcases import answer_cases, window_cases
from loradiag.outputs.watchcases import watch_cases

NAMES = 20
"""Modules named in the text of a finding; the JSON report has all."""

# What XML 1.0 cannot hold in any form, beyond the controls and surrogates that `printable` escapes.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(reports: Sequence[Report], style: Style) -> str:  # noqa: ARG001 - every output takes a style
    """Return the document."""
    suites = Element("testsuites", name="loradiag")
    for report in reports:
        _suite(suites, report)
    for attribute in ("tests", "failures", "errors", "skipped"):
        suites.set(attribute, str(sum(int(suite.get(attribute, "0")) for suite in suites)))
    indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suites, encoding="unicode") + "\n"


def _suite(parent: Element, report: Report) -> None:
    suite = SubElement(
        parent, "testsuite", name=_text(report.subject.path), timestamp=_text(report.created.rstrip("Z"))
    )
    properties = SubElement(suite, "properties")
    about = [("verdict", report.verdict.status.value), ("findings", tally(report))]
    about += [(title, said) for title, (said,) in in_words([report])]
    for name, value in [*about, *([] if unreadable(report) else facts(report))]:
        SubElement(properties, "property", name=_text(name), value=_text(value))
    rules: dict[tuple[str, str], list[Finding]] = {}
    for finding in report.findings:
        rules.setdefault((finding.code, finding.rule), []).append(finding)
    for (code, rule), found in rules.items():
        _case(suite, report, f"{code} {rule}", found)
    if not _said(report, suite):
        _verdict(suite, report)
    for where, case in _parts(report):
        _one(suite, f"{where}.{report.subject.path}", case)
    made = suite.findall("testcase")
    suite.set("tests", str(len(made)))
    for plural, singular in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(plural, str(sum(case.find(singular) is not None for case in made)))
    suite.set("time", "0")


def _parts(report: Report) -> Iterator[tuple[str, Case]]:
    """What was measured part by part: routes, tasks, windows and answers, adapters under watch, metrics of a canary."""
    for where, found in (
        ("merge-drift", route_cases(report)),
        ("forgetting", task_cases(report)),
        ("traffic", [*window_cases(report), *answer_cases(report)]),
        ("watch", watch_cases(report)),
        ("canary", canary_cases(report)),
        ("trajectory", checkpoint_cases(report)),
        ("compare", pair_cases(report)),
        ("served", served_cases(report)),
        ("fleet", adapter_cases(report)),
    ):
        for case in found:
            yield where, case


def _case(suite: Element, report: Report, name: str, found: Sequence[Finding]) -> None:
    """A test case for one rule: its gravest outcome, with the words of everything that it found."""
    case = _new_case(suite, report, name)
    failing = [finding for finding in found if gates(report, finding)]
    open_ = [finding for finding in found if undecided(report, finding)]
    if failing:
        # What could not be read is no judgement on the adapter but a check that could not be made.
        kind = "error" if unreadable(report) else "failure"
        outcome = SubElement(case, kind, message=_text(messages(failing)), type=_text(failing[0].code))
        outcome.text = _details(report, found)
    elif open_:
        SubElement(case, "skipped", message=_text(f"inconclusive: {messages(open_)}"))
    elif all(finding.disposition is Disposition.IGNORED for finding in found):
        reasons = dict.fromkeys(finding.reason or "no reason given" for finding in found)
        SubElement(case, "skipped", message=_text("ignored by the policy: " + "; ".join(reasons)))
    if not failing:
        SubElement(case, "system-out").text = _details(report, found)


def _one(suite: Element, where: str, case: Case) -> None:
    """A test case for one way of deploying, or one task."""
    made = SubElement(suite, "testcase", classname=_text(f"loradiag.{where}"), name=_text(case.name), time="0")
    details = "\n".join(map(_text, case.details.split("\n")))
    if case.outcome == "failure":
        SubElement(made, "failure", message=_text(case.message), type=_text(case.kind)).text = details
        return
    if case.outcome == "skipped":
        SubElement(made, "skipped", message=_text(case.message))
    SubElement(made, "system-out").text = details


def _said(report: Report, suite: Element) -> bool:
    """Whether some test case already shows that the report did not pass, or that it did and why."""
    marks = {Status.PASS: "testcase", Status.FAIL: "testcase/failure", Status.INCONCLUSIVE: "testcase/skipped"}
    if unreadable(report):
        return suite.find("testcase/error") is not None
    if report.verdict.status is Status.INCONCLUSIVE and report.policy.inconclusive == "fail":
        return suite.find("testcase/failure") is not None
    return suite.find(marks[report.verdict.status]) is not None


def _verdict(suite: Element, report: Report) -> None:
    """A test case for the verdict itself, where no finding's case speaks for it."""
    case = _new_case(suite, report, "verdict")
    status, reason = report.verdict.status, unreadable(report)
    said = _text(f"{status.value}: {deciding(report)}")
    if reason:
        SubElement(case, "error", message=_text(f"{reason.file}: {reason.detail}"), type=_text(reason.kind))
    elif status is Status.FAIL or (status is Status.INCONCLUSIVE and report.policy.inconclusive == "fail"):
        SubElement(case, "failure", message=said, type="verdict")
    elif status is Status.INCONCLUSIVE:
        SubElement(case, "skipped", message=said)


def _new_case(suite: Element, report: Report, name: str) -> Element:
    return SubElement(suite, "testcase", classname=_text(f"loradiag.{report.subject.path}"), name=_text(name), time="0")


def _details(report: Report, found: Iterable[Finding]) -> str:
    return "\n\n".join(_detail(report, finding) for finding in found)


def _detail(report: Report, finding: Finding) -> str:
    head = f"{finding.severity.value}, {finding.confidence.value} confidence"
    lines = [f"{head}: {finding.message}", f"Advice: {finding.advice}"]
    pairs = (("observed", finding.observed), ("threshold", finding.threshold))
    lines += [f"{label}: {short_number(value)}" for label, value in pairs if value is not None]
    if finding.modules:
        lines.append(f"{named(report, finding).capitalize()}s: {listed(finding.modules, NAMES)}")
    lines.append(f"Source: {finding.source}")
    return "\n".join(map(_text, lines))


def _text(text: str) -> str:
    return _NO_XML.sub("\ufffd", printable(text))
