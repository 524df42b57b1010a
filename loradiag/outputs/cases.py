"""Routes and tasks as the test cases that a CI shows: each passes, fails the gate, or is set aside with the reason."""

from __future__ import annotations

from typing import Literal

import msgspec

from loradiag.core.findings import Disposition, Finding
from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.merge import Merge, Route
from loradiag.core.report import Report
from loradiag.core.rules import EVERY_ROUTE
from loradiag.outputs.arrange import active, gates
from loradiag.outputs.figures import figures
from loradiag.outputs.questions import WORDS as ANSWERS
from loradiag.outputs.questions import about as about_score
from loradiag.outputs.questions import asked, flat
from loradiag.outputs.routes import WORDS, Codes, codes
from loradiag.outputs.scorefigures import figures as score_figures
from loradiag.outputs.scores import metric_words


class Case(msgspec.Struct, frozen=True):
    """One test case. ``message`` and ``details`` are as the report has them, and must be escaped; ``kind`` is a code."""

    name: str
    outcome: Literal["passed", "failure", "skipped"]
    message: str
    details: str
    kind: str = ""


def cases(report: Report) -> list[Case]:
    """A case for every route that the report has, whether it applies or not."""
    merge = report.measurements.merge
    return [_case(report, merge, row) for row in merge.routes] if merge else []


def _case(report: Report, merge: Merge, row: Route) -> Case:
    about = [finding for finding in active(report) if finding.route in (row.route, EVERY_ROUTE)]
    details = _details(merge, row, about)
    failing = [finding for finding in about if gates(report, finding)]
    if failing and row.status in ("fail", "inconclusive"):
        return Case(row.route, "failure", _messages(failing), details, failing[0].code)
    if row.status == "pass":
        return Case(row.route, "passed", "", details)
    return Case(row.route, "skipped", _aside(row, codes(report, row), about), details)


def _aside(row: Route, decided: Codes, about: list[Finding]) -> str:
    """Why a route neither passes nor fails the gate."""
    if row.status == "not-applicable":
        return f"not applicable: {row.reason or 'no reason given'}"
    said = _messages([finding for finding in about if finding.code in decided.decided])
    word = "fails, and was not asked for" if row.status == "fail" else WORDS.get(row.status, row.status)
    return f"{word}: {said}" if said else word


def _messages(found: list[Finding]) -> str:
    return "; ".join(finding.message for finding in found)


def _details(merge: Merge, row: Route, about: list[Finding]) -> str:
    told = [
        f"{figure.title}: {figure.say(row)}" for figure in figures(merge, every=True) if figure.value(row) is not None
    ]
    lines = [row.summary, f"status: {WORDS.get(row.status, row.status)}", *told]
    return "\n".join([*lines, *(f"{finding.severity.value} {finding.code}: {finding.message}" for finding in about)])


def task_cases(report: Report) -> list[Case]:
    """A case for every score that was asked, those of routes apart, and for each task that an interrupt left out."""
    found = report.measurements.forgetting
    if found is None:
        return []
    return [*(_task(report, score) for score in flat(asked(found))), *_unfinished(report, found)]


def _task(report: Report, score: Score) -> Case:
    name = score.task if score.route is None else f"{score.task} ({score.route})"
    about = about_score(report, score)
    details = _scored(score, about)
    failing = [finding for finding in about if gates(report, finding)]
    if failing:
        return Case(name, "failure", _messages(failing), details, failing[0].code)
    if score.status == "safe":
        return Case(name, "passed", "", details)
    return Case(name, "skipped", _set_aside(report, score, about), details)


def _set_aside(report: Report, score: Score, about: list[Finding]) -> str:
    """Why a score neither passes nor fails the gate."""
    ignored = [
        finding.reason or "no reason given"
        for finding in report.findings
        if finding.disposition is Disposition.IGNORED and score.task in finding.modules and finding.route == score.route
    ]
    if ignored:
        return f"{ANSWERS[score.status]}; ignored by the policy: {'; '.join(dict.fromkeys(ignored))}"
    said = _messages(about) or score.reason or ""
    word = "forgot, and is not what is judged" if score.status == "forgot" else ANSWERS[score.status]
    return f"{word}: {said}" if said else word


def _scored(score: Score, about: list[Finding]) -> str:
    told = [f"{figure.title}: {figure.say(score)}" for figure in score_figures([score], every=True)]
    lines = [f"metric: {metric_words(score)}", f"status: {ANSWERS[score.status]}", *told]
    lines += [f"reason: {score.reason}"] if score.reason else []
    return "\n".join([*lines, *(f"{finding.severity.value} {finding.code}: {finding.message}" for finding in about)])


def _unfinished(report: Report, found: Forgetting) -> list[Case]:
    made = []
    for name in found.unfinished:
        about = [finding for finding in active(report) if name in finding.modules]
        failing = [finding for finding in about if gates(report, finding)]
        said = "not asked: the run was interrupted"
        made.append(
            Case(name, "failure", said, said, failing[0].code) if failing else Case(name, "skipped", said, said)
        )
    return made
