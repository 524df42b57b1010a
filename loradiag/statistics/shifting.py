"""Bets that topics have other shares than they should, by more than a tolerated change.

The null hypothesis: whatever came before, the next request's topic has a distribution within Cohen's w of ``tolerated`` of the
reference's. For a payoff d over topics with mean 0 and variance 1 under the reference, no such distribution has a mean above w
(Cauchy and Schwarz: Σ(q − π)d = Σ (q − π)/√π · √π d ≤ w·1). So a bet that pays 1 + λ(d − w) is fair or worse. The payoff is the
direction in which the topics of recent requests have moved, which is known before the next request comes.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.statistics.betting import Wealth, bet, wealth
from loradiag.statistics.checks import Floats

STAKES = np.array([0.05, 0.15, 0.4])
"""What is bet, as λ above."""

_MEMORY = 150.0
"""Requests over which the direction is learned."""

_PRIOR = 30.0
"""Requests of the reference's shares that are mixed in, so that the first few do not decide the direction."""

_STEP = 8
"""Requests for which a direction is kept."""

_MOST = 0.9
"""Of a stake that can be lost at once."""

_NOTHING = 1e-9
"""A length below which a direction is none: nothing has moved, and nothing can be lost."""


class Shift(msgspec.Struct, kw_only=True):
    """The state: what is won, recent requests of each topic, older ones counting less, and those since they were counted."""

    wealth: Wealth
    recent: list[float]
    since: list[int] = []


def shift(topics: int) -> Shift:
    """Return the state before the first request."""
    return Shift(wealth=wealth(STAKES.size), recent=[0.0] * topics)


def bet_on_topics(state: Shift, topics: npt.NDArray[np.integer], reference: Floats, tolerated: float) -> None:
    """Update the evidence by the topics of some requests.

    Args:
        state: Changed in place.
        topics: Of each request, in the order of time [n].
        reference: The share of each topic [k], all above 0.
        tolerated: Cohen's w of a change that is no drift.
    """
    recent = np.asarray(state.recent)
    done = 0
    while done < len(topics):
        part = topics[done : done + _STEP - len(state.since)]
        payoff = _payoff(recent, reference)
        worst = tolerated - float(payoff.min())
        stakes = np.minimum(STAKES, _MOST / max(worst, _NOTHING))
        bet(state.wealth, 1 + (payoff[part] - tolerated)[:, None] * stakes[None, :])
        done += len(part)
        state.since = [*state.since, *part.tolist()]
        if len(state.since) == _STEP:
            recent = recent * math.exp(-_STEP / _MEMORY) + np.bincount(state.since, minlength=recent.size)
            state.since = []
    state.recent = recent.tolist()


def _payoff(recent: Floats, reference: Floats) -> Floats:
    """The direction of what was seen, of mean 0 and variance 1 under the reference; 0 where nothing has moved."""
    seen = (recent + _PRIOR * reference) / (recent.sum() + _PRIOR)
    moved = seen / reference
    moved -= float(reference @ moved)
    size = math.sqrt(float(reference @ moved**2))
    result: Floats = moved / size if size > _NOTHING else np.zeros_like(moved)
    return result


def recent_effect(state: Shift, reference: Floats) -> float | None:
    """Return Cohen's w of recent topics beside the reference, less what chance alone gives; None where there are few."""
    recent = np.asarray(state.recent)
    total = float(recent.sum())
    if total < _PRIOR:
        return None
    square = float(np.sum((recent / total - reference) ** 2 / reference))
    number = min(2 * total, state.wealth.n)  # weights that decay as e^(−i/m) count as 2m equal ones
    return math.sqrt(max(0.0, square - (recent.size - 1) / number))
