"""The files of the new adapter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from loradiag.resizing.plan import Piece
from loradiag.storage.safetensors_writing import Entry, write_safetensors
from loradiag.storage.tensors import Tensor

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_BLOCK = 1 << 22


def write_adapter(
    folder: Path, pieces: Sequence[Piece], metadata: Mapping[str, str], config: Mapping[str, Any]
) -> None:
    """Write the two files of a PEFT adapter into a directory of our own."""
    (folder / CONFIG).write_bytes(json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n")
    entries = [Entry(piece.name, piece.dtype, piece.shape, partial(blocks, piece.content)) for piece in pieces]
    write_safetensors(folder / WEIGHTS, entries, metadata)


def nbytes(piece: Piece) -> int:
    """Bytes that a tensor takes."""
    return piece.content.nbytes if isinstance(piece.content, Tensor) else len(piece.content)


def blocks(content: bytes | Tensor) -> Iterator[bytes]:
    """Yield the bytes of a tensor, a few megabytes at a time if it is stored."""
    if not isinstance(content, Tensor):
        yield content
        return
    for start in range(0, content.size, _BLOCK):
        yield content.read(start, min(_BLOCK, content.size - start)).tobytes()
