"""Weaker forms of an adapter: what each keeps of the domain and loses of the base."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from loradiag.adapters.model import Adapter
from loradiag.analyzers.forgetting.compare import Subject, compare
from loradiag.analyzers.forgetting.groups import group_scores
from loradiag.analyzers.forgetting.questions import Question, Questions
from loradiag.analyzers.forgetting.wanted import Spec
from loradiag.core.abilities import share_of
from loradiag.core.forgetting import Candidate, CandidateTask, Score, Sweep
from loradiag.models.harness.answers import Scored
from loradiag.statistics.checks import Floats
from loradiag.statistics.resampling import draws

Answers = Mapping[str, Scored]

_LEVELS = (2.5, 97.5)
_WIDEST, _WIDEST_GPU = 1024, 8192
"""Sides of weights whose singular vectors are computed without being asked for: seconds each."""


class Weaker(msgspec.Struct, frozen=True):
    """A weaker form of an adapter: what it is, and the directory that it lies in. ``reason``: why it could not be made."""

    name: str
    spec: Spec
    path: Path | None = None
    reason: str | None = None


def default_specs(adapter: Adapter, widest: int, device: str) -> list[Spec]:
    """A grid that suits an adapter: three strengths, half and a quarter of the rank, and reduced intruder dimensions.

    Args:
        adapter: What is weakened.
        widest: The lesser side of the largest weight that it changes: intruder dimensions take two full SVDs of each.
        device: Where these are computed.
    """
    rank = max((module.rank for module in adapter.modules), default=0)
    specs = [Spec("scale", value) for value in (0.25, 0.5, 0.75)]
    specs += [Spec("rank", float(part)) for part in dict.fromkeys((rank // 2, rank // 4)) if part >= 1]
    if widest <= (_WIDEST if device == "cpu" else _WIDEST_GPU):
        specs.append(Spec("intruders", 0.75))
    return specs


def name_of(spec: Spec) -> str:
    """What a form is called: ``scale 0.5``, ``rank 8``."""
    return f"{spec.kind} {spec.value:g}"


class Heard(msgspec.Struct, frozen=True):
    """A candidate with its answers; None where it could not be made."""

    weaker: Weaker
    answers: Answers | None


def swept(
    questions: Questions,
    base: Answers,
    adapter: Answers,
    candidates: Sequence[Heard],
    *,
    limits: Mapping[str, float],
    metrics: Mapping[str, str],
    domain: str,
) -> Sweep:
    """Choose among weaker forms of an adapter on one half of the documents, and report on the other.

    The halves are told by a hash of each document (of its source, where it has one), so they stay the same from run to
    run.

    Args:
        questions: What was asked, with a question of the domain's text.
        base: Answers of the base.
        adapter: Answers of the whole adapter.
        candidates: Weaker forms with their answers.
        limits: Thresholds of the rule that holds the margins.
        metrics: By task the metric that it is judged by.
        domain: What the domain's text is called.
    """
    bench = _Bench(questions, base, adapter, metrics, limits)
    rows = [bench.anchor("base", base), *map(bench.candidate, candidates), bench.anchor("adapter", adapter)]
    fitting = [
        row for row, losses in zip(rows, bench.losses, strict=True) if _within(losses, limits) and row.kind != "base"
    ]
    kept = [row for row in fitting if row.kept_choose is not None and row.reason is None]
    best = max(kept, key=lambda row: row.kept_choose or 0.0, default=None)
    judged = [base[question.name] for question in questions.questions if question.role != "domain"]
    counts = [sum(len(bench.half(scored, half).answers) for scored in judged) for half in (0, 1)]
    return Sweep(
        domain=domain,
        margin=limits["margin"],
        documents_choose=counts[0],
        documents_report=counts[1],
        candidates=rows,
        chosen=best.name if best is not None and (best.kept_choose or 0.0) > 0 else None,
    )


def _within(losses: Mapping[str, float] | None, limits: Mapping[str, float]) -> bool:
    return losses is not None and all(loss <= share_of(task, limits, limits["margin"]) for task, loss in losses.items())


class _Bench:
    """Both halves of all answers, and what a candidate comes to on them."""

    def __init__(
        self,
        questions: Questions,
        base: Answers,
        adapter: Answers,
        metrics: Mapping[str, str],
        limits: Mapping[str, float],
    ) -> None:
        self._questions, self._base, self._adapter, self._metrics = questions, base, adapter, metrics
        self._limits = limits
        self.losses: list[Mapping[str, float] | None] = []

    def anchor(self, kind: str, answers: Answers) -> Candidate:
        """An end of the range: the base, or the whole adapter."""
        row = Candidate(name=kind, kind="base" if kind == "base" else "adapter", value=float(kind != "base"))
        return self._measured(row, answers)

    def candidate(self, heard: Heard) -> Candidate:
        """What a weaker form comes to."""
        spec = heard.weaker.spec
        row = Candidate(name=heard.weaker.name, kind=spec.kind, value=spec.value, reason=heard.weaker.reason)
        if heard.answers is None:
            self.losses.append(None)
            return row
        return self._measured(row, heard.answers)

    def half(self, scored: Scored, half: int) -> Scored:
        """One half of the answers to a question: 0 to choose by, 1 to report."""
        kept = [answer for answer in scored.answers if _side(answer.cluster or answer.key) == half]
        return msgspec.structs.replace(scored, answers=kept)

    def _measured(self, row: Candidate, answers: Answers) -> Candidate:
        choose, report = (self._scores(answers, half) for half in (0, 1))
        losses = {score.task: _loss(score) for score in choose}
        self.losses.append(losses)
        by = {score.task: score.difference for score in choose}
        kept_choose, kept_report = (self._kept(answers, half) for half in (0, 1))
        return msgspec.structs.replace(
            row,
            loss_choose=max(losses.values(), default=None),
            loss_report=max(map(_loss, report), default=None),
            domain_choose=self._perplexity(answers, 0),
            domain_report=self._perplexity(answers, 1),
            kept_choose=kept_choose[0],
            kept_report=kept_report[0],
            kept_low=kept_report[1],
            kept_high=kept_report[2],
            tasks=[_task(score, by.get(score.task), self._margin(score.task)) for score in report],
        )

    def _margin(self, task: str) -> float:
        return share_of(task, self._limits, self._limits["margin"])

    def _scores(self, answers: Answers, half: int) -> list[Score]:
        """What is judged, on one half: tasks, texts and groups that were asked."""
        rows = [score for question in self._questions.questions for score in self._score(question, answers, half)]
        groups = group_scores(self._questions.groups, rows, self._questions.asked)
        return [score for score in (*groups, *rows) if score.asked and score.difference is not None]

    def _score(self, question: Question, answers: Answers, half: int) -> list[Score]:
        before, after = (self.half(found[question.name], half) for found in (self._base, answers))
        if question.role == "domain" or not before.answers:
            return []
        subject = Subject(question.name, question.role, question.asked)
        named = self._metrics.get(question.name)
        return compare(subject, before, after, aggregate=question.aggregate, primary=named, alone=True)

    def _domain(self, answers: Answers, half: int) -> tuple[Floats, Floats]:
        """Nats and tokens of the domain's documents."""
        scored = next(answers[question.name] for question in self._questions.questions if question.role == "domain")
        pairs = np.array(
            [answer.values["perplexity,none"] for answer in self.half(scored, half).answers], dtype=np.float64
        )
        pairs = pairs.reshape(-1, 2)
        return -pairs[:, 0], pairs[:, 1]

    def _perplexity(self, answers: Answers, half: int) -> float | None:
        nats, tokens = self._domain(answers, half)
        return float(np.exp(nats.sum() / tokens.sum())) if tokens.size else None

    def _kept(self, answers: Answers, half: int) -> tuple[float | None, float | None, float | None]:
        """Of what the adapter gained on the domain, in nats, the share that is kept, with its 95% bootstrap interval."""
        before, whole, now = (self._domain(found, half)[0] for found in (self._base, self._adapter, answers))
        gained, kept = before - whole, before - now
        if not gained.size or gained.sum() <= 0:
            return None, None, None
        point = float(kept.sum() / gained.sum())
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.concatenate([(counts @ kept) / (counts @ gained) for counts in draws(gained.size)])
        if gained.size < 2 or not np.all(np.isfinite(ratios)):
            return point, None, None
        low, high = (float(value) for value in np.percentile(ratios, _LEVELS))
        return point, low, high


def _side(key: str) -> int:
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).digest()[0] & 1


def _loss(score: Score) -> float:
    """How much is lost, as a share of the base's score; a gain is negative."""
    if not score.base or score.difference is None:
        return 0.0
    return (-score.difference if score.higher_is_better else score.difference) / abs(score.base) + 0.0  # no -0.0


def _task(score: Score, chosen_by: float | None, margin: float) -> CandidateTask:
    return CandidateTask(
        task=score.task,
        metric=score.metric,
        higher_is_better=score.higher_is_better,
        chosen_by=chosen_by,
        margin=margin,
        base=score.base,
        candidate=score.adapter,
        difference=score.difference,
        ci_low=score.ci_low,
        ci_high=score.ci_high,
    )
