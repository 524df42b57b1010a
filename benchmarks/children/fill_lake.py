"""Fill a lake with many requests of one adapter, and make a baseline for it: vectors in clusters, as of sentences.

python fill_lake.py FOLDER REQUESTS REFERENCES DIMENSION DAYS
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loradiag.baselines.building import Recipe, build_baseline
from loradiag.embeddings.encoder import Identity, unit
from loradiag.traffic.schema import DAY, bucket_of, date_of, schema
from loradiag.traffic.writing import write_table

START = 1_793_491_200_000_000
ROWS = 50_000


def made(count: int, dimension: int, rng: np.random.Generator) -> npt.NDArray[np.float16]:
    """Unit vectors of three hundred clusters, whose energy decays over their components, as that of encoders does."""
    decay = np.exp(-np.arange(dimension) / (0.3 * dimension))
    middles = np.random.default_rng(7).normal(size=(300, dimension)) * decay
    return unit(middles[rng.integers(0, 300, count)] + 0.5 * rng.normal(size=(count, dimension)) * decay)


class Clusters:
    """In place of an encoder: vectors of such clusters, whatever the texts."""

    def __init__(self, dimension: int) -> None:
        self.identity = Identity("clusters", "c" * 64, dimension)
        self._rng = np.random.default_rng(1)

    def encode(self, texts: list[str]) -> npt.NDArray[np.float16]:
        """One vector a text."""
        return made(len(texts), self.identity.dimension, self._rng)


def table(start: int, count: int, days: int, dimension: int, rng: np.random.Generator) -> tuple[int, pa.Table]:
    """So many requests of one day: all columns that servers usually give."""
    day = start // ROWS % days
    time = START + day * DAY + np.sort(rng.integers(0, DAY, count))
    vectors = made(count, dimension, rng)
    columns = {
        "key": np.arange(start + 1, start + count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15),
        "adapter": np.full(count, "support"),
        "time": time,
        "text_hash": rng.integers(1, 2**63, count).astype(np.uint64),
        "response_hash": rng.integers(1, 2**63, count).astype(np.uint64),
        "prompt_chars": rng.integers(10, 200, count),
        "response_tokens": rng.integers(10, 200, count),
        "nll": rng.normal(1, 0.3, count),
        "finish": np.full(count, "stop"),
        "truncated": np.zeros(count, dtype=bool),
        "failed": np.zeros(count, dtype=bool),
        "source": np.full(count, "openai"),
        "encoder": np.full(count, "c" * 64),
        "embedding": [row.tobytes() for row in vectors],
    }
    arrays = [
        pa.array(columns[field.name]).cast(field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in schema()
    ]
    return int(day), pa.Table.from_arrays(arrays, schema=schema())


def main() -> None:
    """Write the lake and the baseline."""
    folder, (requests, references, dimension, days) = Path(sys.argv[1]), map(int, sys.argv[2:])
    rng = np.random.default_rng(0)
    for start in range(0, requests, ROWS):
        day, rows = table(start, min(ROWS, requests - start), days, dimension, rng)
        place = folder / "lake" / f"date={date_of(START + day * DAY)}" / f"bucket={bucket_of('support')}"
        write_table(place, rows)
    data = folder / "data.jsonl"
    data.write_text("".join(f'{{"prompt": "request {number}"}}\n' for number in range(references + 5000)))
    recipe = Recipe(name="support", adapter=str(folder / "none"), adapter_sha256="")
    build_baseline(data, folder / "baseline", Clusters(dimension), recipe, progress=lambda *_: None)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
