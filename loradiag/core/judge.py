"""Judging: rules over evidence under a policy give findings and a verdict."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

import msgspec

from loradiag.core import abilities, relations, serving, windows
from loradiag.core.findings import Disposition, Finding, Severity, fingerprint
from loradiag.core.measure import Measure
from loradiag.core.measurements import Measurements
from loradiag.core.policy import Ignore, Policy
from loradiag.core.routes import Judged, settle
from loradiag.core.rules import Evidence, Match, Rule, matches_any
from loradiag.core.verdict import Status, Verdict


class Judgement(msgspec.Struct, frozen=True):
    """The outcome of judging: all findings, worst first, the verdict, and the policy with its unused ignores named.

    ``measurements`` are those that were judged, with the statuses of routes and of tasks.
    """

    findings: list[Finding]
    verdict: Verdict
    policy: Policy
    measurements: Measurements


def judge(evidence: Evidence, rules: Iterable[Rule], policy: Policy, today: datetime.date | None = None) -> Judgement:
    """Run every selected rule and decide.

    The verdict is ``fail`` if an active finding is at or above the policy's fail level; else ``inconclusive`` if a
    rule said that the question could not be answered; else ``pass``.
    """
    today = today or datetime.datetime.now(datetime.UTC).date()
    evidence = _settled(evidence, policy)
    used: set[int] = set()
    judged: list[Judged] = []
    for rule in rules:
        if not policy.selects(rule.code):
            continue
        ignores = [
            (index, entry)
            for index, entry in enumerate(policy.ignore)
            if entry.code == rule.code and not entry.expired(today)
        ]
        for finding in _run(rule, evidence, policy, ignores, used):
            eased = rule.code not in policy.severity and finding.severity.weight < rule.severity.weight
            judged.append(Judged(finding, rule.undecided, eased))
    measurements = evidence.measurements
    if measurements.merge is not None:
        apart = [row for row in judged if _is_about_tasks(row)]  # their routes are not merge's
        settled = settle([row for row in judged if not _is_about_tasks(row)], measurements.merge, _floor(policy))
        judged = [*settled.findings, *apart]
        measurements = msgspec.structs.replace(measurements, merge=settled.merge)
    findings = [row.finding for row in judged]
    undecided = {row.finding.code for row in judged if row.undecided and row.finding.disposition is Disposition.ACTIVE}
    findings.sort(key=lambda row: (-row.severity.weight, row.code, row.route or "", row.modules))
    unused = [_describe(entry, today) for index, entry in enumerate(policy.ignore) if index not in used]
    verdict = _decide(findings, undecided, policy)
    return Judgement(findings, verdict, msgspec.structs.replace(policy, unused=unused), measurements)


def _settled(evidence: Evidence, policy: Policy) -> Evidence:
    """The evidence with what the policy's thresholds make of tasks, windows of traffic, pairs of adapters and answers."""
    found = evidence.measurements
    selected = {code: limits for code, limits in policy.thresholds.items() if policy.selects(code)}
    parts: dict[str, Measure] = {}
    if found.forgetting is not None:
        # The margins hold for every rule about tasks, whether LD701 is selected or not.
        margins = policy.thresholds.get(abilities.RULE, {})
        parts["forgetting"] = abilities.settle(found.forgetting, margins)
    if found.drift is not None:
        parts["drift"] = windows.settle(found.drift, selected)
    if found.comparison is not None:
        parts["comparison"] = relations.settle(found.comparison, selected)
    if found.served is not None:
        parts["served"] = serving.settle(found.served, selected)
    return msgspec.structs.replace(evidence, measurements=msgspec.structs.replace(found, **parts))


def _is_about_tasks(row: Judged) -> bool:
    return row.finding.code.startswith(abilities.FAMILY)


def _floor(policy: Policy) -> Severity:
    """The least severity that makes a route fail; a gate that never fails still tells good routes from bad."""
    return Severity.ERROR if policy.fail_on == "never" else Severity(policy.fail_on)


def _run(
    rule: Rule, evidence: Evidence, policy: Policy, ignores: Sequence[tuple[int, Ignore]], used: set[int]
) -> list[Finding]:
    limits = policy.thresholds.get(rule.code, {})
    matches = list(rule.check(evidence, limits))
    if not matches or not ignores:
        return [_finding(rule, match, policy) for match in matches]
    for index, entry in ignores:
        if not entry.modules:
            used.add(index)
            return [_finding(rule, match, policy, ignored=entry) for match in matches]
    # Some modules are excused: judge again without them, so that counts and medians in messages stay true.
    globs = [glob for _, entry in ignores for glob in entry.modules]
    remaining = list(rule.check(evidence.without(globs), limits))
    findings = [_finding(rule, match, policy) for match in remaining]
    for match in matches:
        for index, entry in ignores:
            excused = [name for name in match.modules if matches_any(name, entry.modules)]
            if excused:
                used.add(index)
                narrowed = msgspec.structs.replace(match, modules=excused)
                findings.append(_finding(rule, narrowed, policy, ignored=entry))
    return findings


def _finding(rule: Rule, match: Match, policy: Policy, ignored: Ignore | None = None) -> Finding:
    return Finding(
        code=rule.code,
        rule=rule.name,
        severity=policy.severity.get(rule.code, match.severity or rule.severity),
        confidence=match.confidence or rule.confidence,
        modules=list(match.modules),
        observed=match.observed,
        threshold=match.threshold,
        message=match.message,
        advice=match.advice if match.advice is not None else rule.advice,
        source=rule.source,
        fingerprint=fingerprint(rule.code, match.modules, match.route or match.about),
        disposition=Disposition.IGNORED if ignored else Disposition.ACTIVE,
        reason=ignored.reason if ignored else None,
        route=match.route,
    )


def _decide(findings: Iterable[Finding], undecided: set[str], policy: Policy) -> Verdict:
    active = [finding for finding in findings if finding.disposition is Disposition.ACTIVE]
    if policy.fail_on != "never":
        floor = Severity(policy.fail_on).weight
        failing = [finding.code for finding in active if finding.severity.weight >= floor]
        if failing:
            return Verdict(status=Status.FAIL, decided_by=list(dict.fromkeys(failing)))
    if undecided:
        return Verdict(status=Status.INCONCLUSIVE, decided_by=sorted(undecided))
    return Verdict(status=Status.PASS, decided_by=[])


def _describe(entry: Ignore, today: datetime.date) -> str:
    where = f" for {', '.join(entry.modules)}" if entry.modules else ""
    why = f"expired on {entry.expires}" if entry.expired(today) else "matches no finding"
    return f"{entry.code}{where} ({entry.reason}): {why}"
