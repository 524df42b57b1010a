"""What became of a trained adapter, by its losses and accuracies before and after: never by its recipe or its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from benchmarks.validity.expected import LABELS, Expected

HARDLY, HALF = 0.10, 0.40
"""Shares of its domain's loss: what learned less than the first hardly began, what learned less than the second and lost
the base as well came to nothing. Sound adapters of the fixtures learned 0.8 and more."""
RUINED = 2.0
"""Nats by which the loss on the base's own text rose."""
DROP = 0.05
"""Accuracy over all tasks, the convention of practitioners: who lost more forgot."""
LARGE = 32
"""α/r from which a recipe is called over-scaled."""

Truth = Mapping[str, Any]


def learned(truth: Truth) -> float:
    """The share of the loss on its own domain that is gone."""
    loss = truth["loss"][truth["own"]]
    return 0.0 if loss["after"] is None else 1 - float(loss["after"]) / float(loss["before"])


def rise(truth: Truth) -> float:
    """Nats a token that were lost on the base's own text; what is not finite counts as ten."""
    loss = truth["loss"]["base"]
    return 10.0 if loss["after"] is None else float(loss["after"]) - float(loss["before"])


def drop(truth: Truth) -> float:
    """Accuracy lost, on average over the tasks."""
    return fmean(each["before"] - each["after"] for each in truth["accuracy"].values())


def diverged(truth: Truth) -> bool:
    """It ruined the base and learned little."""
    return rise(truth) > RUINED and learned(truth) < HALF


def undertrained(truth: Truth) -> bool:
    """It learned next to nothing, and did no harm."""
    return learned(truth) < HARDLY and rise(truth) < 0.1


def forgot(truth: Truth) -> bool:
    """It lost more of the base's skills than the convention allows."""
    return drop(truth) > DROP


def label_of(truth: Truth) -> str:
    """One word for what became of it."""
    if diverged(truth):
        return "diverged"
    if undertrained(truth):
        return "undertrained"
    return "forgot" if forgot(truth) else "learned"


def expected_of(truth: Truth, condition: Mapping[str, Any]) -> Expected:
    """What that says of rules. LD301 is of the recipe; LD207 of size, which this bench sizes as a recipe does."""
    label = label_of(truth)
    if any(each["after"] is None for each in truth["loss"].values()):
        return Expected(
            frozenset({"LD105"}), frozenset({"LD206", "LD207", "LD208", "LD201", "LD202", "LD107", "LD512"})
        )
    found = LABELS[{"learned": "sound" if learned(truth) >= HALF else "early in its run"}.get(label, label)]
    if condition["alpha"] / condition["rank"] >= LARGE:
        large = LABELS["over-scaled"]
        found = Expected(found.should | large.should, found.may | large.may)
    return Expected(found.should, found.may | _near(truth))


def _near(truth: Truth) -> frozenset[str]:
    """Ruined, and with a part of the domain learned: neither called diverged nor cleared of it."""
    return frozenset({"LD206"} if rise(truth) > RUINED and HALF <= learned(truth) < 0.6 else ())
