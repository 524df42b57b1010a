"""Under which conditions adapters are trained for the bench: one thing differs from the fixtures' healthy recipe at a time.

What came of each is measured, never assumed: labels are outcomes (see :mod:`benchmarks.validity.outcomes`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple


class Condition(NamedTuple):
    """How one adapter is trained: a :class:`recipes.adapters.Recipe` in numbers."""

    name: str
    lr: float = 2e-3
    steps: int = 240
    rank: int = 8
    alpha: float = 16
    domain: str = "ledger"
    replay: float = 0.75
    clip: float | None = 1.0
    constant: bool = False
    seed: int = 100


class Group(NamedTuple):
    """How a group's conditions differ from the grid.

    Attributes:
        prefix: Of their names.
        seed: The first one's.
        rates: A factor of the learning rates.
        drawn: How many are drawn of the grid; all if None.
    """

    prefix: str
    seed: int
    rates: float
    drawn: int | None = None


GROUPS = {
    "trial": Group("", 100, 1.0),
    "held-out": Group("held-", 1100, 1.4),
    "larger": Group("large-", 2100, 0.1, drawn=48),  # rates fall with a model's width, which is 13 times the fixtures'
}


def conditions(group: str = "trial") -> Iterator[Condition]:
    """All of a group, each with a seed of its own."""
    how = GROUPS[group]
    grid = list(enumerate(_ordinary() + _short() + _strong() + _hot() + _narrow()))
    if how.drawn is not None:
        grid = sorted(random.Random(how.seed).sample(grid, how.drawn), key=lambda one: one[0])
    for number, one in grid:
        name = f"{how.prefix}{number:03d}-{one.name}"
        yield one._replace(name=name, seed=how.seed + number, lr=how.rates * one.lr)


def _ordinary() -> list[Condition]:
    grid = product((1e-3, 2e-3, 4e-3), (4, 8, 16), (0.75, 0.25, 0.0))
    return [Condition("ordinary", lr=lr, rank=r, alpha=2 * r, replay=replay, steps=160) for lr, r, replay in grid]


def _short() -> list[Condition]:
    grid = product((1e-5, 1e-4, 2e-4, 5e-4), (5, 20, 60), ("ledger", "chant"))
    return [Condition("short", lr=lr, steps=steps, domain=domain) for lr, steps, domain in grid]


def _strong() -> list[Condition]:
    grid = product((1, 4, 64, 256), (1e-3, 2e-3), (0.75, 0.0))
    return [Condition("strong", alpha=8 * ratio, lr=lr, replay=replay, steps=160) for ratio, lr, replay in grid]


def _hot() -> list[Condition]:
    grid = product((0.03, 0.1, 0.2, 0.5), (5, 20, 80), (None, 1.0))
    return [Condition("hot", lr=lr, steps=n, clip=clip, constant=True, replay=0.0) for lr, n, clip in grid]


def _narrow() -> list[Condition]:
    grid = product((1e-3, 3e-3, 1e-2), (60, 200), (0.0, 0.5))
    return [Condition("narrow", lr=lr, steps=n, domain="chant", replay=replay, constant=True) for lr, n, replay in grid]
