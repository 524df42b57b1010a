"""A checkpoint of plain numbers to load a model from: the base's own, or a copy with its weights dequantized."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from loradiag.bases.model import Base, Weight
from loradiag.core.errors import InputError
from loradiag.storage.safetensors_writing import Entry, in_blocks, write_safetensors
from loradiag.storage.shards import shards_of

_KEPT = ("generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
_SINGLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
_WEIGHTS = (".safetensors", ".bin", ".index.json")
_BLOCK = 1 << 22
"""Entries that are copied at once."""


def plain_checkpoint(base: Base, scratch: Path) -> Path:
    """Return a directory that transformers can load without any quantizer.

    Args:
        base: The base.
        scratch: An empty directory, for the copy of a quantized one, which takes 2 bytes for each of its entries, or for
            links to files that transformers would not take for the model by itself.

    Raises:
        InputError: A file ends before its header says.
        OSError: The copy cannot be written.
    """
    folder = base.path if base.path.is_dir() else base.path.parent
    if not any(weight.quantization for weight in base.weights.values()):
        return folder if _taken_from(folder) == base.files else _linked(base, folder, scratch)
    entries = [
        Entry(name, weight.dtype, tuple(base.shapes.get(name) or weight.shape), _rows(weight))
        for name, weight in base.weights.items()
    ]
    write_safetensors(scratch / _SINGLE, entries, {"format": "pt"})
    config = {key: value for key, value in base.config.items() if key != "quantization_config"}
    (scratch / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for name in _KEPT:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, scratch / name)
    return scratch


def _taken_from(folder: Path) -> tuple[Path, ...]:
    """The weight files of a directory that transformers takes: the single one before those of the index."""
    if (folder / _SINGLE).is_file():
        return (folder / _SINGLE,)
    try:
        return shards_of(folder / _INDEX)
    except InputError:
        return ()


def _linked(base: Base, folder: Path, scratch: Path) -> Path:
    """A directory whose weights are those of the base, under the names that transformers takes; all else is as beside them."""
    for child in folder.iterdir():
        if child.is_file() and not child.name.endswith(_WEIGHTS):
            (scratch / child.name).symlink_to(child.resolve())
    if len(base.files) == 1:
        (scratch / _SINGLE).symlink_to(base.files[0].resolve())
        return scratch
    for file in base.files:
        (scratch / file.name).symlink_to(file.resolve())
    places = {name: tensor.container.path.name for name, tensor in base.tensors.items()}
    (scratch / _INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}), encoding="utf-8")
    return scratch


def _rows(weight: Weight) -> Callable[[], Iterator[bytes]]:
    rows, cols = weight.shape
    return in_blocks(lambda start, stop: weight.read(start, stop).tobytes(), rows, max(_BLOCK // max(cols, 1), 1))
