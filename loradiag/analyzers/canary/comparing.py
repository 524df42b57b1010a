"""One metric of pairs: its difference with an interval that holds at all times, and what that says."""

from __future__ import annotations

from math import exp, expm1, inf, log1p
from typing import Literal

import msgspec
import numpy as np

from loradiag.core.canary import CanaryMetric, CanaryPoint, CanaryStatus
from loradiag.statistics.checks import Floats
from loradiag.statistics.sequences import Interval, bounded_sequence, looks, normal_sequence, radius

_DIFFERENCE = 0.8
"""The part of a metric's chance that its difference has; the share of pairs in which the new one is larger has the rest."""

_POINTS = 120
_FAR = 10**7
"""Pairs beyond which nobody waits."""


class Metric(msgspec.Struct, frozen=True):
    """What is compared: a column of the lake, whether its logarithm is, its harm and the margin of that.

    Attributes:
        name: As in reports.
        unit: Of its mean.
        column: Of the lake.
        margin: The harm that does not matter: a ratio − 1, or a difference.
        ratio: Whether differences are of logarithms.
        logged: Whether the column is not the logarithm already.
        share: Whether values are 0 or 1.
        harm: Whether only a rise is worse.
    """

    name: str
    unit: str
    column: str
    margin: float
    ratio: bool = False
    logged: bool = False
    share: bool = False
    harm: Literal["rise", "change"] = "rise"


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("perplexity", "of generated tokens", "nll", 0.05, ratio=True),
        Metric("entropy", "nats", "entropy", 0.1),
        Metric("latency", "ms", "latency_ms", 0.1, ratio=True, logged=True),
        Metric("first_token", "ms", "first_token_ms", 0.1, ratio=True, logged=True),
        Metric("response_length", "tokens", "response_tokens", 0.15, ratio=True, logged=True, harm="change"),
        Metric("response_characters", "characters", "response_chars", 0.15, ratio=True, logged=True, harm="change"),
        Metric("repetition", "share of 4-grams", "repetition", 0.03),
        Metric("refusal_like", "share of answers", "refusal_like", 0.03, share=True),
        Metric("truncated", "share of answers", "truncated", 0.03, share=True),
        Metric("failed", "share of requests", "failed", 0.02, share=True),
    )
}
"""What may be compared; lengths in characters stand in where tokens were not counted."""

PROMPTS = (
    Metric("prompt_length", "tokens", "prompt_tokens", 0.05, ratio=True, logged=True, harm="change"),
    Metric("prompt_characters", "characters", "prompt_chars", 0.05, ratio=True, logged=True, harm="change"),
)
"""What must not differ where traffic is split evenly."""


def values_of(metric: Metric, numbers: Floats) -> Floats:
    """Return what is compared of a column: its logarithm, where it is that; NaN where it is unknown."""
    if not metric.logged:
        return numbers
    return np.log(np.where(numbers > 0, numbers, np.nan))


def compare(metric: Metric, old: Floats, new: Floats, alpha: float, floor: int) -> CanaryMetric | None:
    """Compare the pairs that both have a metric; None where none has.

    Args:
        metric: Which.
        old: Its values of old requests, pair by pair [n].
        new: Of new ones [n].
        alpha: The chance that one of its two intervals is ever wrong.
        floor: Pairs below which nothing is said.
    """
    known = np.isfinite(old) & np.isfinite(new)
    if not known.any():
        return None
    old, new = old[known], new[known]
    apart = new - old
    at = looks(apart.size, _POINTS)
    wins = bounded_sequence((np.sign(apart) + 1) / 2, alpha * (1 - _DIFFERENCE), [apart.size])[0]
    alpha *= _DIFFERENCE
    path = bounded_sequence(apart, alpha, at, -1.0, 1.0) if metric.share else normal_sequence(apart, alpha, at)
    last = path[-1] if path else None
    status = _status(metric, last, floor)
    means = float(old.mean()), float(new.mean())
    return CanaryMetric(
        metric=metric.name,
        unit=metric.unit,
        n=apart.size,
        old=exp(means[0]) if metric.ratio else means[0],
        new=exp(means[1]) if metric.ratio else means[1],
        ratio=metric.ratio,
        harm=metric.harm,
        margin=metric.margin,
        difference=_told(metric, float(apart.mean())),
        low=None if last is None else _told(metric, last.low),
        high=None if last is None else _told(metric, last.high),
        superiority=wins.mean,
        superiority_low=wins.low,
        superiority_high=wins.high,
        exact=metric.share,
        more=_more(metric, apart, alpha) if status == "undecided" else None,
        status=status,
        path=[
            CanaryPoint(
                n=row.n, difference=_told(metric, row.mean), low=_told(metric, row.low), high=_told(metric, row.high)
            )
            for row in path
        ],
    )


def _told(metric: Metric, difference: float) -> float:
    return expm1(min(difference, 700.0)) if metric.ratio else difference


def _margin(metric: Metric) -> float:
    return log1p(metric.margin) if metric.ratio else metric.margin


def _status(metric: Metric, last: Interval | None, floor: int) -> CanaryStatus:
    if last is None or last.n < floor:
        return "insufficient"
    margin = _margin(metric)
    least = -inf if metric.harm == "rise" else -margin
    if last.low > margin or last.high < least:
        return "worse"
    if last.high < margin and last.low > least:
        return "better" if metric.harm == "rise" and last.high < 0 else "fine"
    return "undecided"


def _more(metric: Metric, apart: Floats, alpha: float) -> int | None:
    """Pairs until the interval will likely lie on one side of the margin, if mean and spread stay what they are."""
    mean, spread, margin = float(apart.mean()), float(apart.std()), _margin(metric)
    gap = abs(margin - mean) if metric.harm == "rise" else min(abs(margin - mean), abs(margin + mean))
    if gap <= 0 or spread <= 0:
        return None
    low, high = apart.size, _FAR
    if radius(high, spread, alpha) > gap:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if radius(middle, spread, alpha) <= gap else (middle, high)
    return max(1, high - apart.size)
