"""From the answers of two models to the same questions to what can be said of their difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from loradiag.analyzers.forgetting.metrics import Column, NoValueError, Values, by_document, measured
from loradiag.analyzers.forgetting.questions import Aggregate
from loradiag.core.errors import InputError
from loradiag.core.forgetting import Example, Score, ScoreRole
from loradiag.models.harness.answers import Answer, Metric, Scored
from loradiag.statistics.flips import largest_moves


class Subject(msgspec.Struct, frozen=True):
    """What is compared: the question's name and role, whether it is asked, and the route that the second model is of."""

    name: str
    role: ScoreRole
    asked: bool
    route: str | None = None


def compare(
    subject: Subject,
    base: Scored,
    adapter: Scored,
    *,
    aggregate: Callable[[Metric], Aggregate | None],
    primary: str | None = None,
    examples: int = 0,
    alone: bool = False,
    tell: Callable[[str], None] | None = None,
) -> list[Score]:
    """Compare two models by every metric of a question, the primary one first.

    Args:
        subject: What it is.
        base: Answers of the base.
        adapter: Answers of the adapter, to the same documents.
        aggregate: The function from documents' values to the score, of a metric that is no mean.
        primary: The metric to judge by; None: the first.
        examples: Documents to show for each direction.
        alone: Whether the primary metric is all that is wanted.
        tell: Told what is being computed, where that takes a while.

    Raises:
        InputError: The answers are not to the same documents, or there is no metric of the name.
    """
    _check_same(subject.name, base, adapter)
    metrics = _primary_first(subject.name, base.metrics, primary)
    found = []
    for index, metric in enumerate(metrics[:1] if alone else metrics):
        how = _How(aggregate(metric), examples if index == 0 else 0, tell)
        score = _metric(subject, metric, base, adapter, how)
        found.append(msgspec.structs.replace(score, primary=index == 0))
    return found


class _How(msgspec.Struct, frozen=True):
    """How one metric is compared: by which function, with how many documents to show, and who is told."""

    aggregate: Aggregate | None
    examples: int
    tell: Callable[[str], None] | None

    def telling(self, subject: str, metric: str) -> Callable[[int, int], None] | None:
        """What is told of a metric that is resampled."""
        tell = self.tell
        if tell is None:
            return None
        return lambda done, count: tell(f"resample {done:,} of {count:,}: {subject}, {metric}")


def _check_same(name: str, base: Scored, adapter: Scored) -> None:
    keys = [[(answer.number, answer.key) for answer in scored.answers] for scored in (base, adapter)]
    if keys[0] != keys[1]:
        raise InputError(name, "base and adapter were asked different documents", "run loradiag cache clear, and again")


def _primary_first(name: str, metrics: Sequence[Metric], primary: str | None) -> list[Metric]:
    if primary is None:
        return list(metrics)
    first = [metric for metric in metrics if primary in (metric.name, metric.key)]
    if not first:
        known = ", ".join(dict.fromkeys(metric.name for metric in metrics)) or "none"
        raise InputError(name, f"the task has no metric {primary}", f"it has {known}")
    return [*first, *(metric for metric in metrics if metric not in first)]


def _metric(subject: Subject, metric: Metric, base: Scored, adapter: Scored, how: _How) -> Score:
    score = Score(
        task=subject.name,
        metric=metric.name,
        filter=metric.filter,
        role=subject.role,
        route=subject.route,
        asked=subject.asked,
        higher_is_better=metric.higher_is_better,
        n=len(base.answers),
    )
    before, after = ([answer.values.get(metric.key) for answer in scored.answers] for scored in (base, adapter))
    labels = _clusters(base)
    if labels is not None:
        score = msgspec.structs.replace(score, clusters=len(set(labels)), cluster_field=base.cluster_field)
    same = all(a.replies == b.replies for a, b in zip(base.answers, adapter.answers, strict=True))
    try:
        tell = how.telling(subject.name, metric.name)
        found = measured(Column(metric, before, after, labels, how.aggregate, tell))
    except NoValueError as error:
        return msgspec.structs.replace(score, reason=str(error))
    score = msgspec.structs.replace(score, identical=same, **found)
    if same:
        score = msgspec.structs.replace(score, **_NOTHING)
    if score.binary:
        score = msgspec.structs.replace(score, chance=_chance(base.answers))
    return _with_moves(score, metric, before, after, base, adapter, how.examples)


_NOTHING: Mapping[str, Any] = {
    "difference": 0.0,
    "standard_error": 0.0,
    "ci_low": 0.0,
    "ci_high": 0.0,
    "bound_low": 0.0,
    "bound_high": 0.0,
    "interval": "identical",
    "p_value": 1.0,
}
"""What is known where a model answers as the other does, to the last bit of every log-likelihood: no sampling is in it."""


def _clusters(scored: Scored) -> list[str] | None:
    labels = [answer.cluster for answer in scored.answers]
    found = [label for label in labels if label is not None]
    return found if len(found) == len(labels) and 1 < len(set(found)) < len(found) else None


def _chance(answers: Sequence[Answer]) -> float | None:
    choices = [answer.choices for answer in answers if answer.choices]
    return float(np.mean([1 / count for count in choices])) if len(choices) == len(answers) else None


def _with_moves(
    score: Score, metric: Metric, before: Values, after: Values, base: Scored, adapter: Scored, examples: int
) -> Score:
    """Count the documents that became worse and better, and show some."""
    try:
        first, second = (by_document(values, metric) for values in (before, after))
    except NoValueError:
        return score
    up = 1.0 if score.higher_is_better else -1.0
    moves = largest_moves(up * first, up * second, examples)

    def shown(indexes: Sequence[int]) -> list[Example]:
        return [_example(base.answers[i], adapter.answers[i], first[i], second[i]) for i in indexes]

    return msgspec.structs.replace(
        score, lost=moves.fallen, won=moves.risen, lost_examples=shown(moves.falls), won_examples=shown(moves.rises)
    )


def _example(base: Answer, adapter: Answer, before: float, after: float) -> Example:
    return Example(
        document=base.number,
        base=float(before),
        adapter=float(after),
        prompt=base.prompt,
        target=base.target,
        base_answer=base.said,
        adapter_answer=adapter.said,
    )
