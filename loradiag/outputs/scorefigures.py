"""The figures of a score: what each is called, what it means, and how it is written."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.forgetting import Score
from loradiag.core.text import printable
from loradiag.outputs.figure import Figure
from loradiag.outputs.scores import (
    BETTER,
    INTERVALS,
    LESS,
    WORSE,
    change_words,
    interval_words,
    metric_words,
    p_words,
    relative,
    score_words,
    share_words,
    size_words,
)


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _moves(score: Score) -> str:
    return "–" if score.lost is None or score.won is None else f"{score.lost:,} / {score.won:,}"


_EVERY: Sequence[Figure[Score]] = (
    Figure(
        "metric",
        f"What is compared. {LESS}: less of it is better.",
        16,
        lambda _score: None,
        metric_words,
    ),
    Figure(
        "n", "Documents that both were asked.", 14, lambda score: score.n or None, lambda score: _count(score.n or None)
    ),
    Figure(
        "sources",
        "Sources that several documents share; intervals and tests take them as one.",
        2,
        lambda score: score.clusters,
        lambda score: _count(score.clusters),
    ),
    Figure("base", "The base's score.", 18, lambda score: score.base, lambda score: score_words(score, score.base)),
    Figure(
        "adapter",
        "The score with the adapter: unmerged beside its base, or as it is served along a route.",
        19,
        lambda score: score.adapter,
        lambda score: score_words(score, score.adapter),
    ),
    Figure(
        "difference",
        f"Adapter less base, document by document, in the metric's own unit. {BETTER}: better; {WORSE}: worse.",
        21,
        lambda score: score.difference,
        lambda score: change_words(score.difference, score),
    ),
    Figure(
        "95% interval",
        "Where the difference lies with 95% confidence.",
        17,
        lambda score: score.ci_low,
        lambda score: interval_words(score.ci_low, score.ci_high),
    ),
    Figure(
        "of base",
        "The difference in percent of the base's score; below 0 is worse, whatever the metric.",
        12,
        lambda score: relative(score, score.difference),
        lambda score: share_words(relative(score, score.difference)),
    ),
    Figure(
        "since unmerged",
        "Served less unmerged: what the route did to the adapter's score, in the metric's own unit.",
        20,
        lambda score: score.unmerged_difference,
        lambda score: change_words(score.unmerged_difference, score),
    ),
    Figure(
        "its interval",
        "Where what the route did lies with 95% confidence.",
        6,
        lambda score: score.unmerged_low,
        lambda score: interval_words(score.unmerged_low, score.unmerged_high),
    ),
    Figure(
        "lost / won",
        "Documents that flipped: right for the base and wrong with the adapter, and the other way. Of other metrics than "
        "right or wrong: documents that became worse, and better.",
        13,
        lambda score: score.lost,
        _moves,
    ),
    Figure(
        "p (Holm)",
        "How likely so large a difference would be without any, adjusted for the number of tasks.",
        10,
        lambda score: score.p_adjusted,
        lambda score: p_words(score.p_adjusted),
    ),
    Figure(
        "detectable",
        "The loss that so many documents would show with 80% power.",
        7,
        lambda score: score.minimum_detectable,
        lambda score: size_words(score.minimum_detectable),
    ),
    Figure(
        "margin",
        "The loss that the policy bears, in the metric's unit.",
        9,
        lambda score: score.margin,
        lambda score: size_words(score.margin),
    ),
    Figure(
        "needed",
        "Documents that would decide with 80% power, were the difference what it seems.",
        11,
        lambda score: score.needed,
        lambda score: _count(score.needed),
    ),
)
_RARE = ("sources",)
"""Columns that are shown on demand."""

_WIDE: Sequence[Figure[Score]] = (
    Figure(
        "p",
        "How likely so large a difference would be without any, of this task alone.",
        0,
        lambda score: score.p_value,
        lambda score: p_words(score.p_value),
    ),
    Figure(
        "interval by",
        "How the interval came to be.",
        0,
        lambda score: score.ci_low,
        lambda score: "–" if score.interval is None else INTERVALS.get(score.interval, printable(score.interval)),
    ),
)
"""Columns that only a wide table has room for."""


def figures(scores: Sequence[Score], *, every: bool = False, rare: bool = False) -> list[Figure[Score]]:
    """The columns that a table of scores has: no empty ones, the metric where it differs, rare ones on demand.

    Args:
        scores: The rows.
        every: Whether to show the sources of documents as well.
        rare: Whether to show what only a wide table has room for.
    """
    several = len({metric_words(score) for score in scores}) > 1
    return [
        figure
        for figure in (*_EVERY, *(_WIDE if rare else ()))
        if (figure.title == "metric" and several)
        or ((every or figure.title not in _RARE) and any(figure.value(score) is not None for score in scores))
    ]
