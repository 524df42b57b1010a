"""Groups of tasks as one score, and p-values adjusted for there being several."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from loradiag.analyzers.forgetting.metrics import normal_p
from loradiag.core.forgetting import Score
from loradiag.models.harness.tasks import Group
from loradiag.statistics.combined import combined_interval
from loradiag.statistics.holm import holm
from loradiag.statistics.power import minimum_detectable


def group_scores(groups: Sequence[Group], scores: Sequence[Score], asked: frozenset[str]) -> list[Score]:
    """Combine the scores of each group's tasks, for the adapter and for every route.

    Tasks are strata: they stay the same if documents are drawn anew. The score is the mean over tasks, or over
    documents where the group says so, as lm-eval computes it; the interval is put together from those of the tasks.
    """
    routes = list(dict.fromkeys(score.route for score in scores))
    return [
        _group(group, [score for score in scores if score.route == route], route, asked=group.name in asked)
        for group in groups
        for route in routes
    ]


def _group(group: Group, scores: Sequence[Score], route: str | None, *, asked: bool) -> Score:
    parts = [part for name in group.tasks if (part := _part(name, group, scores)) is not None]
    first = parts[0] if parts else None
    score = Score(
        task=group.name,
        metric=group.metric or (first.metric if first else "none"),
        filter=first.filter if first else "none",
        role="group",
        route=route,
        parts=list(group.tasks),
        asked=asked,
        higher_is_better=first.higher_is_better if first else True,
        n=sum(part.n for part in parts),
    )
    problem = _problem(group, parts)
    if problem is not None:
        return msgspec.structs.replace(score, reason=problem)
    weights = [part.n / score.n if group.by_documents else 1 / len(parts) for part in parts]
    base, adapter, difference = (
        sum(weight * (getattr(part, field) or 0.0) for weight, part in zip(weights, parts, strict=True))
        for field in ("base", "adapter", "difference")
    )
    error = math.sqrt(
        sum((weight * (part.standard_error or 0.0)) ** 2 for weight, part in zip(weights, parts, strict=True))
    )
    low, high = _ends(weights, parts, "ci_low", "ci_high")
    bound_low, bound_high = _ends(weights, parts, "bound_low", "bound_high")
    identical = all(part.identical for part in parts)
    binary = all(part.binary for part in parts)
    return msgspec.structs.replace(
        score,
        base=base,
        adapter=adapter,
        difference=difference,
        standard_error=error,
        ci_low=low,
        ci_high=high,
        bound_low=bound_low,
        bound_high=bound_high,
        interval="identical" if identical else "mover",
        identical=identical,
        binary=binary,
        p_value=normal_p(difference, error),
        test="normal",
        minimum_detectable=minimum_detectable(error),
        chance=_chance(weights, parts),
        lost=sum(part.lost or 0 for part in parts),
        won=sum(part.won or 0 for part in parts),
    )


def _part(name: str, group: Group, scores: Sequence[Score]) -> Score | None:
    """The score of a task that a group averages."""
    rows = [row for row in scores if row.task == name]
    if group.metric is None:
        return next((row for row in rows if row.primary), None)
    return next((row for row in rows if row.metric == group.metric and group.filter in (None, row.filter)), None)


def _problem(group: Group, parts: Sequence[Score]) -> str | None:
    """Why a group has no score; None if it has one."""
    if len(parts) < len(group.tasks):
        return f"{len(group.tasks) - len(parts):,} of its {len(group.tasks):,} tasks have no such metric"
    if len({(part.metric, part.higher_is_better) for part in parts}) > 1:
        return "its tasks have different metrics, which have no mean: its tasks are judged instead"
    if any(part.difference is None or part.ci_low is None or part.bound_low is None for part in parts):
        return "some of its tasks have no interval"
    return None


def _chance(weights: Sequence[float], parts: Sequence[Score]) -> float | None:
    """What one who guesses has; None where some part gives no choices, or where tasks count as if they had as many documents.

    There ``n`` documents would seem to tell a guesser more surely than they do.
    """
    known = [part.chance for part in parts if part.chance is not None]
    documents = sum(part.n for part in parts)
    as_documents = all(math.isclose(weight, part.n / documents) for weight, part in zip(weights, parts, strict=True))
    if len(known) < len(parts) or not as_documents:
        return None
    return sum(weight * chance for weight, chance in zip(weights, known, strict=True))


def _ends(weights: Sequence[float], parts: Sequence[Score], low: str, high: str) -> tuple[float, float]:
    """The interval of a group. A resampled one need not hold the estimate: it is stretched to where it does."""
    middles = [part.difference or 0.0 for part in parts]
    ends = [
        (min(getattr(part, low), middle), max(getattr(part, high), middle))
        for part, middle in zip(parts, middles, strict=True)
    ]
    return combined_interval(weights, middles, ends)


def asked_instead(scores: Iterable[Score], groups: Sequence[Score]) -> list[Score]:
    """Ask the tasks of groups that were asked and have no score."""
    names = {name for group in groups if group.asked and group.difference is None for name in group.parts}
    return [msgspec.structs.replace(score, asked=score.asked or score.task in names) for score in scores]


def adjusted(scores: Sequence[Score]) -> list[Score]:
    """Adjust p-values by Holm over what is judged together: primary scores that are asked, and those that are not."""
    families: dict[tuple[bool, str | None], list[int]] = {}
    for index, score in enumerate(scores):
        if score.primary and score.role != "domain":
            families.setdefault((score.asked, score.route), []).append(index)
    found = list(scores)
    for indexes in families.values():
        for index, p in zip(indexes, holm([scores[index].p_value for index in indexes]), strict=True):
            found[index] = msgspec.structs.replace(found[index], p_adjusted=p)
    return found
