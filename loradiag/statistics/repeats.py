"""Answers given again and again: whether two sources differ by more than either from itself, and whether load adds to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loradiag.statistics.checks import Floats, whole
from loradiag.statistics.resampling import RESAMPLES, SEED

ALIKE_AGAIN = 1 / 7
"""Of two sources that are one, the chance at most that both answer alike twice and unlike each other, given that not all
four answers are alike: 1/(k² + k + 1) if k answers are equally likely, so that it is the largest for two."""

_DRAWN = 9999
"""Ways of pairing that are drawn."""

LEAST = 8
"""Pairs below which a ratio of medians gets no interval."""

Four = tuple[str, str, str, str]


def excess_p(more: int, fewer: int) -> float:
    """Return the chance of ``more`` or more of all pairs that differ, if either way is as likely: an exact one-sided sign test.

    Raises:
        ValueError: A count is negative, or not whole.
    """
    more, fewer = whole(more, 0, "more"), whole(fewer, 0, "fewer")
    from scipy.special import bdtr

    return float(bdtr(fewer, more + fewer, 0.5))


def answers_p(answers: Sequence[Four]) -> float:
    """Test whether two sources differ by more than noise, by two answers of each to every prompt: (a, a′, b, b′).

    Of prompts to which not all four answers are alike, those count for which a = a′ ≠ b = b′. Under the null all four are
    drawn alike, whatever from, and the count is binomial with a chance of at most :data:`ALIKE_AGAIN`.
    """
    varied = [row for row in answers if len(set(row)) > 1]
    apart = sum(a == again and b == also for a, again, b, also in varied)
    from scipy.special import bdtrc

    return float(bdtrc(apart - 1, len(varied), ALIKE_AGAIN))


def distances_p(distances: Sequence[tuple[float, ...]]) -> float:
    """The same test by distances of numbers: of the six of (aa′, bb′, ab, a′b′, ab′, a′b) for each prompt.

    Four answers can be paired in three ways, all as likely under the null. The rank of aa′ + bb′ among the three sums is
    summed over prompts (ranks, since distances of some prompts are far larger than those of others), and held against sums
    with the ranks of random ways.
    """
    if not distances:
        return 1.0
    six = np.array(distances, np.float64)
    sums = np.stack([six[:, 0] + six[:, 1], six[:, 2] + six[:, 3], six[:, 4] + six[:, 5]], axis=1)
    ranks = (sums[:, :, None] > sums[:, None, :]).sum(axis=2) + (
        (sums[:, :, None] == sums[:, None, :]).sum(axis=2) - 1
    ) / 2
    draws = np.random.default_rng(SEED).integers(0, 3, size=(_DRAWN, len(ranks)))
    drawn = ranks[np.arange(len(ranks)), draws].sum(axis=1)
    return float((1 + (drawn <= ranks[:, 0].sum() + 1e-9).sum()) / (_DRAWN + 1))


def ratio_of_medians(above: Floats, below: Floats, level: float = 0.95) -> tuple[float, float | None, float | None]:
    """Return the median of ``above`` over that of ``below``, and its bootstrap interval by pairs; None for fewer than eight.

    Args:
        above: One of each pair [n].
        below: The other [n].
        level: Of the two-sided percentile interval.

    Raises:
        ValueError: There are none, they are not as many, or not positive.
    """
    if len(above) != len(below) or not len(above) or not (np.min(above) > 0 and np.min(below) > 0):
        raise ValueError("pairs of positive numbers are needed")
    ratio = float(np.median(above) / np.median(below))
    if len(above) < LEAST:
        return ratio, None, None
    draws = np.random.default_rng(SEED).integers(0, len(above), size=(RESAMPLES, len(above)))
    ratios = np.median(above[draws], axis=1) / np.median(below[draws], axis=1)
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return ratio, float(low), float(high)
