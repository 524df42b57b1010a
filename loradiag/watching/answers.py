"""Answers day by day: is a day unlike those before it, and again, and by so much that it matters?

Requests of a day have more in common than requests of different days, so a day is one observation. Without drift days are
exchangeable, and the rank of each among all so far, ties broken at random, is uniform and independent of the ranks before
(online conformal p-values: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005, ch. 7). Bets are on
those.
"""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np

from loradiag.analyzers.drift.columns import Metric, change_of
from loradiag.analyzers.drift.predictions import METRICS
from loradiag.core.windows import RAISED, SHARES
from loradiag.statistics.betting import Wealth, bet, log_e, rank_factors, wealth

LEAST = 20
"""Answers that make a day; a day with fewer is put together with the next."""

_RECENT = 3
"""Days that are called recent."""

_MOST_DAYS = 400
"""Days that are remembered one by one; the oldest is forgotten then."""

_STARTS = 1
"""A new start every day."""

_TOLERATED = {"ratio": 0.15, "raised": 0.05, "share": 0.05, "other": 0.1}
"""Changes that are none: of lengths as a ratio, of perplexities, of shares and of repetition, of entropy in nats."""

RISES = (*RAISED, *SHARES, "repetition")
"""Measures of which only a rise is harm."""

WATCHED: dict[str, Metric] = {metric.name: metric for metric in METRICS}


class Days(msgspec.Struct, kw_only=True):
    """The state of one measure: sums and numbers of days that are not over, values of those that are, and what is won.

    ``carried``: of days with too few answers; ``closed``: the last day that is over.
    """

    sums: dict[int, tuple[float, int]] = {}
    carried: tuple[float, int] = (0.0, 0)
    closed: int = -1
    past: list[float] = []
    wealth: Wealth = msgspec.field(default_factory=lambda: wealth(3))


def tolerated(metric: Metric) -> float:
    """Return the change of a measure that is no drift yet."""
    if metric.name in RAISED:
        return _TOLERATED["raised"]
    if metric.name in SHARES or metric.name == "repetition":
        return _TOLERATED["share"]
    return _TOLERATED["ratio" if metric.ratio else "other"]


def add(state: Days, day: int, total: float, count: int) -> None:
    """Count answers of a day; what comes after it was closed is left out."""
    if day <= state.closed:
        return
    before = state.sums.get(day, (0.0, 0))
    state.sums[day] = (before[0] + total, before[1] + count)


def close(state: Days, metric: Metric, today: int, salt: str) -> None:
    """Bet on the days before ``today``, in their order.

    Args:
        state: Changed in place.
        metric: Which measure it is.
        today: The first day that is not over.
        salt: What decides how ties are broken, besides the number of the day: a kill and a restart must not draw anew.
    """
    for day in sorted(day for day in state.sums if day < today):
        total, count = state.sums.pop(day)
        state.closed = day
        state.carried = (state.carried[0] + total, state.carried[1] + count)
        if state.carried[1] >= LEAST:
            _over(state, metric, state.carried[0] / state.carried[1], salt)
            state.carried = (0.0, 0)


def _over(state: Days, metric: Metric, value: float, salt: str) -> None:
    past = np.asarray(state.past)
    below, ties = int((past < value).sum()), int((past == value).sum())
    low = (below + _chance(f"{salt} {metric.name} {state.wealth.n}") * (ties + 1)) / (past.size + 1)
    p = 1 - low if metric.name in RISES else 2 * min(low, 1 - low)
    bet(state.wealth, rank_factors(np.array([p])), block=_STARTS)
    state.past = [*state.past, value][-_MOST_DAYS:]


def _chance(salt: str) -> float:
    """A number between 0 and 1 that is drawn once for all."""
    return (int.from_bytes(hashlib.sha256(salt.encode("utf-8", "surrogatepass")).digest()[:8], "big") + 0.5) / 2**64


def change(state: Days, metric: Metric) -> float | None:
    """Return how far the last three days are from those before; None where there are no three before them."""
    if len(state.past) < 2 * _RECENT:
        return None
    recent, before = np.mean(state.past[-_RECENT:]), np.mean(state.past[:-_RECENT])
    return change_of(metric, float(recent - before))


def evidence(state: Days, metric: Metric) -> float:
    """Return the logarithm of the e-value, or that of 0 where the change is too small to matter.

    What is never larger than an e-process keeps its promise.
    """
    moved = change(state, metric)
    if moved is None or (moved if metric.name in RISES else abs(moved)) <= tolerated(metric):
        return -np.inf
    return log_e(state.wealth)
