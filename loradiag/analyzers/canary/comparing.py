"""One metric of pairs: its difference with an interval that holds at all times, and what that says."""

from __future__ import annotations

from math import inf, log1p
from typing import Literal

import msgspec
import numpy as np

from loradiag.analyzers.drift.columns import METRICS as KNOWN
from loradiag.analyzers.drift.columns import Metric, change_of, mean_of
from loradiag.core.canary import CanaryMetric, CanaryPoint, CanaryStatus
from loradiag.statistics.checks import Floats
from loradiag.statistics.sequences import Interval, bounded_sequence, looks, normal_sequence, radius

_DIFFERENCE = 0.8
"""The part of a metric's chance that its difference has; the share of pairs in which the new one is larger has the rest."""

_POINTS = 120
_FAR = 10**7
"""Pairs beyond which nobody waits."""


class Margin(msgspec.Struct, frozen=True):
    """A metric and its margin.

    Attributes:
        metric: What is compared.
        margin: The harm that does not matter: a ratio − 1, or a difference.
        harm: Whether only a rise is worse.
    """

    metric: Metric
    margin: float
    harm: Literal["rise", "change"] = "rise"


METRICS: dict[str, Margin] = {
    row.metric.name: row
    for row in (
        Margin(KNOWN["perplexity"], 0.05),
        Margin(KNOWN["entropy"], 0.1),
        Margin(KNOWN["latency"], 0.1),
        Margin(KNOWN["first_token"], 0.1),
        Margin(KNOWN["response_length"], 0.15, "change"),
        Margin(KNOWN["response_characters"], 0.15, "change"),
        Margin(KNOWN["repetition"], 0.03),
        Margin(KNOWN["refusal_like"], 0.03),
        Margin(KNOWN["truncated"], 0.03),
        Margin(KNOWN["failed"], 0.02),
    )
}
"""What may be compared."""

PROMPTS = (Margin(KNOWN["prompt_length"], 0.05, "change"), Margin(KNOWN["prompt_characters"], 0.05, "change"))
"""What must not differ where traffic is split evenly."""


def compare(asked: Margin, old: Floats, new: Floats, alpha: float, floor: int) -> CanaryMetric | None:
    """Compare the pairs that both have a metric; None where none has.

    Args:
        asked: Which, and its margin.
        old: Its values of old requests, pair by pair [n].
        new: Of new ones [n].
        alpha: The chance that one of its two intervals is ever wrong.
        floor: Pairs below which nothing is said.
    """
    known = np.isfinite(old) & np.isfinite(new)
    if not known.any():
        return None
    metric, old, new = asked.metric, old[known], new[known]
    apart = new - old
    at = looks(apart.size, _POINTS)
    wins = bounded_sequence((np.sign(apart) + 1) / 2, alpha * (1 - _DIFFERENCE), [apart.size])[0]
    alpha *= _DIFFERENCE
    path = bounded_sequence(apart, alpha, at, -1.0, 1.0) if metric.share else normal_sequence(apart, alpha, at)
    last = path[-1] if path else None
    status = _status(asked, last, floor)
    means = float(old.mean()), float(new.mean())
    return CanaryMetric(
        metric=metric.name,
        unit=metric.unit,
        n=apart.size,
        old=mean_of(metric, means[0]),
        new=mean_of(metric, means[1]),
        ratio=metric.ratio,
        harm=asked.harm,
        margin=asked.margin,
        difference=change_of(metric, float(apart.mean())),
        low=None if last is None else change_of(metric, last.low),
        high=None if last is None else change_of(metric, last.high),
        superiority=wins.mean,
        superiority_low=wins.low,
        superiority_high=wins.high,
        exact=metric.share,
        more=_more(asked, apart, alpha) if status == "undecided" else None,
        status=status,
        path=[_point(metric, row) for row in path],
    )


def _point(metric: Metric, row: Interval) -> CanaryPoint:
    difference, low, high = (change_of(metric, value) for value in (row.mean, row.low, row.high))
    return CanaryPoint(n=row.n, difference=difference, low=low, high=high)


def _margin(asked: Margin) -> float:
    """The margin as a difference of what is compared."""
    return log1p(asked.margin) if asked.metric.ratio else asked.margin


def _status(asked: Margin, last: Interval | None, floor: int) -> CanaryStatus:
    if last is None or last.n < floor:
        return "insufficient"
    margin = _margin(asked)
    least = -inf if asked.harm == "rise" else -margin
    if last.low > margin or last.high < least:
        return "worse"
    if last.high < margin and last.low > least:
        return "better" if asked.harm == "rise" and last.high < 0 else "fine"
    return "undecided"


def _more(asked: Margin, apart: Floats, alpha: float) -> int | None:
    """Pairs until the interval will likely lie on one side of the margin, if mean and spread stay what they are."""
    mean, spread, margin = float(apart.mean()), float(apart.std()), _margin(asked)
    gap = abs(margin - mean) if asked.harm == "rise" else min(abs(margin - mean), abs(margin + mean))
    if gap <= 0 or spread <= 0:
        return None
    low, high = apart.size, _FAR
    if radius(high, spread, alpha) > gap:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if radius(middle, spread, alpha) <= gap else (middle, high)
    return max(1, high - apart.size)
