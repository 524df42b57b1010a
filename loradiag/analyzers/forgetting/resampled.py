"""A metric of all documents together, computed of resamples: how many of these, and the score of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from loradiag.analyzers.forgetting.sums import HARNESS, SUMS, Scorer
from loradiag.statistics.checks import Indexes

MOST, FEWEST = 2000, 200
"""Resamples. The end of a 95% interval wavers by 0.06 standard errors of the difference with 2,000, by 0.19 with 200."""

_KNOWN, _OTHER = 10_000_000, 500_000
"""Documents of all resamples: of functions of lm-eval's own, a millionth of a second each, and of those that a task brings."""

_NEAR = 1e-9

Aggregate = Callable[[Sequence[Any]], float]


class Resampled:
    """A metric of two models on any resample of documents.

    What is a function of sums over documents (F1, BLEU) is counted once: 2,000 resamples of chrF over 3,000 documents take some
    seconds in place of an hour. All other metrics are computed of the documents themselves.

    Args:
        aggregate: From documents' values to the score.
        before: Values of the base, one a document [n].
        after: Values of the adapter [n].

    Attributes:
        count: How many resamples to draw. It depends on the number of documents and on whose function it is, and on nothing
            else, so that the same answers have the same interval everywhere.
    """

    def __init__(self, aggregate: Aggregate, before: Sequence[Any], after: Sequence[Any]) -> None:
        sides = (before, after)
        of_harness, summed = getattr(aggregate, "__module__", None) == HARNESS, _name(aggregate) in SUMS
        quick = [_checked(aggregate, values) for values in sides] if of_harness and summed else []
        by_sums = [scorer for scorer in quick if scorer is not None]
        quickly = of_harness and (not summed or len(by_sums) == len(sides))
        self._scorers = by_sums if len(by_sums) == len(sides) else [_plainly(aggregate, values) for values in sides]
        self.count = min(max((_KNOWN if quickly else _OTHER) // max(len(before), 1), FEWEST), MOST)

    def at(self, indexes: Indexes) -> tuple[float, float]:
        """Return the scores of base and adapter on some documents, with repeats."""
        first, second = self._scorers
        return first(indexes), second(indexes)


def _plainly(aggregate: Aggregate, values: Sequence[Any]) -> Scorer:
    return lambda indexes: float(aggregate([values[index] for index in indexes]))


def _name(aggregate: Aggregate) -> str:
    return getattr(aggregate, "__name__", "")


def _checked(aggregate: Aggregate, values: Sequence[Any]) -> Scorer | None:
    """The score from sums over documents; None where it is not what the function itself says of all, and of every second."""
    try:
        scorer = SUMS[_name(aggregate)](values)
        steps = (1, 2)
        same = all(_close(scorer(np.arange(0, len(values), step)), float(aggregate(values[::step]))) for step in steps)
    except Exception:  # sacrebleu keeps the right to change what is used here; then resamples are read
        return None
    return scorer if same else None


def _close(first: float, second: float) -> bool:
    return abs(first - second) <= _NEAR * max(1.0, abs(second))
