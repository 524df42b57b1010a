"""LD815, LD816 and LD817: a new adapter beside the old one on split traffic."""

from __future__ import annotations

from collections.abc import Iterable

from loradiag.core.canary import CanaryMetric
from loradiag.core.findings import Confidence, Severity
from loradiag.core.rules import Evidence, Limits, Match, rule
from loradiag.core.text import listed, plural, printable, shorten

_SOURCE = (
    "confidence sequences: by betting for shares (Waudby-Smith and Ramdas 2024), asymptotic for others (Waudby-Smith, Arbour, "
    "Sinha, Kennedy and Ramdas 2024); the level is shared out among metrics"
)


def _change(row: CanaryMetric, value: float | None) -> str:
    return "?" if value is None else f"{value:+.1%}" if row.ratio else f"{value:+.3g}"


@rule(
    "LD815",
    "canary-worse",
    Severity.ERROR,
    source=_SOURCE,
    advice="Roll back: send all traffic to the old adapter.",
)
def canary_worse(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The new adapter is certainly worse than the old one, by more than the margin that was set.

    ## Why it matters
    What a test set does not show, real traffic does: longer waits, answers that are cut off, a model that is less sure.

    ## How sure
    The interval holds at all times at once: it may be looked at after every request, and the chance that any of the metrics'
    intervals is ever wrong is at most alpha. Requests are matched in time, so that a ramp-up over days that differ is no
    confounder.

    ## What to do
    Roll back, and look at answers of both to the same prompts.
    """
    found = evidence.measurements.canary
    for row in found.metrics if found else ():
        if row.status == "worse":
            yield Match(
                f"{shorten(printable(row.metric), 40)}: {row.old:.4g} → {row.new:.4g}, {_change(row, row.difference)} "
                f"({_change(row, row.low)} to {_change(row, row.high)}) over {plural(row.n, 'pair')}; "
                f"{_change(row, row.margin)} would not matter",
                modules=[row.metric],
                observed=row.difference,
                threshold=row.margin,
            )


@rule(
    "LD816",
    "canary-undecided",
    Severity.INFO,
    source=_SOURCE,
    advice="Keep going: let both serve until the intervals lie on one side of their margins.",
)
def canary_undecided(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """Some metrics could still be either: worse than their margin, or not.

    ## Why it matters
    That no harm was seen is not that there is none.

    ## What to do
    Wait: the report says how many more pairs are likely needed. A larger margin needs fewer.
    """
    found = evidence.measurements.canary
    open_ = [row for row in found.metrics if row.status in ("undecided", "insufficient")] if found else []
    if found and open_ and found.decision != "roll back":
        most = max((row.more or 0 for row in open_), default=0)
        more = f"; some {most:,} more pairs are likely needed" if most else ""
        names = listed([shorten(printable(row.metric), 40) for row in open_], 5)
        yield Match(f"{names}: nothing is certain after {plural(found.pairs, 'pair')}{more}")


@rule(
    "LD817",
    "canary-uneven-split",
    Severity.WARNING,
    source=_SOURCE,
    confidence=Confidence.MEDIUM,
    advice="Split traffic at random, by request or by user, and begin anew.",
)
def canary_uneven_split(evidence: Evidence, limits: Limits) -> Iterable[Match]:
    """The two adapters are asked different things, so that their answers cannot be compared.

    ## Why it matters
    A split by client, by region or by route gives each adapter its own kind of requests: what differs then may be the requests.

    ## How sure
    Lengths of prompts differ by more than 5%, with the same guarantee as for the metrics. Prompts may also differ in what they
    are about, which this does not see.

    ## What to do
    Split at random. Where the split must follow users, take many of them on both sides.
    """
    found = evidence.measurements.canary
    if found and found.uneven:
        names = listed([shorten(printable(name), 40) for name in found.uneven], 3)
        yield Match(f"prompts differ in {names} between {printable(found.old)} and {printable(found.new)}")
