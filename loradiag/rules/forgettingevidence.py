"""LD706 to LD708: whether the tasks that were asked can tell what was forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loradiag.core.findings import Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.rules.forgetting import asked, called, number


@rule(
    "LD706",
    "task-at-chance",
    Severity.INFO,
    source="loradiag: the share of 1 in the number of choices, averaged over documents",
    advice="Take a task that the base can do, or more shots.",
    thresholds=[
        Threshold("least_over", 0.02, "the least by which a base must exceed chance for a task to tell", "convention")
    ],
)
def task_at_chance(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The base does no better on a task than one who guesses, so that there is nothing to forget.

    ## Why it matters
    A task that the base cannot do shows no loss, whatever the adapter destroyed: its ``safe`` says little.

    ## What to do
    Take an easier task of the kind, or give examples with ``--num-fewshot``.
    """
    for score in asked(evidence):
        if score.chance is None or score.base is None or score.route is not None:
            continue
        least = score.chance + limits["least_over"]
        if score.base < least:
            said = f"the base has {printable(score.metric)} {number(score.base)}, chance is {number(score.chance)}"
            yield Match(f"{called(score)}: {said}", modules=[score.task], observed=score.base, threshold=least)


@rule(
    "LD707",
    "tasks-unfinished",
    Severity.WARNING,
    source="loradiag",
    advice="Run the same command again: it goes on from what was finished.",
    undecided=True,
)
def tasks_unfinished(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The run was interrupted before all tasks were asked.

    ## Why it matters
    What was not asked may have been forgotten.

    ## What to do
    Run the same command again. What was finished is kept.
    """
    found = evidence.measurements.forgetting
    if found is not None and found.unfinished:
        named = listed([shorten(printable(name), 60) for name in found.unfinished], 5)
        yield Match(
            f"{plural(len(found.unfinished), 'part')} of the run not finished: {named}", modules=found.unfinished
        )


@rule(
    "LD708",
    "score-missing",
    Severity.WARNING,
    source="loradiag",
    advice="Choose another metric of the task with --metric TASK=NAME, or give more documents.",
    undecided=True,
)
def score_missing(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A task that was asked has no score that can be compared, or no interval.

    ## Why it matters
    Whether the base forgot it is not known.

    ## What to do
    The message says why: a metric without a value for each document that cannot be resampled, values that are not finite,
    or too few documents.
    """
    for score in asked(evidence):
        by_parts = score.role == "group" and score.difference is None and _asks_all(evidence, score.parts)
        if (score.difference is None or score.bound_low is None) and not score.identical and not by_parts:
            why = printable(score.reason or "it has no interval")
            yield Match(f"{called(score)}, {printable(score.metric)}: {why}", modules=[score.task], route=score.route)


def _asks_all(evidence: Evidence, parts: Sequence[str]) -> bool:
    """Whether all parts of a group are judged themselves."""
    tasks = {score.task for score in asked(evidence) if score.role == "task"}
    return bool(parts) and tasks.issuperset(parts)
