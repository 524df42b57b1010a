"""Answers drawn at random, of models whose difference is known: nothing of loradiag decides who forgot what.

A document that the base answers right is lost with one chance, one that it answers wrong is won with another. So the true
change of the accuracy is −a·lost + (1−a)·won, and with churn alone both sides are as many and it is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from loradiag.models.harness.answers import Answer, Metric, Scored

ACC = Metric("acc", "none", True, "mean")
PPL = Metric("perplexity", "none", False, "weighted_perplexity")
Values = npt.NDArray[np.float64]


class Change(NamedTuple):
    """How an adapter's answers differ: the change of accuracy as a share of the base's, and the share that flips besides."""

    of_score: float
    churn: float = 0.04

    def flips(self, accuracy: float) -> tuple[float, float]:
        """Chances that a right answer is lost, and that a wrong one is won."""
        lost, won = self.churn, self.churn * accuracy / (1 - accuracy)
        if self.of_score < 0:
            return lost - self.of_score, won
        return lost, won + self.of_score * accuracy / (1 - accuracy)


def both(n: int, accuracy: float, change: Change, rng: np.random.Generator) -> tuple[Values, Values]:
    """Whether base and adapter are right, document by document."""
    base = rng.random(n) < accuracy
    lost, won = change.flips(accuracy)
    flipped = rng.random(n) < np.where(base, lost, won)
    return base.astype(float), (base ^ flipped).astype(float)


def scored(values: Sequence[Any], model: str, metric: Metric = ACC, choices: int | None = None) -> Scored:
    """A task as a model answered it."""
    rows = [
        Answer(
            number=number,
            key=f"document {number}",
            replies=f"{model} {number}",
            values={metric.key: value},
            choices=choices,
        )
        for number, value in enumerate(values)
    ]
    return Scored("task", "1", [metric], rows)


def perplexities(n: int, rise: float, rng: np.random.Generator) -> tuple[list[list[float]], list[list[float]]]:
    """Log-likelihood and tokens of texts under both models; the adapter's nats a token are ``rise`` higher on average."""
    tokens = rng.integers(30, 300, n)
    nats = rng.normal(2.5, 0.4, n)
    moved = nats + rise + rng.normal(0, 0.05, n)
    return (
        [[-float(a * count), float(count)] for a, count in zip(nats, tokens, strict=True)],
        [[-float(b * count), float(count)] for b, count in zip(moved, tokens, strict=True)],
    )
