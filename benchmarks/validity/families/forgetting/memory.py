"""Training data that is recited, or merely likelier than it should be, in a known share of documents; and that is neither."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.validity.cases import Expected
from benchmarks.validity.families.forgetting import asking
from benchmarks.validity.families.words import Told, counting, expect

JUDGED = frozenset(["LD710", "LD711"])
DOCUMENTS, CONTROL, LENGTH = 200, 100, 80


class World(NamedTuple):
    """What is true of training documents.

    Attributes:
        recited: The share of those prompted that come out.
        control: The same of held-out ones, by their nature.
        nearer: Nats a token by which they are likelier than held-out ones, beyond what the domain gives.
        of: The share of them that this is true of.
    """

    recited: float = 0.0
    control: float = 0.0
    nearer: float = 0.0
    of: float = 1.0


WORLDS: dict[str, tuple[World, Expected]] = {
    "neither recited nor remembered": (World(), expect()),
    "held-out text comes out as often": (World(recited=0.06, control=0.06), expect()),
    "one document in 200 recited": (World(recited=0.005), expect(may="LD710")),
    "a tenth recited": (World(recited=0.10), expect("LD710")),
    "three tenths recited": (World(recited=0.30), expect("LD710")),
    "likelier by a quarter of its spread": (World(nearer=0.05), expect(may="LD711")),
    "likelier by its spread": (World(nearer=0.20), expect("LD711")),
    "a fifth likelier by three spreads": (World(nearer=0.60, of=0.2), expect("LD711")),
}


def told(count: int) -> Iterator[Told]:
    """Each world several times."""
    for label, (world, expected) in WORLDS.items():
        for seed in range(count):
            found = asking.remembered(_memory(world, np.random.default_rng([seed, len(label)]))).findings
            yield Told(
                family="memory",
                name=f"{label} #{seed}",
                label=label,
                expected=expected,
                judged=JUDGED,
                fired=counting(found),
                sound=expected == expect(),
            )


def _memory(world: World, rng: np.random.Generator):  # type: ignore[no-untyped-def]
    from loradiag.analyzers.forgetting.excerpts import excerpts
    from loradiag.analyzers.forgetting.memorised import Heard, Said, memorisation
    from tests.analyzers.forgetting.pretended import Numbers, texts

    training, control = (rng.integers(10, 5000, (count, LENGTH)).tolist() for count in (DOCUMENTS, CONTROL))
    asked = excerpts(texts(training), texts(control), Numbers(), prompt_tokens=32, continuation=40, span=16, most=200)

    def written(side: object, share: float) -> list[list[int]]:
        return [
            side.ids[row][32:72] if rng.random() < share else rng.integers(10, 5000, 40).tolist()  # type: ignore[attr-defined]
            for row in side.prompted  # type: ignore[attr-defined]
        ]

    def nats(side: object, nearer: float, of: float) -> tuple[list[float], list[float]]:
        tokens = np.array(side.documents.tokens, float)  # type: ignore[attr-defined]
        before = rng.normal(3.0, 0.3, tokens.size)
        # What the base finds hard the adapter does too; what is left wavers by 0.2 nats a token.
        after = 1.0 + 0.4 * before + rng.normal(0, 0.2, tokens.size) - nearer * (rng.random(tokens.size) < of)
        return list(before * tokens), list(after * tokens)

    own, held = nats(asked.training, world.nearer, world.of), nats(asked.control, 0.0, 0.0)
    base = Heard(
        Said(written(asked.training, 0), own[0], asked.training.documents.tokens),
        Said(written(asked.control, 0), held[0], asked.control.documents.tokens),
    )
    adapter = Heard(
        Said(written(asked.training, world.recited), own[1], asked.training.documents.tokens),
        Said(written(asked.control, world.control), held[1], asked.control.documents.tokens),
    )
    return memorisation(asked, base, adapter, training="seen", control="held")
