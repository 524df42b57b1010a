"""Fleets of adapters that are asked real requests for ninety days, as the watch sees them: cosines and topics.

An adapter's baseline is one of seven: banking77, MedQuAD, and CLINC150 in five parts of thirty intents. Half of its texts are
references; of the other half each adapter holds out 500 of its own and is asked the rest, in any order and again. So requests
without drift are like what was held out, and each adapter has the luck of its own calibration.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.baselines.manifest import Calibrated
from loradiag.baselines.topics import assign, find_centres
from loradiag.embeddings.encoder import Encoder
from loradiag.linalg.nearest import search_over
from loradiag.statistics.mmd import Closeness
from loradiag.statistics.tails import rank_of

DAYS = 90
HELD_OUT = 500
RATE = 0.05
TOPICS = 20


class Requests(msgspec.Struct, frozen=True):
    """Requests as a baseline sees them: cosines to the nearest reference [n], and topics [n]."""

    cosine: npt.NDArray[np.float64]
    topic: npt.NDArray[np.int64]

    def at(self, rows: Any) -> Requests:
        """Some of them."""
        return Requests(self.cosine[rows], self.topic[rows])


class Domain(msgspec.Struct, frozen=True):
    """What adapters of one kind are asked, and what is strange to them."""

    name: str
    known: Requests
    strange: Requests


class Adapter(msgspec.Struct, frozen=True):
    """One adapter: its calibration, what it may be asked, and how many requests each day brings."""

    domain: Domain
    calibrated: Calibrated
    held: Requests
    asked: Requests
    volumes: npt.NDArray[np.int64]


def domains(traffic: Path, encoder: Encoder, seed: int) -> list[Domain]:
    """Embed the requests, and make seven kinds of adapters of them."""

    def read(name: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in (traffic / name).read_text().splitlines()]

    clinc = read("clinc150.jsonl")
    labels = np.random.default_rng(seed).permutation(sorted({row["label"] for row in clinc}))
    parts = [set(part) for part in np.array_split(labels, 5)]
    texts = {
        "banking": [row["text"] for name in ("train", "test") for row in read(f"banking77_{name}.jsonl")],
        "medical": [row["text"] for row in read("medquad_questions.jsonl")],
        **{f"clinc-{k}": [row["text"] for row in clinc if row["label"] in part] for k, part in enumerate(parts)},
    }
    strange = encoder.encode([row["text"] for row in read("clinc150_out_of_scope.jsonl")])
    return [_domain(name, encoder.encode(sorted(set(own))), strange, seed) for name, own in texts.items()]


def _domain(name: str, vectors: Any, strange: Any, seed: int) -> Domain:
    order = np.random.default_rng(seed).permutation(len(vectors))
    index, rest = vectors[order[: len(order) // 2]], vectors[order[len(order) // 2 :]]
    centres = find_centres(index, TOPICS, seed)
    search = search_over(index)

    def seen(queries: Any) -> Requests:
        cosine, _ = search.nearest(queries)
        return Requests(cosine.astype(np.float64), assign(queries, centres).astype(np.int64))

    return Domain(name, seen(rest), seen(strange))


def adapters(kinds: Sequence[Domain], number: int, generator: np.random.Generator) -> list[Adapter]:
    """Draw adapters: of any kind, most with few requests a day, some with thousands; fewer come at weekends."""
    return [_adapter(kinds[generator.integers(len(kinds))], generator) for _ in range(number)]


def _adapter(domain: Domain, generator: np.random.Generator) -> Adapter:
    order = generator.permutation(domain.known.cosine.size)
    held, asked = domain.known.at(order[:HELD_OUT]), domain.known.at(order[HELD_OUT:])
    rank = rank_of(RATE, HELD_OUT)
    daily = min(float(np.exp(generator.normal(np.log(20), 1.5))), 5000.0)
    week = np.where(np.arange(DAYS) % 7 < 5, 1.2, 0.5)
    return Adapter(
        domain,
        Calibrated(
            references=len(order),
            calibration=HELD_OUT,
            conversations=len(order),
            topics=TOPICS,
            rank=rank,
            novel_rate=rank / (HELD_OUT + 1),
            threshold=float(np.sort(held.cosine)[rank - 1]),
            mean_nn_cosine=float(held.cosine.mean()),
            gamma=1.0,
            closeness=Closeness(0.0, 0.0),
            seed=0,
        ),
        held,
        asked,
        generator.poisson(daily * week * np.exp(generator.normal(0, 0.3, DAYS))),
    )


def day(adapter: Adapter, number: int, generator: np.random.Generator) -> Requests:
    """Return a day's requests without drift."""
    return adapter.asked.at(generator.integers(adapter.asked.cosine.size, size=int(adapter.volumes[number])))


def contaminated(adapter: Adapter, share: float, count: int, generator: np.random.Generator) -> Requests:
    """Return requests of which a share is strange to the adapter."""
    own = adapter.asked.at(generator.integers(adapter.asked.cosine.size, size=count))
    other = adapter.domain.strange.at(generator.integers(adapter.domain.strange.cosine.size, size=count))
    strange = generator.random(count) < share
    return Requests(np.where(strange, other.cosine, own.cosine), np.where(strange, other.topic, own.topic))


def one_topic(adapter: Adapter, topic: int, share: float, count: int, generator: np.random.Generator) -> Requests:
    """Return requests of which a share is of one topic."""
    rows = np.flatnonzero(adapter.asked.topic == topic)
    own = generator.integers(adapter.asked.cosine.size, size=count)
    return adapter.asked.at(np.where(generator.random(count) < share, generator.choice(rows, size=count), own))
