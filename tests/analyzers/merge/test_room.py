"""Runs that would not fit are refused before they begin, with what they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loradiag.analyzers.merge.room import check_room, check_weights_room
from loradiag.analyzers.merge.routes import ROUTES, Plan, Settings
from loradiag.analyzers.pairing import Pair
from loradiag.bases.model import Base, Weight
from loradiag.core.errors import UsageError
from loradiag.models.tokens import Sequences
from tests.analyzers.merge.making import ADAPTERS, BASE, inspected, pairs_of, planned

GIANT = 1 << 50


def base_of(entries: int, vocabulary: int = 1000) -> Base:
    """A base whose header speaks of so many entries; nothing of it is read."""
    weight = Weight("model.embed_tokens.weight", (1, entries), "BF16", ())
    config = {"vocab_size": vocabulary}
    return Base("x", Path("x"), (), config, {}, {weight.name: weight}, {weight.name: weight.shape})


def texts(sequences: int = 1, tokens: int = 2) -> Sequences:
    """So many sequences of so many tokens."""
    return Sequences([[1] * tokens] * sequences, 0, 0)


def test_small_models_fit() -> None:
    """The fixtures' base on every route."""
    inspection = inspected(BASE, ADAPTERS / "tiny")
    assert inspection.base is not None
    check_weights_room(pairs_of(inspection), planned(inspection), "cpu")
    check_room(inspection.base, texts(), "float32", "cpu", 4096)


@pytest.mark.parametrize(
    ("base", "sequences", "batch", "said"),
    [
        (
            base_of(GIANT),
            texts(),
            1,
            r"this needs about [\d.]+ GB of memory, and [\d.]+ GB are free; lower --batch-tokens",
        ),
        (base_of(8, GIANT), texts(), 1, "GB of memory"),
        (base_of(8, 1000), texts(), GIANT, "GB of memory"),
        (
            base_of(8, 10**7),
            texts(10**6),
            1,
            r"GB on disk for the reference's logits, .*; give fewer or shorter prompts",
        ),
    ],
)
def test_models_that_do_not_fit(base: Base, sequences: Sequences, batch: int, said: str) -> None:
    """Their weights, a batch's logits, or the reference's on disk."""
    with pytest.raises(UsageError, match=said):
        check_room(base, sequences, "float32", "cpu", batch)


def test_weights_that_do_not_fit() -> None:
    """The largest of them on all routes; fewer may."""
    inspection = inspected(BASE, ADAPTERS / "tiny")
    (pair, *_) = pairs_of(inspection)
    giant = Pair(pair.module, Weight("x", (1, GIANT), "BF16", ()))
    plan: Any = Plan(tuple(ROUTES.values()), {}, Settings(), None)
    with pytest.raises(UsageError, match=r"GB of memory, .*; name fewer routes with --route"):
        check_weights_room([pair, giant], plan, "cpu")
    check_weights_room([], plan, "cpu")
