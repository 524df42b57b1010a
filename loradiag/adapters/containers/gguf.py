"""GGUF files, through the ``gguf`` package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loradiag.adapters.containers.arrays import ArrayContainer
from loradiag.core.errors import InputError
from loradiag.core.lazy import require
from loradiag.core.text import printable

_FLOATS = {"F64": "F64", "F32": "F32", "F16": "F16", "BF16": "BF16"}


def open_gguf(path: Path) -> ArrayContainer:
    """Read a GGUF file; block-quantized tensors are dequantized to F32.

    Raises:
        InputError: It is damaged.
        MissingExtraError: The gguf package is not installed.
    """
    gguf = require("gguf", "gguf")
    try:
        reader = gguf.GGUFReader(path)
        metadata = {name: _text(field) for name, field in reader.fields.items() if not name.startswith("GGUF.")}
        return ArrayContainer(path, "gguf", _arrays(gguf, reader), metadata)
    except Exception as error:  # the package raises whatever numpy raises when offsets lead outside the file
        message = printable(str(error).partition("\n")[0])[:160]
        raise InputError(path, f"is not a readable GGUF file ({message})", "convert it again", kind="header") from error


def _arrays(gguf: Any, reader: Any) -> Iterator[tuple[str, str, tuple[int, ...], Any]]:
    for tensor in reader.tensors:
        shape = tuple(int(extent) for extent in reversed(tensor.shape))  # GGUF counts the fastest dimension first
        name = tensor.tensor_type.name
        if name in _FLOATS:
            data = tensor.data.reshape(-1)
            yield tensor.name, _FLOATS[name], shape, data.view("<u2") if name == "BF16" else data
        else:
            yield tensor.name, "F32", shape, gguf.dequantize(tensor.data, tensor.tensor_type).reshape(-1)


def _text(field: Any) -> str:
    value = field.contents()
    return value if isinstance(value, str) else str(value)[:200]
