"""LD706 to LD708: whether the tasks that were asked can tell what was forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt

from loradiag.core.findings import Severity
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.rules.forgetting import asked, called, number


@rule(
    "LD706",
    "task-at-chance",
    Severity.INFO,
    source="1 in the number of choices, averaged over documents; how far who guesses gets by luck is binomial",
    advice="Take a task that the base can do, or more shots.",
    thresholds=[
        Threshold("least_over", 0.02, "the least by which a base must exceed chance for a task to tell", "convention"),
        Threshold(
            "least_errors", 1.645, "the same in standard errors of one who guesses", "one guesser in 20 has more"
        ),
    ],
)
def task_at_chance(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The base does no better on a task than one who guesses, as far as so many documents can tell: nothing is there to forget.

    ## Why it matters
    A task that the base cannot do shows no loss, whatever the adapter destroyed: its ``safe`` says little.

    ## How sure
    Among n documents who guesses has p + 1.645·√(p(1 − p)/n) + 1/(2n) or more once in 20 times, with p for chance; a base is
    taken to guess below that, and below p + 0.02. So 95% of those that guess are found, with any number of documents. In turn
    few documents may not tell one that knows something: of four choices, a base 10 points above chance is taken to guess in 30%
    of runs of 100 documents, in 1.6% of 300, and in none of 1,000 (binomial, exact).

    ## What to do
    Take an easier task of the kind, or give examples with ``--num-fewshot``. Near the border, ask more documents.
    """
    for score in asked(evidence):
        if score.chance is None or score.base is None or score.route is not None:
            continue
        n = max(score.n, 1)
        luck = limits["least_errors"] * sqrt(score.chance * (1 - score.chance) / n) + 0.5 / n
        least = score.chance + max(limits["least_over"], luck)
        if score.base < least:
            said = (
                f"the base has {printable(score.metric)} {number(score.base)}, chance is {number(score.chance)}, "
                f"and {plural(n, 'document')} tell from {number(least)} on"
            )
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
