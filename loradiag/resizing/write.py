"""The files of the new adapter, and the directory that holds them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from loradiag.adapters.locate import CONFIG_NAME
from loradiag.adapters.model import Adapter
from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.resizing.plan import Piece
from loradiag.storage.directories import Kind
from loradiag.storage.safetensors_writing import Entry, write_safetensors
from loradiag.storage.tensors import Tensor

KIND = Kind("adapter", CONFIG_NAME)
"""What is written here, and all that --force replaces."""

WEIGHTS = "adapter_model.safetensors"
_BLOCK = 1 << 22


def encoded(config: Mapping[str, Any], adapter: Adapter) -> bytes:
    """Return a new configuration as it is written.

    Args:
        config: The configuration.
        adapter: Whose configuration it was made of.

    Raises:
        UsageError: What stood there cannot be written again.
    """
    try:
        return json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{printable(str(adapter.path))}: cannot be written anew: its {CONFIG_NAME} has a number of more than 1.8e308, or "
            "is nested hundreds of levels deep; mend it"
        ) from error


def write_adapter(folder: Path, pieces: Sequence[Piece], metadata: Mapping[str, str], config: bytes) -> None:
    """Write the two files of a PEFT adapter into a directory of our own."""
    (folder / CONFIG_NAME).write_bytes(config)
    entries = [Entry(piece.name, piece.dtype, piece.shape, partial(blocks, piece.content)) for piece in pieces]
    write_safetensors(folder / WEIGHTS, entries, metadata)


def metadata_of(adapter: Adapter) -> dict[str, str]:
    """The metadata of the new weight file: those of the old one where it was one of PEFT's, else what PEFT writes."""
    kept = adapter.layout == "peft" and adapter.weight_format == "safetensors"
    return dict(adapter.metadata) if kept else {"format": "pt"}


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
