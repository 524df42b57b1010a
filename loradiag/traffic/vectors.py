"""Vectors into a lake without any log: for replays and simulations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from loradiag.embeddings.encoder import unit
from loradiag.traffic.request import Request
from loradiag.traffic.rows import row_of
from loradiag.traffic.writing import make_lake, write_rows


def write_vectors(
    lake: Path, adapter: str, vectors: npt.NDArray[np.float16], encoder: str, start: int = 0, step: int = 1_000_000
) -> int:
    """Write requests of which nothing but their vectors is known.

    Args:
        lake: The lake; made if there is none.
        adapter: Whose requests.
        vectors: Unit vectors [n, d].
        encoder: The SHA-256 of what made them.
        start: When the first came, in microseconds.
        step: Microseconds between two.

    Returns:
        How many were written.
    """
    make_lake(lake)
    rows = []
    for number, vector in enumerate(unit(vectors)):
        row = row_of(Request(id=f"{number}", adapter=adapter, time=start + number * step), "vectors", keep_text=False)
        row["encoder"], row["embedding"] = encoder, vector.astype("<f2").tobytes()
        rows.append(row)
    return write_rows(lake, rows)
