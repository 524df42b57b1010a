"""Bets that scores have changed since they began, whatever they are like: online conformal p-values.

As long as scores come from one distribution, in whatever unknown one, the rank of each among all so far, ties broken at random,
is uniform and independent of the ranks before it (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005,
ch. 7 and 8). Held-out references are only the beginning of what is ranked: all that comes is added. So their number limits how
soon a change is seen, and never what is promised.

Scores are put into bins first, whose numbers are as exchangeable as they were: a few counts are all that is remembered.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.statistics.betting import Wealth, bet, wealth
from loradiag.statistics.checks import Floats

QUANTILES = np.array([0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8])
"""Where bins end, among the scores at the beginning."""

_EDGES = np.array([0.01, 0.05, 0.1, 0.2, 0.4, 1.0])
_NEAR = np.array([9.0, 9.0, 3.0, 1.8, 0.7, 0.2])
_FAR = np.array([50.0, 6.0, 1.5, 0.9, 0.3, 0.1])
"""How often strange requests have such ranks: those of a neighbouring subject, and those of another world."""

_SHARES = ((_NEAR, 0.15), (_NEAR, 0.4), (_FAR, 0.1), (_FAR, 0.3))
"""The shares of strange requests that are bet on."""


class Ranked(msgspec.Struct, kw_only=True):
    """The state: where bins end, how many scores of each there were, and what is won."""

    edges: list[float]
    counts: list[int]
    wealth: Wealth


def ranked(beginning: Floats) -> Ranked:
    """Return the state before the first score, after those that are ranked with it [m]."""
    edges = np.unique(np.quantile(beginning, QUANTILES))
    counts = np.bincount(np.searchsorted(edges, beginning, side="right"), minlength=edges.size + 1)
    return Ranked(edges=edges.tolist(), counts=counts.tolist(), wealth=wealth(len(_SHARES)))


def bet_on_ranks(state: Ranked, scores: Floats, chances: Floats) -> None:
    """Update the evidence that scores have become smaller.

    Args:
        state: Changed in place.
        scores: In the order of time [n].
        chances: Numbers between 0 and 1 that were drawn at random, to break ties [n].
    """
    bins = np.searchsorted(np.asarray(state.edges), scores, side="right")
    bet(state.wealth, factors(_ranks(np.asarray(state.counts), bins, chances)))
    state.counts = (np.asarray(state.counts) + np.bincount(bins, minlength=len(state.counts))).tolist()


def _ranks(counts: npt.NDArray[np.int64], bins: npt.NDArray[np.int64], chances: Floats) -> Floats:
    """The p-value of each: the share of all so far, itself among them, that are smaller, and a random part of its equals."""
    came = np.zeros((bins.size + 1, counts.size), dtype=np.int64)
    came[0] = counts
    np.add.at(came, (np.arange(1, bins.size + 1), bins), 1)
    now = np.cumsum(came, axis=0)[1:]  # with each score itself
    rows = np.arange(bins.size)
    equal = now[rows, bins]
    smaller = np.cumsum(now, axis=1)[rows, bins] - equal
    found: Floats = (smaller + chances * equal) / now.sum(axis=1)
    return found


def factors(p: Floats) -> Floats:
    """Return the odds of the bets for p-values [n, strategies]: densities on [0, 1]."""
    places = np.minimum(np.searchsorted(_EDGES, p, side="left"), _EDGES.size - 1)
    widths = np.diff(_EDGES, prepend=0.0)
    columns = [1 - share + share * (profile / float(profile @ widths))[places] for profile, share in _SHARES]
    return np.stack(columns, axis=1)
