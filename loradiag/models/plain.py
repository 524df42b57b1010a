"""A checkpoint of plain numbers to load a model from: the base's own, or a copy with its weights dequantized."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from loradiag.bases.model import Base, Weight
from loradiag.storage.safetensors_writing import Entry, in_blocks, write_safetensors

_KEPT = ("generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
_BLOCK = 1 << 22
"""Entries that are copied at once."""


def plain_checkpoint(base: Base, scratch: Path) -> Path:
    """Return a directory that transformers can load without any quantizer.

    Args:
        base: The base.
        scratch: An empty directory, for the copy of a quantized one. It takes 2 bytes for each of its entries.

    Raises:
        InputError: A file ends before its header says.
    """
    if not any(weight.quantization for weight in base.weights.values()):
        return base.path if base.path.is_dir() else base.path.parent
    entries = [
        Entry(name, weight.dtype, tuple(base.shapes.get(name) or weight.shape), _rows(weight))
        for name, weight in base.weights.items()
    ]
    write_safetensors(scratch / "model.safetensors", entries, {"format": "pt"})
    config = {key: value for key, value in base.config.items() if key != "quantization_config"}
    (scratch / "config.json").write_text(json.dumps(config), encoding="utf-8")
    folder = base.path if base.path.is_dir() else base.path.parent
    for name in _KEPT:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, scratch / name)
    return scratch


def _rows(weight: Weight) -> Callable[[], Iterator[bytes]]:
    rows, cols = weight.shape
    return in_blocks(lambda start, stop: weight.read(start, stop).tobytes(), rows, max(_BLOCK // max(cols, 1), 1))
