"""LD530 to LD535: does the registry know whom to ask about an adapter, what it is made of, and whether it is any good?"""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.findings import Severity
from loradiag.core.registered import Registered
from loradiag.core.rules import Evidence, Limits, Match, Threshold, rule
from loradiag.core.text import listed, printable

_MODEL_CARDS = "Mitchell et al. 2019, Model Cards for Model Reporting (arXiv 1810.03993)"


def _serving(evidence: Evidence) -> Registered | None:
    """The adapter, unless it is retired: nobody needs to know any more."""
    found = evidence.measurements.registered
    return found if found is not None and found.stage != "retired" else None


def _staged(found: Registered) -> str:
    return f", and it is {found.stage}" if found.stage in ("canary", "live") else ""


@rule(
    "LD530",
    "adapter-without-owner",
    Severity.WARNING,
    source=_MODEL_CARDS,
    advice="Name one: loradiag registry set ADAPTER --owner NAME. Or in its stamp: loradiag stamp --update --owner NAME.",
)
def adapter_without_owner(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Nobody is named whom to ask about the adapter.

    ## Why it matters
    When it misbehaves at night, when its data must be recalled, when the base is retired: somebody has to decide, and nobody
    knows who.

    ## What to do
    Name a team rather than a person, since people move on. An adapter that nobody owns up to is to be retired. Retired ones
    are not looked at.
    """
    found = _serving(evidence)
    if found is not None and not found.owner:
        yield Match(f"no owner is named{_staged(found)}")


@rule(
    "LD531",
    "adapter-without-data-hash",
    Severity.WARNING,
    source=_MODEL_CARDS,
    advice="Record it: loradiag stamp --update --data FILE, and add the adapter again; or loradiag registry set --data-hash.",
)
def adapter_without_data_hash(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Nothing tells which data the adapter was trained with.

    ## Why it matters
    Whether a recalled or leaked data set went into it cannot be answered, and the adapter cannot be made again. A name or a
    path is no answer: what lies there changes.

    ## What to do
    Hash the file or directory that the training read, as long as it is there. Retired adapters are not looked at.
    """
    found = _serving(evidence)
    if found is not None and not found.data_sha256:
        yield Match(f"no hash of its training data is known{_staged(found)}")


@rule(
    "LD532",
    "adapter-without-evaluation",
    Severity.WARNING,
    source=_MODEL_CARDS,
    advice="Add the report of an evaluation (loradiag forgetting …, loradiag registry add REPORT), or loradiag registry set "
    "--evaluation TASK=NUMBER.",
)
def adapter_without_evaluation(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """No result of the adapter on any task is known.

    ## Why it matters
    A sound file says nothing of what it does. Nobody can say whether this adapter is better than the one before it, or than
    none.

    ## What to do
    Run the evaluation that it was made for and record it. Retired adapters are not looked at.
    """
    found = _serving(evidence)
    if found is not None and not found.evaluations:
        yield Match(f"no evaluation of it is known{_staged(found)}")


@rule(
    "LD533",
    "live-adapter-fails",
    Severity.ERROR,
    source="loradiag",
    advice="Take it out of service or repair it; if the policy is wrong, set the policy right and inspect it again.",
)
def live_adapter_fails(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The adapter is live, and its newest inspection failed.

    ## Why it matters
    Users are answered by an adapter of which is known that it is broken. Either nobody looked, or it was inspected after it
    went live and nobody was told.

    ## What to do
    ``loradiag registry show`` names the findings. ``registry set --stage retired`` takes it off the list of what is live.
    """
    found = evidence.measurements.registered
    if found is not None and found.stage == "live" and found.inspection == "fail":
        decided = listed([printable(code) for code in found.inspection_decided], 5)
        when = printable(found.inspected or "?")[:10]
        yield Match(f"it is live, and its inspection of {when} failed{f' by {decided}' if decided else ''}")


@rule(
    "LD534",
    "stale-evaluation",
    Severity.INFO,
    source="practice: served models are looked at once a quarter",
    advice="Evaluate it again, on questions of today; loradiag drift check says whether its traffic has changed.",
    thresholds=(
        Threshold("days", 92, "Days after which an evaluation of what is served is stale.", "a quarter; a convention"),
    ),
)
def stale_evaluation(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The newest evaluation of an adapter that is served is old.

    ## Why it matters
    The weights stay what they were; what they are asked does not, nor do the tools around them. An old result says less
    every month.

    ## What to do
    Where the traffic has not drifted, the old result may still hold: raise the threshold for such fleets.
    """
    found = evidence.measurements.registered
    if found is None or found.stage not in ("canary", "live") or found.evaluated_days is None:
        return
    if found.evaluated_days > limits["days"]:
        yield Match(
            f"it is {found.stage}, and was evaluated {found.evaluated_days:,.0f} days ago",
            observed=found.evaluated_days,
            threshold=limits["days"],
        )


@rule(
    "LD535",
    "live-adapter-not-inspected",
    Severity.WARNING,
    source="loradiag",
    advice="Inspect and record it: loradiag registry add ADAPTER.",
    undecided=True,
)
def live_adapter_not_inspected(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The adapter is live, and the registry has no inspection of it.

    ## Why it matters
    Whether what is served is sound cannot be said, so the registry cannot say that it is: the verdict is inconclusive.

    ## What to do
    Add the adapter itself, or the JSON report of an inspection.
    """
    found = evidence.measurements.registered
    if found is not None and found.stage == "live" and found.inspection is None:
        yield Match("it is live, and no inspection of it is recorded")
