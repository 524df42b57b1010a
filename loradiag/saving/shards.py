"""The weight files of a checkpoint: filled one after the other, and named when their number is known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from loradiag.saving.encode import Ready
from loradiag.storage.safetensors_writing import Entry, write_safetensors

LIMIT = 2_000_000_000
"""Bytes of a file, unless one tensor is larger. So much is held in memory."""


def write_shards(folder: Path, tensors: Iterable[Ready], metadata: Mapping[str, str], limit: int = LIMIT) -> int:
    """Write tensors to ``model.safetensors``, or to several files with their index.

    Args:
        folder: A directory of our own.
        tensors: In the order in which they shall lie.
        metadata: For the header of every file.
        limit: Bytes of a file at most.

    Returns:
        The bytes of all tensors.

    Raises:
        OSError: They cannot be written.
    """
    shards: list[list[str]] = []
    waiting: list[Ready] = []
    size = total = 0
    for tensor in tensors:
        if waiting and size + len(tensor.data) > limit:
            shards.append(_flush(folder, len(shards), waiting, metadata))
            waiting, size = [], 0
        waiting.append(tensor)
        size += len(tensor.data)
        total += len(tensor.data)
    shards.append(_flush(folder, len(shards), waiting, metadata))
    _name(folder, shards, total)
    return total


def _flush(folder: Path, number: int, tensors: list[Ready], metadata: Mapping[str, str]) -> list[str]:
    entries = [Entry(one.name, one.dtype, one.shape, lambda data=one.data: [data]) for one in tensors]  # type: ignore[misc]
    write_safetensors(folder / f"{number}.part", entries, metadata)
    return [one.name for one in tensors]


def _name(folder: Path, shards: list[list[str]], total: int) -> None:
    if len(shards) == 1:
        (folder / "0.part").rename(folder / "model.safetensors")
        return
    places: dict[str, str] = {}
    for number, names in enumerate(shards):
        file = f"model-{number + 1:05d}-of-{len(shards):05d}.safetensors"
        (folder / f"{number}.part").rename(folder / file)
        places |= dict.fromkeys(names, file)
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
