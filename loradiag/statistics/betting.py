"""Evidence that may be looked at after every observation: e-processes.

Whoever bets against a null hypothesis at odds that are fair under it, starting with 1, owns at most 1 on average at any time,
and ever owns 1/a with a chance of at most a (Ville 1939; Shafer, Journal of the Royal Statistical Society A 184, 2021; Ramdas,
Grünwald, Vovk and Shafer, Statistical Science 38, 2023). So evidence never expires, and looking often costs nothing.

A change comes at a time that nobody knows. Capital that was bet from the first day on would be lost by then. So it is handed
out block by block: of a start j the share w_j is bet from block j on, and what is not yet handed out is kept. The sum of what
all starts have won and of what is kept is again fair (a mixture over starting times, as the Shiryaev–Roberts sum; Shin, Ramdas
and Rinaldo, "E-detectors", New England Journal of Statistics in Data Science 2, 2023), and starting with 1 it controls the
chance of an alarm over all time, not the average time to one.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.statistics.checks import Floats

BLOCK = 32
"""Observations between two starts."""

_SLOW, _OFFSET = 0.3, 4.0
"""After j starts a share of (1 + j/4)^−0.3 is kept: late starts cost little more than early ones (7 nats at the 100th)."""


class Wealth(msgspec.Struct, kw_only=True):
    """The state of one e-process whose strategies share their starting times.

    Attributes:
        won: The logarithm of what all starts together own, by strategy.
        starts: How many there were.
        waiting: Observations since the last of them.
        n: Observations.
        peak: The largest that the logarithm of the e-value ever was.
    """

    won: list[float]
    starts: int = 0
    waiting: int = 0
    n: int = 0
    peak: float = 0.0


def wealth(strategies: int) -> Wealth:
    """Return a process that has seen nothing: its e-value is 1."""
    return Wealth(won=[-math.inf] * strategies)


def kept(starts: int) -> float:
    """Return the share of the capital that is not yet bet after some starts."""
    return float((1.0 + starts / _OFFSET) ** -_SLOW)


def log_e(state: Wealth) -> float:
    """Return the logarithm of the e-value: of the mean over strategies, and what is kept."""
    return float(_log_means(np.array([state.won]), kept(state.starts))[0])


def bet(state: Wealth, factors: Floats, block: int = BLOCK) -> None:
    """Update a process by what each strategy's stake was multiplied with.

    Args:
        state: Changed in place.
        factors: [observations, strategies], none negative, each of an expectation of at most 1 under the null hypothesis, given
            all that came before.
        block: Observations between two starts.
    """
    with np.errstate(divide="ignore"):
        logs = np.log(factors)
    done = 0
    while done < len(logs):
        if state.waiting == 0:
            _start(state)
        part = logs[done : done + block - state.waiting]
        path = np.cumsum(part, axis=0) + np.asarray(state.won)
        state.peak = max(state.peak, float(_log_means(path, kept(state.starts)).max()))
        state.won = path[-1].tolist()
        state.n += len(part)
        state.waiting = (state.waiting + len(part)) % block
        done += len(part)


def _start(state: Wealth) -> None:
    share = math.log(kept(state.starts) - kept(state.starts + 1))
    state.starts += 1
    state.won = np.logaddexp(state.won, share).tolist()


def _log_means(path: Floats, reserve: float) -> Floats:
    """The logarithm of the mean over strategies and what is kept, of every row of logarithms [n, strategies]."""
    with np.errstate(over="ignore"):
        high = np.maximum(path.max(axis=1), math.log(reserve))
        total = np.exp(path - high[:, None]).mean(axis=1) + reserve * np.exp(-high)
    result: Floats = high + np.log(total)
    return result


def share_factors(hits: npt.NDArray[np.bool_], null: float, alternatives: Floats) -> Floats:
    """Return the odds of bets that a share is larger than ``null`` [n, alternatives]: likelihood ratios.

    Under any process in which the chance of a hit, given the past, is at most ``null``, each factor has an expectation of at
    most 1: it grows with a hit, so that the largest such chance is the worst.

    Args:
        hits: Whether each observation is one [n].
        null: The largest share that is no alarm.
        alternatives: Larger shares that are bet on [k].
    """
    won, lost = alternatives / null, (1 - alternatives) / (1 - null)
    factors: Floats = np.where(hits[:, None], won[None, :], lost[None, :])
    return factors


def shares_above(null: float) -> Floats:
    """Return shares to bet on [3], a little, clearly and far above ``null``."""
    return null + (1 - null) * np.array([0.06, 0.15, 0.4])


def rank_factors(p: Floats) -> Floats:
    """Return the odds of bets that p-values are small [n, 3]: ε·p^(ε−1), which integrate to 1 (Vovk and Wang 2021)."""
    epsilon = np.array([0.1, 0.3, 0.6])
    small = np.maximum(p, 1e-12)
    factors: Floats = epsilon * small[:, None] ** (epsilon - 1)
    return factors
