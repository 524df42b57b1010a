"""LD701 to LD705, and LD709: what the base forgot, and what is served of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from loradiag.core.abilities import share_of
from loradiag.core.findings import Severity
from loradiag.core.forgetting import Score
from loradiag.core.margins import against_margin, oriented
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import plural, printable, shorten

_CONVENTION = "convention of practitioners: a drop of more than 5% on unrelated tasks"
_PAIRED = (
    "paired differences of the same documents (Miller, arXiv 2411.00640); at 1,000 documents, 7% lost and 4% won, they find "
    "the loss 84% of the time where two separate standard errors find it 16%"
)
_ALPHA = Threshold("alpha", 0.05, "chance of one false alarm among all tasks (Holm)", "convention")


def asked(evidence: Evidence) -> Iterator[Score]:
    """The scores that the user asked for, groups before tasks: of each task the metric by which it is judged."""
    return (score for score in _judged(evidence) if score.asked)


def _parts(evidence: Evidence) -> Iterator[Score]:
    """The same of tasks that were asked as parts of a group only."""
    return (score for score in _judged(evidence) if not score.asked)


def _judged(evidence: Evidence) -> Iterator[Score]:
    found = evidence.measurements.forgetting
    for score in (*found.groups, *found.tasks) if found else ():
        if score.primary and score.role != "domain":
            yield score


def _gates(score: Score, evidence: Evidence) -> bool:
    """Whether this is what will be served: the routes where some were asked for, else the adapter beside its base."""
    found = evidence.measurements.forgetting
    return found is not None and (score.route is not None) == bool(found.routes)


def called(score: Score) -> str:
    """A task's name, and the route that was asked, safe to show."""
    name = shorten(printable(score.task), 80)
    return f"{name} ({printable(score.route)})" if score.route else name


def number(value: float) -> str:
    """A score: four decimals below 1, where shares lie, else four digits."""
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.4g}"


def _change(score: Score) -> str:
    base, adapter = score.base or 0.0, score.adapter or 0.0
    said = f"{printable(score.metric)} {number(base)} → {number(adapter)}"
    if score.ci_low is not None and score.ci_high is not None:
        said += f", by {score.difference or 0.0:+.4g} (95% interval {score.ci_low:+.4g} to {score.ci_high:+.4g})"
    return f"{said}, {plural(score.n, 'document')}"


def _flips(score: Score) -> str:
    if score.lost is None or score.won is None:
        return ""
    return (
        f"; {score.lost:,} lost, {score.won:,} won" if score.binary else f"; {score.lost:,} worse, {score.won:,} better"
    )


def _loss(score: Score) -> float:
    difference = score.difference or 0.0
    return -difference if score.higher_is_better else difference


@rule(
    "LD701",
    "ability-lost",
    Severity.ERROR,
    source=f"{_CONVENTION}; {_PAIRED}",
    advice="Train with replay of general data, for fewer steps or at a smaller scale; --sweep looks for a weaker form.",
    thresholds=[
        Threshold("margin", 0.05, "share of the base's score that a task may lose", _CONVENTION, by_task=True),
        _ALPHA,
    ],
)
def ability_lost(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """On a task that was asked, the adapter has lost more of the base's ability than the margin allows.

    ## Why it matters
    Fine-tuning on a narrow domain overwrites what the base could do. Users meet it as answers that got worse where nobody
    looked.

    ## How sure
    The whole 90% interval of the difference lies beyond the margin, that is, the loss exceeds it with 95% confidence; and the
    difference is significant after Holm's correction for the number of tasks. Differences are taken document by document.
    ``margin`` is a share of the base's score; ``"margin.TASK" = 0.02`` sets it for a task, or for a pattern such as ``mmlu_*``.

    ## What to do
    Mix general data into the training, train for fewer steps, lower the learning rate or α, or serve a weaker form of the
    adapter: ``loradiag forgetting --sweep`` measures what each costs.
    """
    for score in asked(evidence):
        if score.status == "forgot" and (score.p_adjusted or 0.0) <= limits["alpha"]:
            share = share_of(score.task, limits, limits["margin"])
            sure = "" if score.p_adjusted is None else f", p = {score.p_adjusted:.2g} after Holm"
            yield Match(
                f"{called(score)}: {_change(score)}{_flips(score)}; margin {score.margin or 0.0:.4g} ({share:.3g} of the "
                f"base's){sure}",
                modules=[score.task],
                observed=_loss(score),
                threshold=score.margin,
                severity=None if _gates(score, evidence) else Severity.WARNING,
                route=score.route,
            )


@rule(
    "LD702",
    "forgetting-undecided",
    Severity.WARNING,
    source=_PAIRED,
    advice="Ask more documents: a larger --limit, or more tasks of the kind; or widen the margin of this task in the policy.",
    undecided=True,
)
def forgetting_undecided(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """On a task that was asked, the documents decide neither that the ability is kept nor that it is lost.

    ## Why it matters
    A small sample that shows no loss is no evidence that there is none. A verdict of ``pass`` would say more than is known.

    ## What to do
    Ask as many documents as the message names: so many would decide, with 80% power, were the difference what it seems. With
    ``--limit``, raise it.
    """
    for score in asked(evidence):
        if score.status == "inconclusive" and score.bound_low is not None and _gates(score, evidence):
            more = _more(score, evidence)
            yield Match(
                f"{called(score)}: {_change(score)}; whether more than {score.margin or 0.0:.4g} was lost is open: {more}",
                modules=[score.task],
                observed=_loss(score),
                threshold=score.margin,
                route=score.route,
            )


def _more(score: Score, evidence: Evidence) -> str:
    """What it would take to decide."""
    found = evidence.measurements.forgetting
    low, high = oriented(score.bound_low, score.bound_high, score.higher_is_better)
    if against_margin(low, high, score.margin or 0.0) == "forgot":
        return f"among so many tasks such a loss comes by chance (p = {score.p_adjusted or 0.0:.2g} after Holm)"
    if score.needed is None:
        return "it is so near to the margin that no number of documents would decide soon"
    whole = found is not None and found.limit is None and score.role in ("task", "group")
    return f"about {score.needed:,} documents would decide" + (", more than it has" if whole else "")


@rule(
    "LD703",
    "part-lost",
    Severity.WARNING,
    source=_CONVENTION,
    advice="See whether your users need this part; ask it by name to make it part of the gate.",
)
def part_lost(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Within a group of tasks, single tasks have lost more than the margin.

    ## Why it matters
    An average hides what happens to its parts: one subject may be gone while the others make up for it.

    ## What to do
    Ask the task by its own name if it matters: it then counts by itself.
    """
    for score in _parts(evidence):
        if score.status == "forgot" and _gates(score, evidence):
            yield Match(
                f"{called(score)}: {_change(score)}{_flips(score)}",
                modules=[score.task],
                observed=_loss(score),
                threshold=score.margin,
                route=score.route,
            )


@rule(
    "LD704",
    "ability-weakened",
    Severity.INFO,
    source=_PAIRED,
    advice="Nothing to do if the margin is right; the flips show which documents changed.",
    thresholds=[_ALPHA],
)
def ability_weakened(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A task has lost something beyond doubt, and less than the margin allows, or not surely more.

    ## Why it matters
    It is a real loss. Whether it is borne is what the margin says.

    ## What to do
    Nothing, if the margin is right. The documents that changed are in the report.
    """
    for score in asked(evidence):
        lost = score.status in ("safe", "inconclusive") and _loss(score) > 0
        if lost and score.p_adjusted is not None and score.p_adjusted < limits["alpha"] and _gates(score, evidence):
            yield Match(
                f"{called(score)}: {_change(score)}{_flips(score)}",
                modules=[score.task],
                observed=score.p_adjusted,
                threshold=limits["alpha"],
                route=score.route,
            )


@rule(
    "LD705",
    "ability-gained",
    Severity.INFO,
    source=_PAIRED,
    advice="Nothing to do.",
    thresholds=[_ALPHA],
)
def ability_gained(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """A task has gained beyond doubt.

    ## Why it matters
    Gains are shown beside losses: an adapter that only trades one for the other is another thing than one that loses.

    ## What to do
    Nothing. A gain on a task that has nothing to do with the training deserves a look at the documents that changed.
    """
    for score in asked(evidence):
        if _loss(score) < 0 and score.p_adjusted is not None and score.p_adjusted < limits["alpha"]:
            yield Match(
                f"{called(score)}: {_change(score)}{_flips(score)}",
                modules=[score.task],
                observed=score.p_adjusted,
                threshold=limits["alpha"],
                route=score.route,
            )


@rule(
    "LD709",
    "deployment-loses",
    Severity.ERROR,
    source=_CONVENTION,
    advice="Deploy along another route: loradiag merge-drift says what each keeps.",
    thresholds=[Threshold("margin", 0.05, "share of the adapter's score that deploying it may lose", _CONVENTION)],
)
def deployment_loses(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """What is served does worse than the adapter beside its base, by more than the margin.

    ## Why it matters
    Folding and quantizing cost something of their own. Scores that were taken before are not those of what users get.

    ## What to do
    Choose another route: 16 bits, or the adapter beside a quantized base.
    """
    for score in asked(evidence):
        if score.unmerged is None or score.unmerged_low is None or score.unmerged_high is None:
            continue
        margin = limits["margin"] * abs(score.unmerged)
        gone = score.unmerged_high < -margin if score.higher_is_better else score.unmerged_low > margin
        if gone:
            yield Match(
                f"{called(score)}: {printable(score.metric)} of the adapter {number(score.unmerged)} → served "
                f"{number(score.adapter or 0.0)} (95% interval {score.unmerged_low:+.4g} to {score.unmerged_high:+.4g})",
                modules=[score.task],
                observed=abs(score.unmerged_difference or 0.0),
                threshold=margin,
                route=score.route,
            )
