"""Two adapters on split traffic, compared. Part of the wire format, as :mod:`loradiag.core.measurements`."""

from __future__ import annotations

from typing import Literal

from loradiag.core.measure import Measure

CanaryStatus = Literal["worse", "fine", "better", "undecided", "insufficient"]
"""``worse``: certainly by more than the margin; ``fine``: certainly not; ``better``: fine, and certainly better."""

Decision = Literal["promote", "roll back", "keep going", "insufficient"]


class CanaryPoint(Measure, kw_only=True, frozen=True):
    """The interval after ``n`` pairs."""

    n: int
    difference: float
    low: float
    high: float


class CanaryMetric(Measure, kw_only=True, frozen=True):
    """One metric of both adapters, request by request.

    ``n``: pairs of an old and a new request of about the same time that both have it. ``old`` and ``new``: means over pairs (of
    perplexities, lengths and times the geometric ones). ``difference``: new / old − 1 where ``ratio``, else new − old; ``low``
    and ``high``: its interval, which holds at all times at once and for all metrics together. ``harm``: ``rise`` where only
    more is worse, ``change`` where either is; ``margin``: the harm that does not matter. ``superiority``: the share of pairs in
    which the new value is the larger, ties counting half, with an exact interval at the same level. ``exact``: whether the
    interval of the difference is exact, as it is for shares; others need a variance and some fifty pairs. ``more``: pairs that
    are likely needed besides, if it stays as it is; None where that cannot be told. ``path``: the interval as it came about.
    """

    metric: str
    unit: str
    n: int
    old: float
    new: float
    ratio: bool
    harm: Literal["rise", "change"]
    margin: float
    difference: float
    low: float | None
    high: float | None
    superiority: float
    superiority_low: float
    superiority_high: float
    exact: bool
    more: int | None
    status: CanaryStatus
    path: list[CanaryPoint] = []


class Canary(Measure, kw_only=True, frozen=True):
    """Two adapters on split traffic.

    ``old_requests`` and ``new_requests``: that count, each conversation and text once a day; ``pairs``: that were matched in
    time. ``alpha``: the chance that any interval is ever wrong. ``uneven``: the metrics of prompts in which the two differ
    although the traffic was split, which makes every comparison doubtful.
    """

    old: str
    new: str
    lake: str
    start: str | None
    end: str | None
    alpha: float
    floor: int
    old_requests: int
    new_requests: int
    pairs: int
    metrics: list[CanaryMetric]
    uneven: list[str] = []
    decision: Decision
