"""SARIF 2.1.0 (OASIS, errata 01), for code scanning."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from loradiag.core.findings import Disposition, Finding, Severity
from loradiag.core.report import Report
from loradiag.core.text import printable
from loradiag.outputs.arrange import unreadable, weights_path
from loradiag.outputs.style import Style

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MODULES = 100
"""Modules named in one result: viewers load all of a file, and GitHub refuses large ones."""

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_SEVERITIES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "recommendation"}
"""The words by which GitHub's code scanning sorts."""

Json = dict[str, Any]


def render(reports: Sequence[Report], style: Style) -> str:  # noqa: ARG001 - every output takes a style
    """Return one log with one run, which holds the results of all reports."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(reports)]}
    # A page that shows the log within a script element must not be ended by a name in it.
    return json.dumps(log, indent=2, ensure_ascii=False).replace("<", "\\u003c") + "\n"


def _run(reports: Sequence[Report]) -> Json:
    findings = [finding for report in reports for finding in report.findings]
    first = {finding.code: finding for finding in reversed(findings)}
    codes = {code: index for index, code in enumerate(sorted(first))}
    artifacts = [_artifact(report) for report in reports]
    # The same adapter may come twice, and the specification wants each artifact once.
    keys = [json.dumps(artifact) for artifact in artifacts]
    unique = dict(zip(keys, artifacts, strict=True))
    places = {key: index for index, key in enumerate(unique)}
    return {
        "tool": {
            "driver": {
                "name": printable(reports[0].tool.name),
                "version": printable(reports[0].tool.version),
                "rules": [_rule(first[code]) for code in codes],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not any(unreadable(report) for report in reports),
                "endTimeUtc": printable(reports[-1].created),
            }
        ],
        "artifacts": [*unique.values()],
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(report, places[key], finding, codes[finding.code])
            for report, key in zip(reports, keys, strict=True)
            for finding in report.findings
        ],
        "properties": {"verdicts": [_verdict(report) for report in reports]},
    }


def _rule(finding: Finding) -> Json:
    words = finding.rule.replace("-", " ")
    return {
        "id": printable(finding.code),
        "name": printable(finding.rule),
        "shortDescription": _message(words[:1].upper() + words[1:]),
        "fullDescription": _message(f"{words[:1].upper()}{words[1:]}. {finding.advice}"),
        "help": _message(f"{finding.advice} Source: {finding.source}. More: loradiag rule {finding.code}"),
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {
            "precision": finding.confidence.value,
            "problem.severity": _SEVERITIES[finding.severity],
            "source": printable(finding.source),
        },
    }


def _artifact(report: Report) -> Json:
    artifact: Json = {"location": {"uri": _uri(report)}, "roles": ["analysisTarget"]}
    identity = report.measurements.identity
    if report.subject.sha256 and identity and len(identity.weight_files) == 1:
        artifact["hashes"] = {"sha-256": printable(report.subject.sha256)}
    return artifact


def _result(report: Report, artifact: int, finding: Finding, rule: int) -> Json:
    location: Json = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(report), "index": artifact},
            # Weight files have no lines, but GitHub shows only results that have one.
            "region": {"startLine": 1},
        }
    }
    if finding.modules:
        location["logicalLocations"] = _logical(finding.modules)
    result: Json = {
        "ruleId": printable(finding.code),
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": _message(finding.message),
        "locations": [location],
        "partialFingerprints": {"loradiag/v1": printable(finding.fingerprint)},
        "properties": _properties(finding),
    }
    if finding.disposition is Disposition.IGNORED:
        result["suppressions"] = [{"kind": "external", "justification": printable(finding.reason or "no reason given")}]
    return result


def _properties(finding: Finding) -> Json:
    values = {
        "confidence": finding.confidence.value,
        "observed": finding.observed,
        "threshold": finding.threshold,
        "advice": printable(finding.advice),
        "modules": len(finding.modules),
        "route": None if finding.route is None else printable(finding.route),
    }
    return {name: value for name, value in values.items() if value is not None}


def _logical(modules: Iterable[str]) -> list[Json]:
    names = list(dict.fromkeys(printable(name) for name in modules))
    return [{"fullyQualifiedName": name, "kind": "module"} for name in names[:MODULES]]


def _verdict(report: Report) -> Json:
    return {
        "path": printable(report.subject.path),
        "status": report.verdict.status.value,
        "decidedBy": [printable(code) for code in report.verdict.decided_by],
    }


def _message(text: str) -> Json:
    """A plain-text message. Brackets are links and braces placeholders there (§3.11), so both are escaped."""
    shown = printable(text)
    if "](" in shown:
        shown = shown.replace("[", "\\[").replace("]", "\\]")
    return {"text": shown.replace("{", "{{").replace("}", "}}")}


def _uri(report: Report) -> str:
    """Where the weights are, as a reference: relative to the current directory if they lie below it."""
    path = weights_path(report)
    encoded = quote(path.encode("utf-8", "backslashreplace"), safe="/~")
    # A colon in the first part of a relative reference would make it a scheme; quote() has encoded it.
    return f"file://{encoded}" if path.startswith("/") else encoded
