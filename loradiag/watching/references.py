"""What an adapter's requests should look like, as bets need it: with room for what calibration cannot know."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.baselines.manifest import Calibrated

CALIBRATION = 0.1
"""The part of the budget that pays for held-out references being a sample: the rest is for the bets."""

_LEAST_KNOWN = 20
_LEAST_IN_TOPIC = 10
"""Held-out references of a topic below which it is put together with others that are as rare."""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """The null hypothesis.

    Attributes:
        threshold: The cosine below which a request is novel.
        expected: The share of held-out references below it.
        matters: The share of novel requests that matters.
        share: The share that is no drift yet, with room for what calibration cannot know.
        groups: The group of each topic; rare topics share one.
        mix: The share of each group among held-out references that are not novel; empty where they are too few.
        change: Cohen's w of a change in these that is no drift yet.
    """

    threshold: float
    expected: float
    matters: float
    share: float
    groups: list[int]
    mix: list[float]
    change: float


def reference_of(
    told: Calibrated,
    scores: npt.ArrayLike,
    topics: npt.ArrayLike,
    *,
    least_share: float,
    tolerance: float,
    chance: float,
) -> Reference:
    """Return what is no drift, so wide that a baseline whose held-out part misleads is a matter of ``chance``.

    Bets go on for ever, and would in time find the sampling error of the held-out references. Of n values a share lies below
    the r-th smallest that is beta distributed with r and n − r + 1: its upper bound is tolerated if it exceeds ``least_share``.
    The shares of k topics among m references are off by Cohen's w whose square times m is χ² with k − 1 degrees of freedom: its
    upper bound is added to ``tolerance``.

    Args:
        told: What was calibrated of the adapter's baseline.
        scores: Cosines of its held-out references to their nearest reference [m].
        topics: Their topics [m].
        least_share: Of novel requests that matters.
        tolerance: Cohen's w of the mix that matters.
        chance: That either bound is wrong.
    """
    from scipy.stats import beta, chi2

    bound = float(beta.isf(chance / 2, told.rank, told.calibration - told.rank + 1))
    known = np.asarray(topics)[np.asarray(scores) >= told.threshold]
    counts = np.bincount(known, minlength=told.topics)
    groups = _groups(counts)
    merged = np.bincount(groups, weights=counts)
    enough = merged.size > 1 and known.size >= _LEAST_KNOWN
    return Reference(
        threshold=told.threshold,
        expected=told.novel_rate,
        matters=least_share,
        share=max(least_share, bound),
        groups=groups.tolist(),
        mix=(merged / merged.sum()).tolist() if enough else [],
        change=tolerance + math.sqrt(float(chi2.isf(chance / 2, merged.size - 1)) / known.size) if enough else 0.0,
    )


def _groups(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Number topics anew, those with few references together; into one that is large enough if they are not."""
    order = np.argsort(counts, kind="stable")
    sizes = np.cumsum(counts[order])
    rare = int((counts < _LEAST_IN_TOPIC).sum())
    while rare and rare < counts.size and sizes[rare - 1] < _LEAST_IN_TOPIC:
        rare += 1
    groups = np.zeros(counts.size, dtype=np.int64)
    rest = np.sort(order[rare:])
    groups[rest] = np.arange(rest.size) + (1 if rare else 0)
    return groups
