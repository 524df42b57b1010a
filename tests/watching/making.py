"""Baselines on disk, lakes that grow, and a watch over them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from loradiag.baselines import manifest as parts
from loradiag.baselines.manifest import File, encode
from loradiag.traffic.request import Request
from loradiag.traffic.rows import row_of
from loradiag.traffic.writing import make_lake, write_rows
from loradiag.watching.state import State
from loradiag.watching.watcher import Plan, Watcher
from tests.analyzers.drift.making import DAY, ENCODER, START, baseline_of, requests


def write_baseline(folder: Path, name: str = "support", *, domain: int = 0, seed: int = 0) -> Path:
    """A baseline of a domain as ``drift baseline`` leaves one."""
    made = baseline_of(folder, name, domain=domain, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        parts.INDEX: made.index,
        parts.INDEX_RECORDS: np.asarray(made.index_records, dtype=np.int64),
        parts.CALIBRATION: made.calibration,
        parts.SCORES: np.asarray(made.scores, dtype=np.float32),
        parts.TOPICS: np.asarray(made.topics, dtype=np.int16),
        parts.CENTRES: np.asarray(made.centres, dtype=np.float32),
        parts.EXAMPLES: np.asarray(made.examples, dtype=np.int64),
    }
    files = {}
    for file, array in arrays.items():
        np.save(folder / file, array)
        data = (folder / file).read_bytes()
        files[file] = File(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    told = msgspec.structs.replace(made.manifest, files=files)
    (folder / parts.NAME).write_bytes(encode(told))
    return folder


def write(
    lake: Path,
    count: int,
    *,
    adapter: str = "support",
    domain: int = 0,
    seed: int = 0,
    day: int = 0,
    topics: Any = None,
    **columns: Any,
) -> int:
    """Log requests of one day, and return how many the lake did not have."""
    make_lake(lake)
    rows = []
    for number, vector in enumerate(requests(count, seed, domain=domain, topics=topics)):
        time = START + day * DAY + number * (DAY // max(count, 1))
        request = Request(id=f"{adapter}-{seed}-{day}-{number}", adapter=adapter, time=time)
        row = row_of(request, "test", keep_text=False)
        row["encoder"], row["embedding"] = ENCODER, vector.astype("<f2").tobytes()
        for name, value in columns.items():
            row[name] = value[number] if isinstance(value, (list, np.ndarray)) else value
        rows.append(row)
    return write_rows(lake, rows)


def watcher(folder: Path, **plan: Any) -> Watcher:
    """A watch over ``lake`` and ``baselines`` in a folder, with its state beside them."""
    told = Plan(lake=folder / "lake", baselines=[folder / "baselines"], **plan)
    return Watcher(told, State(folder / "watch.sqlite"))
