"""GitLab's Code Quality report, for a merge request: an issue for each finding that counts.

A verdict other than pass that no finding speaks for is an issue of its own, since the document has no other place for it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from loradiag.core.findings import Finding, Severity
from loradiag.core.report import Report
from loradiag.core.text import printable
from loradiag.core.verdict import Status
from loradiag.outputs.arrange import active, deciding, undecided, weights_path
from loradiag.outputs.style import Style

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFO: "info"}
"""GitLab's words; its others are ``blocker`` and ``minor``."""

Json = dict[str, Any]


def render(reports: Sequence[Report], style: Style) -> str:  # noqa: ARG001 - every output takes a style
    """Return the array of issues, in the order of the reports and of their findings; empty if there is nothing to say."""
    seen: Counter[tuple[str, str]] = Counter()
    issues = []
    for report in reports:
        path = weights_path(report)
        # Weight files have no lines, but GitLab asks for one.
        location = {"path": printable(path), "lines": {"begin": 1}}
        for identity, issue in _issues(report):
            seen[path, identity] += 1
            mark = _fingerprint(path, identity, seen[path, identity])
            issues.append({**issue, "fingerprint": mark, "location": location})
    # A page that shows the document within a script element must not be ended by a name in it.
    return json.dumps(issues, indent=2, ensure_ascii=False).replace("<", "\\u003c") + "\n"


def _issues(report: Report) -> Iterator[tuple[str, Json]]:
    """Pairs of what an issue is about, the same from run to run, and the issue without fingerprint and place."""
    found = active(report)
    for finding in found:
        yield finding.fingerprint, _issue(finding.code, _told(report, finding), finding.severity)
    status = report.verdict.status
    if status is Status.PASS or any(finding.code in report.verdict.decided_by for finding in found):
        return
    fails = status is Status.FAIL or report.policy.inconclusive == "fail"
    decided = f", decided by {deciding(report)}" if report.verdict.decided_by else ""
    yield "verdict", _issue("verdict", f"{status.value}{decided}", Severity.ERROR if fails else Severity.WARNING)


def _issue(code: str, said: str, severity: Severity) -> Json:
    return {"description": printable(said), "check_name": printable(code), "severity": _SEVERITIES[severity]}


def _told(report: Report, finding: Finding) -> str:
    """What a merge request shows of a finding; the document has no other field for advice."""
    open_ = "inconclusive: " if undecided(report, finding) else ""
    advice = f" → {finding.advice}" if finding.advice else ""
    return f"{finding.code} {finding.rule}: {open_}{finding.message}{advice}"


def _fingerprint(path: str, identity: str, time: int) -> str:
    """Hexadecimal digits by which GitLab tells new issues from known ones; of those with the same it keeps one only.

    Args:
        path: Where the weights are, so that adapters are told apart.
        identity: What the issue is about.
        time: Which of those about the same in the same place this is, from 1.
    """
    text = "\0".join([path, identity, *([str(time)] if time > 1 else [])])
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]
