"""Facts: what a card keeps of a drift check, a canary, and an adapter behind an endpoint."""

from __future__ import annotations

import msgspec

from loradiag.core.canary import Canary, CanaryStatus
from loradiag.core.drift import Drift, DriftWindow
from loradiag.core.served import ServedModel


class DriftFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The newest window that had enough requests: its share of novel ones with a 95% interval, and what is expected."""

    status: str
    n: int
    end: str | None
    novelty_share: float | None
    novelty_low: float | None
    novelty_high: float | None
    expected: float
    recommended_route: str | None


class CanaryFact(msgspec.Struct, frozen=True, array_like=True):
    """One metric of a canary; as :class:`loradiag.core.canary.CanaryMetric`."""

    metric: str
    status: CanaryStatus
    ratio: bool
    margin: float
    difference: float
    low: float | None
    high: float | None


class CanaryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a canary came to: the adapter that it was held against, the decision, and each metric."""

    old: str
    decision: str
    pairs: int
    metrics: list[CanaryFact]


def drift_facts(found: Drift | None) -> DriftFacts | None:
    """How a drift check stands now; None where there is none, or it has no window."""
    window = newest(found) if found is not None else None
    if found is None or window is None:
        return None
    return DriftFacts(
        status=window.status,
        n=window.n,
        end=window.end,
        novelty_share=window.novelty_share,
        novelty_low=window.novelty_low,
        novelty_high=window.novelty_high,
        expected=found.baseline.novel_rate,
        recommended_route=window.recommended_route,
    )


def newest(found: Drift) -> DriftWindow | None:
    """The newest window that was judged; the newest of all where none was."""
    judged = [window for window in found.windows if window.status not in ("insufficient", "unjudged")]
    return next(reversed(judged or found.windows), None)


def canary_facts(found: Canary | None) -> CanaryFacts | None:
    """What a canary came to; None where there is none."""
    if found is None:
        return None
    rows = [
        CanaryFact(row.metric, row.status, row.ratio, row.margin, row.difference, row.low, row.high)
        for row in found.metrics
    ]
    return CanaryFacts(old=found.old, decision=found.decision, pairs=found.pairs, metrics=rows)


def served_measures(model: ServedModel) -> dict[str, float]:
    """The measures of an adapter behind an endpoint that a card keeps; those that were not taken are left out."""
    found = {}
    if model.loaded:
        found["changed"] = model.changed_loaded / model.loaded
    if model.telling:
        found["taken"] = model.taken / model.telling
    if model.times is not None and model.times.ratio is not None:
        found["switch"] = model.times.ratio
    return found
