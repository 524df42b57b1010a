"""Writes an adapter of a given shape, from a seed, one tensor at a time: ``python -m benchmarks.generate 8b DIR``.

It runs in a process of its own: what a parent has had in memory counts towards the peak of its children.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.shapes import SHAPES, Factor, Shape, config, factors, header

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
SEED = 20240229

Floats = npt.NDArray[np.float32]


def to_bf16(values: Floats) -> npt.NDArray[np.uint16]:
    """Round to the nearest BF16, ties to even. Finite numbers only."""
    bits = values.view(np.uint32)
    rounded: npt.NDArray[np.uint16] = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return rounded


def values(factor: Factor, decay: float, rng: np.random.Generator) -> Floats:
    """Draw one factor.

    A is uniform in ±1/√d_in, as PEFT starts it. B is normal, and turned and stretched so that its singular values
    fall geometrically from the first to ``decay`` times the first: a condition number as trained adapters have it.
    """
    if factor.side == "A":
        bound = 1 / np.sqrt(factor.cols)
        return (rng.random((factor.rows, factor.cols), dtype=np.float32) * 2 - 1) * np.float32(bound)
    rank = factor.cols
    turn, _ = np.linalg.qr(rng.standard_normal((rank, rank)))
    stretched = (0.005 * np.geomspace(1, decay, rank)[:, None] * turn).astype(np.float32)
    drawn: Floats = rng.standard_normal((factor.rows, rank), dtype=np.float32) @ stretched
    return drawn


def tensors(shape: Shape, seed: int) -> Iterator[npt.NDArray[np.uint16]]:
    """Yield the factors of an adapter in the order of its file."""
    rng = np.random.Generator(np.random.SFC64(seed))
    for factor in factors(shape):
        yield to_bf16(values(factor, shape.decay, rng))


def write(shape: Shape, folder: Path, seed: int = SEED) -> None:
    """Write the adapter into ``folder``, which is there. A run that is cut short leaves no weight file."""
    unfinished = folder / f"{WEIGHTS}.part"
    with unfinished.open("wb") as file:
        file.write(header(shape))
        for tensor in tensors(shape, seed):
            file.write(tensor.data)
    (folder / CONFIG).write_text(json.dumps(config(shape), indent=2) + "\n")
    os.replace(unfinished, folder / WEIGHTS)


if __name__ == "__main__":
    write(SHAPES[sys.argv[1]], Path(sys.argv[2]))
