"""Base checkpoints written by hand."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Stored = tuple[str, tuple[int, ...], bytes]
"""A tensor as a file holds it: dtype, shape, bytes."""

LLAMA = {"model_type": "llama", "vocab_size": 40, "hidden_size": 48, "tie_word_embeddings": False}


def stored(array: npt.NDArray[Any], dtype: str | None = None) -> Stored:
    """An array as a stored tensor; ``dtype`` is told by the array's own unless given."""
    names = {"<f4": "F32", "<f2": "F16", "<f8": "F64", "|u1": "U8", "|i1": "I8", "<i4": "I32", "<u2": "BF16"}
    return dtype or names[array.dtype.str], array.shape, np.ascontiguousarray(array).tobytes()


def write_tensors(path: Path, tensors: Mapping[str, Stored]) -> Path:
    """Write a safetensors file."""
    header: dict[str, Any] = {}
    offset = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))
    return path


def write_shards(folder: Path, tensors: Mapping[str, Stored], cuts: Sequence[int], index: bool = True) -> Path:
    """Write a directory whose tensors are cut into shards after the ``cuts``."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(tensors)
    bounds = [0, *cuts, len(names)]
    weight_map = {}
    for number, (start, stop) in enumerate(pairwise(bounds), 1):
        file = f"model-{number:05}-of-{len(bounds) - 1:05}.safetensors"
        write_tensors(folder / file, {name: tensors[name] for name in names[start:stop]})
        weight_map |= dict.fromkeys(names[start:stop], file)
    if index:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (folder / "config.json").write_text(json.dumps(LLAMA))
    return folder


def base_tensors(
    layers: int = 4, rows: int = 32, cols: int = 48, seed: int = 1, vocabulary: int = 40
) -> dict[str, Stored]:
    """A base that the adapters of ``tests.conftest.peft_arrays`` fit: attention projections, embedding, head and norm."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, npt.NDArray[Any]] = {"model.embed_tokens.weight": rng.normal(0, 0.1, (vocabulary, cols))}
    for layer in range(layers):
        for target in ("q_proj", "v_proj"):
            arrays[f"model.layers.{layer}.self_attn.{target}.weight"] = rng.normal(0, 0.1, (rows, cols))
    arrays["model.norm.weight"] = np.ones(cols)
    arrays["lm_head.weight"] = rng.normal(0, 0.1, (vocabulary, cols))
    return {name: stored(array.astype("<f4")) for name, array in arrays.items()}


def write_base(folder: Path, tensors: Mapping[str, Stored] | None = None, config: Mapping[str, Any] = LLAMA) -> Path:
    """Write a base as one file with its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / "model.safetensors", base_tensors() if tensors is None else tensors)
    (folder / "config.json").write_text(json.dumps(config))
    return folder
