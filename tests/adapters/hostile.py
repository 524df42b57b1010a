"""Files made by hand to be wrong."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

Header = dict[str, Any]


def safetensors_bytes(header: Header | str | bytes, body: bytes = b"", claimed: int | None = None) -> bytes:
    """A safetensors file whose header may be anything, and may lie about its own length."""
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if claimed is None else claimed) + text + body


def entry(shape: Any, offsets: Any, dtype: Any = "F32") -> dict[str, Any]:
    """One tensor's description."""
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def write(folder: Path, data: bytes, name: str = "adapter_model.safetensors") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(data)
    return path


def valid() -> tuple[Header, bytes]:
    """The header and the body of a small, valid PEFT file."""
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    header = {
        "__metadata__": {"format": "pt"},
        f"{name}.lora_A.weight": entry([2, 6], [0, 48]),
        f"{name}.lora_B.weight": entry([4, 2], [48, 80]),
    }
    return header, struct.pack("<20f", *(0.25 * number for number in range(1, 21)))
