"""The canary: every metric of both adapters, whether the split was even, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from loradiag.analyzers.canary.comparing import PROMPTS, Margin, compare
from loradiag.analyzers.canary.pairing import counted, pairs_of
from loradiag.analyzers.drift.columns import INSTEAD, Metric, values_of
from loradiag.analyzers.drift.windows import stamp
from loradiag.core.canary import Canary, CanaryMetric, Decision
from loradiag.statistics.checks import Floats
from loradiag.traffic.reading import Lake

Column = Callable[[Metric, int], Floats]
"""Gives what is compared of the old (0) or the new (1) requests, pair by pair."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked.

    Attributes:
        old: The adapter that is served, by its name in the traffic.
        new: The one that may take its place.
        metrics: What is compared, with its margins.
        alpha: The chance that any interval is ever wrong.
        floor: Pairs below which nothing is said of a metric.
        since: No request before this, in microseconds.
        until: None from this on.
    """

    old: str
    new: str
    metrics: Sequence[Margin]
    alpha: float = 0.05
    floor: int = 100
    since: int | None = None
    until: int | None = None


def run(lake: Lake, asked: Question) -> Canary:
    """Compare two adapters by what a lake knows of their requests.

    Raises:
        InputError: The lake cannot be read.
    """
    rows = [lake.rows(name, "", asked.since, asked.until, failed=True) for name in (asked.old, asked.new)]
    counts = [counted(side) for side in rows]
    places = pairs_of(*(side.time[own] for side, own in zip(rows, counts, strict=True)))
    matched = [own[place] for own, place in zip(counts, places, strict=True)]
    level = asked.alpha / (len(asked.metrics) + 1)  # the last part is for the prompts

    def column(metric: Metric, side: int) -> Floats:
        return values_of(metric, lake.measure(rows[side], metric.column, matched[side]))

    tell = partial(_compared, column)
    found = _best(tell(asked.metrics, level, asked.floor))
    prompts = _best(tell(PROMPTS, level / len(PROMPTS), asked.floor))
    uneven = [row.metric for row in prompts if row.status == "worse"]
    times = [side.time[own] for side, own in zip(rows, matched, strict=True)]
    return Canary(
        old=asked.old,
        new=asked.new,
        lake=lake.name,
        start=stamp(int(min(part.min() for part in times))) if matched[0].size else None,
        end=stamp(int(max(part.max() for part in times))) if matched[0].size else None,
        alpha=asked.alpha,
        floor=asked.floor,
        old_requests=counts[0].size,
        new_requests=counts[1].size,
        pairs=matched[0].size,
        metrics=found,
        uneven=uneven,
        decision=decide(found, uneven),
    )


def _compared(column: Column, metrics: Sequence[Margin], alpha: float, floor: int) -> list[CanaryMetric]:
    found = []
    for asked in metrics:
        row = compare(asked, column(asked.metric, 0), column(asked.metric, 1), alpha, floor)
        if row is not None:
            found.append(row)
    return found


def _best(found: list[CanaryMetric]) -> list[CanaryMetric]:
    """Lengths in characters only where tokens were not counted."""
    there = {row.metric for row in found}
    return [row for row in found if INSTEAD.get(row.metric) not in there]


def decide(found: Sequence[CanaryMetric], uneven: Sequence[str]) -> Decision:
    """Return what to do: back where anything is certainly worse, forward where everything is certainly not."""
    statuses = {row.status for row in found}
    if "worse" in statuses:
        return "roll back"
    if not found or statuses == {"insufficient"}:
        return "insufficient"
    if statuses <= {"fine", "better"} and not uneven:
        return "promote"
    return "keep going"
