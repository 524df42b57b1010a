"""Forgetting in sentences: what was asked and how, and what it comes to. All text is safe to show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from loradiag.core.forgetting import Forgetting, Score, ScoreStatus
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.outputs.advice import Advice
from loradiag.outputs.arrange import active
from loradiag.outputs.facts import percent
from loradiag.outputs.questions import (
    KINDS,
    WORDS,
    asked,
    called,
    codes,
    flat,
    gating,
    learned,
    named,
    parts,
    served,
)
from loradiag.outputs.scores import metric_words, relative, score_words, share_words
from loradiag.outputs.sweep import advised

SWEEP = "sweep"
"""What an interrupted sweep is called among the tasks that were not asked."""

_RULE, _RECITED, _REMEMBERED = "LD701", "LD710", "LD711"

_RUNS = {
    "peft": "unmerged, by PEFT",
    "fold": "added exactly, as PEFT does not read its layout",
    "vllm": "unmerged, by vLLM",
}
_BASES = {
    "shared": "loaded once for both",
    "apart": "loaded a second time, since taking the adapter off did not give it back",
    "remembered": "all of its answers were in the cache",
}
_WORST_FIRST: Sequence[ScoreStatus] = ("forgot", "inconclusive", "safe", "unjudged")


def statements(report: Report, found: Forgetting) -> list[tuple[str, str]]:
    """Pairs of label and sentence: what was asked and how, of whom, and what was left out."""
    rows = [("asked", _asked_words(found)), ("how", _how(found)), *_margin(report)]
    rows.append(("adapter", _RUNS.get(found.adapter_by, shorten(printable(found.adapter_by), 40))))
    rows.append(("base", _base_words(found)))
    if found.routes:
        names = listed([shorten(printable(name), 24) for name in found.routes], 8)
        rows.append(("served", f"{names}: judged beside the base; the unmerged adapter stands above each to compare"))
    if found.trained_on != "stored":
        rows.append(("trained", f"over weights in {shorten(printable(found.trained_on), 24)}, which both were given"))
    return [*rows, *_unfinished(found)]


def _asked_words(found: Forgetting) -> str:
    first = [rows[0] for rows in asked(found)]
    within = {name for score in first if score.role == "group" for name in score.parts}
    counts = [plural(count, kind) for kind in KINDS if (count := sum(score.role == kind for score in first))]
    if within:
        counts[0] += f" of {plural(len(within), 'task')}"
    documents = {score.task: score.n for score in found.tasks if score.primary and score.role != "domain"}
    metrics = {metric_words(score) for score in first}
    metric = f", by {metrics.pop()}" if len(metrics) == 1 else ""
    if not counts and found.memorisation is not None:
        return "whether training data is remembered"
    return f"{', '.join(counts) or 'nothing'}; {plural(sum(documents.values()), 'document')}{metric}"


def _how(found: Forgetting) -> str:
    said = [shorten(printable(found.harness), 40)]
    if found.shots is not None:
        said.append(plural(found.shots, "shot"))
    if found.limit is not None:
        said.append(f"{plural(found.limit, 'document')} of each task at most")
    if found.chat:
        said.append("chat template")
    where = f"{shorten(printable(found.compute), 24)} on {shorten(printable(found.device), 40)}"
    return f"{', '.join(said)}; {shorten(printable(found.backend), 24)}, {where}, batches of {found.batch:,}"


def _margin(report: Report) -> Iterator[tuple[str, str]]:
    """The shares of the base's scores that the policy bears."""
    limits = report.policy.thresholds.get(_RULE, {})
    if "margin" in limits:
        own = [
            f"{called(name.partition('.')[2])} {percent(value)}"
            for name, value in limits.items()
            if name.startswith("margin.")
        ]
        yield "margin", f"{percent(limits['margin'])} of the base's score" + (f" ({listed(own, 5)})" if own else "")


def _base_words(found: Forgetting) -> str:
    said = _BASES.get(found.base_by, shorten(printable(found.base_by), 40))
    if found.remembered and found.base_by != "remembered":
        said += f"; its answers to {plural(found.remembered, 'task')} were in the cache"
    return said


def _unfinished(found: Forgetting) -> Iterator[tuple[str, str]]:
    names = [called(name) for name in found.unfinished if name != SWEEP]
    if names:
        yield "not asked", f"{plural(len(names), 'task')}, since the run was interrupted: {listed(names, 5)}"
    if SWEEP in found.unfinished:
        yield "not swept", "the run was interrupted before the weaker forms were asked"


def summary(report: Report, found: Forgetting) -> Advice:
    """What it comes to in a sentence that claims no more than the statuses do."""
    rows = gating(found, flat(asked(found)))
    forgot = [score for score in rows if score.status == "forgot"]
    open_ = [score for score in rows if score.status in ("inconclusive", "unjudged")]
    besides = _besides(report, rows)
    more = (
        *besides,
        *_open_words(forgot, open_),
        *_part_words(found),
        *_learned_words(found),
        *advised(found.sweep),
    )
    heart = _by_heart(report, found)
    if heart is not None and not rows and not found.unfinished:
        return msgspec.structs.replace(heart, more=more)
    more = (*more, *([heart.text] if heart is not None else []))
    own = "its margin" if len(rows) == 1 else "their margin"
    if forgot:
        names = listed([_with_share(score) for score in forgot], 3)
        count = f"{len(forgot):,} of {_counted(rows)}" if len(rows) > 1 else _counted(rows)
        return Advice("fail", f"{count} lost more than {own}: {names}", more)
    if open_ or not rows:
        return Advice("inconclusive", _undecided(rows), more)
    said = (
        f"none of {_counted(rows)} lost more than {own}"
        if len(rows) > 1
        else f"{_counted(rows)} lost no more than {own}"
    )
    if found.unfinished:
        return Advice("inconclusive", f"of what was finished, {said}", more)
    fails = bool(besides) or (heart is not None and heart.tone == "fail")
    return Advice("fail" if fails else "pass", said, more)


def _by_heart(report: Report, found: Forgetting) -> Advice | None:
    """Whether training data is remembered, as the rules have it; None if that was not asked."""
    if found.memorisation is None:
        return None
    said = {finding.code for finding in active(report)}
    if _RECITED in said:
        return Advice("fail", "it recites training data", ())
    if _REMEMBERED in said:
        return Advice(
            "inconclusive",
            "it recites no training data beyond chance, but documents that it was trained on can be told",
            (),
        )
    return Advice("pass", "it recites no training data beyond chance", ())


def _undecided(rows: Sequence[Score]) -> str:
    if not rows:
        return "nothing that was asked was finished"
    if all(score.status == "unjudged" for score in rows):
        return "no score was judged"
    return "no loss beyond the margin was shown, nor ruled out"


def _besides(report: Report, rows: Sequence[Score]) -> list[str]:
    """Rules that fail the gate for another reason than what was lost of the base."""
    by_rule: dict[str, list[str]] = {}
    names = {finding.code: finding.rule for finding in report.findings}
    for score in rows:
        for code in codes(report, score).decided:
            by_rule.setdefault(printable(f"{code} {names.get(code, '')}".strip()), []).append(named(score))
    return [f"{rule}: {listed(found, 3)}" for rule, found in by_rule.items()]


def _counted(rows: Sequence[Score]) -> str:
    """``7 tasks``, or ``4 scores (2 tasks on 2 routes)``."""
    kinds = {score.role for score in rows}
    noun = kinds.pop() if len(kinds) == 1 else "question"
    routes, tasks = {score.route for score in rows} - {None}, {score.task for score in rows}
    if not routes:
        return plural(len(rows), noun)
    return f"{plural(len(rows), 'score')} ({plural(len(tasks), noun)} on {plural(len(routes), 'route')})"


def _with_share(score: Score) -> str:
    change = relative(score, score.difference)
    return named(score) if change is None else f"{named(score)} {share_words(change)}"


def _open_words(forgot: Sequence[Score], open_: Sequence[Score]) -> Iterator[str]:
    if not open_:
        return
    names = [
        f"{named(score)}{f' ({score.needed:,} documents would decide)' if score.needed else ''}" for score in open_
    ]
    yield f"{'also ' if forgot else ''}not decided: {listed(names, 3)}"


def _part_words(found: Forgetting) -> Iterator[str]:
    lost = [score for score in gating(found, flat(parts(found))) if score.status == "forgot"]
    if lost:
        names = listed([_with_share(score) for score in lost], 3)
        yield f"within groups {plural(len(lost), 'task')} lost more than the margin: {names}"


def _learned_words(found: Forgetting) -> Iterator[str]:
    for score in gating(found, flat(learned(found))) or flat(learned(found)):
        if score.base is not None and score.adapter is not None:
            way = "rose" if score.adapter > score.base else "fell" if score.adapter < score.base else "stayed"
            said = " → ".join(score_words(score, value) for value in (score.base, score.adapter))
            yield f"on its own domain {metric_words(score).removesuffix(' ↓')} {way}: {said}{_of(score)}"


def _of(score: Score) -> str:
    name = served(score)
    return f" ({name})" if name else ""


class Tally(msgspec.Struct, frozen=True):
    """How many scores have each status, in words, and those that lost most."""

    counts: str
    worst: str


def tally(scores: Sequence[Score]) -> Tally:
    """``3 forgot, 12 inconclusive, 42 safe``, and the largest losses."""
    counts = {status: sum(score.status == status for score in scores) for status in _WORST_FIRST}
    said = ", ".join(f"{count:,} {WORDS[status]}" for status, count in counts.items() if count)
    ranked = sorted(scores, key=lambda score: _or_last(relative(score, score.difference)))
    lost = [score for score in ranked if (relative(score, score.difference) or 0.0) < 0]
    return Tally(said, listed([_with_share(score) for score in lost[:3]], 3))


def _or_last(value: float | None) -> float:
    return float("inf") if value is None else value


def in_short(reports: Sequence[Report]) -> list[str]:
    """In a word or two for an overview what each adapter forgot; nothing where none was asked."""
    if not any(report.measurements.forgetting for report in reports):
        return []
    return [_in_short(report.measurements.forgetting) for report in reports]


def _in_short(found: Forgetting | None) -> str:
    if found is None:
        return "–"
    rows = gating(found, flat(asked(found)))
    forgot = sum(score.status == "forgot" for score in rows)
    worst = [change for score in rows if (change := relative(score, score.difference)) is not None]
    most = f", worst {share_words(min(worst))}" if min(worst, default=0.0) < 0 else ""
    return f"{forgot:,} of {len(rows):,}{most}"
