"""Lakes for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from loradiag.traffic.ingesting import Ingested, Ingestion, Options
from loradiag.traffic.reading import Lake, Rows
from loradiag.traffic.records import records
from tests.traffic.logs import NOON

ENCODER = "e" * 64
DAY = 86_400_000_000


def write_log(path: Path, lines: Iterable[Any]) -> Path:
    """A log with these records a line; text stands as it is."""
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def plain(number: int, **changes: Any) -> dict[str, Any]:
    """A record of no particular server, with a vector."""
    rng = np.random.default_rng(number)
    return {
        "id": f"r{number}",
        "adapter": "support",
        "time": NOON + 60 * number,
        "text": f"question number {number}",
        "response": f"answer {number}",
        "embedding": rng.normal(size=8).tolist(),
        **changes,
    }


def ingest(lake: Path, *paths: Path, encoder: Any = None, **options: Any) -> Ingested:
    """Take some files."""
    run = Ingestion(lake, encoder, Options(**options), lambda _: None)
    for path in paths:
        run.take(str(path), records(str(path)))
    run.flush()
    return run.done


def vectors(lake: Lake, rows: Rows) -> npt.NDArray[np.float64]:
    """All embeddings, in the order of rows."""
    wanted = np.flatnonzero(rows.embedded)
    parts = list(lake.embeddings(rows, wanted))
    places = np.concatenate([where for where, _ in parts])
    assert sorted(places.tolist()) == wanted.tolist()
    return np.concatenate([found for _, found in parts])[np.argsort(places)].astype(np.float64)
