"""Rows, baselines and lakes of vectors, without any log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from loradiag.baselines.manifest import AdapterPart, Calibrated, DataPart, Manifest
from loradiag.baselines.reading import Baseline
from loradiag.baselines.topics import assign, find_centres, nearest_to
from loradiag.embeddings.encoder import Identity, unit
from loradiag.statistics.mmd import closeness, scale_of
from loradiag.statistics.tails import rank_of
from loradiag.traffic.reading import Rows

DAY = 86_400_000_000
START = 1_793_491_200_000_000
"""2026-11-01T00:00:00Z in microseconds."""
ENCODER = "e" * 64
DIMENSION = 24
TOPICS = 8

Halves = npt.NDArray[np.float16]


def rows_of(times: npt.ArrayLike, **columns: Any) -> Rows:
    """Requests at these times, embedded, each a conversation and a text of its own."""
    time = np.asarray(times, dtype=np.int64)
    count = time.size
    made: dict[str, Any] = {
        "key": np.random.default_rng(5).permutation(count).astype(np.uint64) + np.uint64(1),
        "time": time,
        "conversation": np.zeros(count, dtype=np.uint64),
        "text_hash": np.arange(1, count + 1, dtype=np.uint64),
        "embedded": np.ones(count, dtype=np.bool_),
        "file": np.zeros(count, dtype=np.int32),
        "row": np.arange(count, dtype=np.int32),
    }
    for name, column in columns.items():
        made[name] = np.asarray(column, dtype=made[name].dtype)
    return Rows(**made)


def requests(count: int, seed: int, *, domain: int = 0, topics: npt.ArrayLike | None = None) -> Halves:
    """Vectors of a domain: eight topics of directions each, in a space that other domains have little part in."""
    rng = np.random.default_rng(seed)
    middles = np.random.default_rng(1000 + domain).normal(size=(TOPICS, DIMENSION))
    middles[:, domain] += 6.0
    chosen = rng.integers(0, TOPICS, count) if topics is None else rng.choice(TOPICS, count, p=np.asarray(topics))
    return unit(middles[chosen] + 0.6 * rng.normal(size=(count, DIMENSION)))


def baseline_of(path: Path, name: str = "support", *, domain: int = 0, held: int = 600, seed: int = 0) -> Baseline:
    """A baseline of a domain, calibrated by the same functions as a real one."""
    index, calibration = requests(2000, seed + 1, domain=domain), requests(held, seed + 2, domain=domain)
    scores = (calibration.astype(np.float64) @ index.astype(np.float64).T).max(axis=1).astype(np.float32)
    centres = find_centres(index, TOPICS, seed)
    topics = assign(calibration, centres)
    rank = rank_of(0.05, held)
    threshold = float(np.sort(scores)[rank - 1])
    known = scores >= threshold
    wide = calibration[known].astype(np.float32)
    gamma = scale_of(wide)
    calibrated = Calibrated(
        references=len(index),
        calibration=held,
        conversations=len(index) + held,
        topics=len(centres),
        rank=rank,
        novel_rate=rank / (held + 1),
        threshold=threshold,
        mean_nn_cosine=float(scores.mean()),
        gamma=gamma,
        closeness=closeness(wide, topics[known], len(centres), gamma),
        seed=seed,
    )
    manifest = Manifest(
        version=1,
        tool="test",
        created="2026-11-01T00:00:00Z",
        adapter=AdapterPart(name=name, path="", sha256=""),
        encoder=Identity("small", ENCODER, DIMENSION),
        data=DataPart(path="", sha256="", field="prompt", records=2000, requests=2000, repeated=0, unencodable=0),
        calibrated=calibrated,
        files={},
    )
    return Baseline(
        path=path,
        manifest=manifest,
        index=index,
        index_records=np.arange(1, len(index) + 1),
        calibration=calibration,
        scores=scores,
        topics=topics,
        centres=centres,
        examples=nearest_to(centres, index),
    )
