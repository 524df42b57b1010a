"""From the answers of base, adapter and routes to scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from loradiag.analyzers.forgetting.compare import Subject, compare
from loradiag.analyzers.forgetting.groups import adjusted, asked_instead, group_scores
from loradiag.analyzers.forgetting.questions import Question, Questions
from loradiag.analyzers.forgetting.wanted import Wanted
from loradiag.core.forgetting import Score
from loradiag.models.harness.answers import Scored

Answers = Mapping[str, Scored]


def scores_of(
    questions: Questions,
    done: Sequence[Question],
    base: Answers,
    own: Mapping[str | None, Answers],
    wanted: Wanted,
    tell: Callable[[str], None],
) -> tuple[list[Score], list[Score]]:
    """Compare the base with an adapter, and with what is served along each route.

    Args:
        questions: All questions, with their groups.
        done: Those that everybody answered.
        base: Answers of the base.
        own: Answers by route; None is the adapter beside its base.
        wanted: The metrics to judge by, and how many documents to show.
        tell: Told what is being done.

    Returns:
        Scores of questions, and of groups.
    """
    rows: list[Score] = []
    for question in done:
        tell(f"statistics: {question.name}")
        for route, answers in own.items():
            found = _compared(question, base, answers, route, wanted, tell)
            if route is not None:
                between = _compared(question, own[None], answers, None, wanted, tell)
                found = _beside_adapter(found, between)
            rows += found
    finished = {question.name for question in done}
    groups = [group for group in questions.groups if finished.issuperset(group.tasks)]
    combined = group_scores(groups, rows, questions.asked)
    rows = asked_instead(rows, combined)
    judged = adjusted([*rows, *combined])
    return judged[: len(rows)], judged[len(rows) :]


def _compared(
    question: Question,
    base: Answers,
    other: Answers,
    route: str | None,
    wanted: Wanted,
    tell: Callable[[str], None],
) -> list[Score]:
    return compare(
        Subject(question.name, question.role, question.asked, route),
        base[question.name],
        other[question.name],
        aggregate=question.aggregate,
        primary=wanted.metrics.get(question.name),
        examples=wanted.examples,
        tell=tell,
    )


def _beside_adapter(rows: Sequence[Score], between: Sequence[Score]) -> list[Score]:
    """Add to the scores of a route what it does to those of the adapter beside its base."""
    return [
        msgspec.structs.replace(
            row,
            unmerged=other.base,
            unmerged_difference=other.difference,
            unmerged_low=other.ci_low,
            unmerged_high=other.ci_high,
        )
        for row, other in zip(rows, between, strict=True)
    ]
