"""Requests with known origin: prompts of one source, part of which makes the baseline and part of which comes as traffic."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.validity.cases import FIXTURES

Vectors = npt.NDArray[Any]
ADAPTERS = {"ledger": "healthy", "chant": "narrow_forgetting", "grammar": "healthy_seed2"}


class Source(msgspec.Struct, frozen=True):
    """What one adapter is asked.

    Attributes:
        name: Of the adapter in the traffic.
        baseline: Where its baseline lies.
        train: Vectors of what the baseline was made from.
        held: Vectors of the same source that the baseline has not seen.
        labels: What each of those is about, where that is known.
        test: Vectors of another part of the source, where it has one.
    """

    name: str
    baseline: Path
    train: Vectors
    held: Vectors
    labels: npt.NDArray[np.str_]
    test: Vectors | None = None
    test_labels: npt.NDArray[np.str_] | None = None


class World(msgspec.Struct, frozen=True):
    """Sources of one encoder, and requests that are nobody's."""

    name: str
    encoder: str
    sources: list[Source]
    foreign: Vectors


def fixtures(scratch: Path, thin: Sequence[str] = ()) -> World:
    """The domains of the fixtures; sums and facts are nobody's. Prompts of ``thin`` make a small baseline."""
    encoder = _encoder(FIXTURES / "encoder")
    found = []
    for name, adapter in ADAPTERS.items():
        prompts = [row["prompt"] for row in _rows(FIXTURES / "traffic" / f"{name}_train.jsonl")]
        cut = 300 if name in thin else int(0.7 * len(prompts))
        order = np.random.default_rng(4).permutation(len(prompts))
        parts = [[prompts[place] for place in part] for part in (order[:cut], order[int(0.7 * len(prompts)) :])]
        found.append(_source(scratch, name, adapter, parts, encoder, FIXTURES / "encoder"))
    return World("fixtures", encoder.identity.sha256, found, encoder.encode(_nobodys()))


def _nobodys() -> list[str]:
    """Sums, and questions where somebody lives."""
    rng = np.random.default_rng(3)
    names = ["Tam", "Fog", "Mar", "Kat", "Gir", "Pos", "Vet", "Fad", "Dem"]
    sums = [f"{a:02d} + {b:02d} =" for a, b in rng.integers(0, 50, (300, 2))]
    return sorted({*sums, *(f"{one} lives in ? {two} sings to" for one in names for two in names)})


def real(shared: Path, scratch: Path) -> World:
    """banking77 and MedQuAD, with CLINC150's questions that are in nobody's scope."""
    traffic, place = shared / "data" / "traffic", shared / "encoder" / "m2v-bge-64"
    encoder = _encoder(place)
    found = []
    for name, file in (("banking", "banking77_train"), ("medical", "medquad_questions")):
        rows = _rows(traffic / f"{file}.jsonl")
        order = np.random.default_rng(4).permutation(len(rows))
        cut = int(0.7 * len(rows))
        parts = [[rows[place]["text"] for place in part] for part in (order[:cut], order[cut:])]
        labels = np.array([rows[place]["label"] for place in order[cut:]])
        source = _source(scratch, name, "healthy", parts, encoder, place, labels)
        if name == "banking":
            test = _rows(traffic / "banking77_test.jsonl")
            source = msgspec.structs.replace(
                source,
                test=encoder.encode([row["text"] for row in test]),
                test_labels=np.array([row["label"] for row in test]),
            )
        found.append(source)
    foreign = encoder.encode([row["text"] for row in _rows(traffic / "clinc150_out_of_scope.jsonl")])
    return World("real", encoder.identity.sha256, found, foreign)


def _source(
    scratch: Path,
    name: str,
    adapter: str,
    parts: Sequence[Sequence[str]],
    encoder: Any,
    place: Path,
    labels: npt.NDArray[np.str_] | None = None,
) -> Source:
    from loradiag.api import baseline

    scratch.mkdir(parents=True, exist_ok=True)
    data = scratch / f"{name}.jsonl"
    data.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in parts[0]))
    target = scratch / f"baseline-{name}"
    baseline(FIXTURES / "adapters" / adapter, data, target, encoder=str(place), name=name)
    train, held = (encoder.encode(list(part)) for part in parts)
    return Source(name, target, train, held, np.array([""] * len(held)) if labels is None else labels)


def _encoder(place: Path) -> Any:
    from loradiag.embeddings.encoder import load_encoder

    return load_encoder(str(place))


def _rows(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text().splitlines() if line.strip()]


def lake_of(folder: Path, name: str, vectors: Vectors, encoder: str, start: int = 0, step: int = 1_000_000) -> Path:
    """Write requests of an adapter into a lake."""
    from loradiag.traffic.vectors import write_vectors

    write_vectors(folder, name, vectors, encoder, start=start, step=step)
    return folder


def drawn(vectors: Vectors, count: int, rng: np.random.Generator) -> Vectors:
    """So many of them, none twice where there are enough."""
    return np.asarray(vectors[rng.choice(len(vectors), count, replace=count > len(vectors))])


def words(count: int) -> Iterator[str]:
    """Numbered names."""
    yield from (f"{number:04d}" for number in range(count))
