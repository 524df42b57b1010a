"""Tasks as the test cases that a CI shows: each passes, fails the gate, or is set aside with the reason."""

from __future__ import annotations

from loradiag.core.findings import Disposition, Finding
from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.report import Report
from loradiag.outputs.arrange import active, gates
from loradiag.outputs.case import Case, messages
from loradiag.outputs.questions import WORDS as ANSWERS
from loradiag.outputs.questions import about as about_score
from loradiag.outputs.questions import asked, flat
from loradiag.outputs.scorefigures import figures as score_figures
from loradiag.outputs.scores import metric_words


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
        return Case(name, "failure", messages(failing), details, failing[0].code)
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
    said = messages(about) or score.reason or ""
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
