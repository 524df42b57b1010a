"""Questions that base and adapter were asked: in which order they stand, what each is called, what rules say of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from loradiag.core.findings import Finding
from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.report import Report
from loradiag.core.text import printable, shorten
from loradiag.outputs.arrange import active, gates
from loradiag.outputs.routes import Codes
from loradiag.outputs.scores import relative

MARKS: Mapping[str, str] = {"safe": "✓", "forgot": "✗", "inconclusive": "?", "unjudged": "·"}
WORDS: Mapping[str, str] = {
    "safe": "safe",
    "forgot": "forgot",
    "inconclusive": "inconclusive",
    "unjudged": "not judged",
}
TONES: Mapping[str, str] = {"safe": "pass", "forgot": "fail", "inconclusive": "inconclusive", "unjudged": "unfinished"}
"""Statuses of scores in the words that routes and verdicts have, by which outputs know their colours."""

LEARNED = "what it learned"
KINDS = ("group", "task", "text")
"""Roles of what is judged, in their order."""

_NAME = 60
_IMPLIED = {"forgot": ("LD701", "LD703"), "inconclusive": ("LD702", "LD708"), "unjudged": ("LD708",)}
"""Rules that say no more than a status does."""

Asked = list[Score]
"""One question: the score of the adapter beside its base, and those of what is served along each route."""


def called(name: str) -> str:
    """A task's name, safe to show."""
    return shorten(printable(name), _NAME)


def served(score: Score) -> str:
    """Which route a score is of; nothing for the adapter beside its base."""
    return f"as {shorten(printable(score.route), 24)}" if score.route is not None else ""


def named(score: Score) -> str:
    """A task with its route."""
    return f"{called(score.task)} {served(score)}".strip()


def asked(found: Forgetting) -> list[Asked]:
    """What the user named: groups, then tasks, then texts, the worst of each first."""
    return _arranged(found, [score for score in _primary(found) if score.asked and score.role != "domain"])


def parts(found: Forgetting) -> list[Asked]:
    """Parts of groups that nobody named: smaller groups, then tasks, the worst of each first."""
    return _arranged(found, [score for score in _primary(found) if not score.asked and score.role != "domain"])


def learned(found: Forgetting) -> list[Asked]:
    """Text of what the adapter was trained for, which is not judged."""
    return _arranged(found, [score for score in _primary(found) if score.role == "domain"])


def others(found: Forgetting) -> list[Asked]:
    """Metrics that tasks are not judged by."""
    rest = [score for score in (*found.groups, *found.tasks) if not score.primary]
    by_metric: dict[tuple[str, str, str], list[Score]] = {}
    for score in rest:
        by_metric.setdefault((score.task, score.metric, score.filter), []).append(score)
    return [_in_order(found, rows) for rows in by_metric.values()]


def flat(questions: Iterable[Asked]) -> list[Score]:
    """All scores of some questions."""
    return [score for rows in questions for score in rows]


def gating(found: Forgetting, scores: Iterable[Score]) -> list[Score]:
    """Those by which is judged: what is served where routes were asked for, else the adapter beside its base."""
    return [score for score in scores if (score.route is not None) == bool(found.routes)]


def _primary(found: Forgetting) -> list[Score]:
    return [score for score in (*found.groups, *found.tasks) if score.primary]


def _arranged(found: Forgetting, scores: Sequence[Score]) -> list[Asked]:
    by_task: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        by_task.setdefault((score.role, score.task), []).append(score)
    rows = [_in_order(found, rows) for rows in by_task.values()]
    return sorted(rows, key=lambda rows: (_kind(rows[0]), _worst(found, rows)))


def _kind(score: Score) -> int:
    return KINDS.index(score.role) if score.role in KINDS else len(KINDS)


def _in_order(found: Forgetting, rows: Sequence[Score]) -> Asked:
    order = {name: index for index, name in enumerate(found.routes)}
    return sorted(rows, key=lambda score: -1 if score.route is None else order.get(score.route, len(order)))


def _worst(found: Forgetting, rows: Asked) -> float:
    """The largest loss of a question in shares of the base; what is not known comes last."""
    changes = [relative(score, score.difference) for score in gating(found, rows) or rows]
    return min((change for change in changes if change is not None), default=float("inf"))


def codes(report: Report, score: Score) -> Codes:
    """What rules say of a score beyond its status: those that fail the gate, and notes."""
    if not score.primary:
        return Codes((), ())
    own = [finding for finding in about(report, score) if finding.code not in _IMPLIED.get(score.status, ())]
    told = [{printable(finding.code) for finding in own if gates(report, finding) == grave} for grave in (True, False)]
    return Codes(tuple(sorted(told[0])), tuple(sorted(told[1] - told[0])))


def about(report: Report, score: Score) -> list[Finding]:
    """The findings that count and are about one score alone."""
    return [finding for finding in active(report) if finding.modules == [score.task] and finding.route == score.route]
