"""GGUF files, read by the layout that ggml documents (docs/gguf.md), tensor by tensor.

The ``gguf`` package is asked only to dequantize blocks. Its reader believes every count in the file, so that one damaged
number makes it run for hours; here each count is held against what is left of the file.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loradiag.core.dtypes import DTYPES
from loradiag.core.errors import InputError
from loradiag.core.lazy import require
from loradiag.core.text import printable, quoted
from loradiag.storage.files import PositionedFile
from loradiag.storage.tensors import MAX_EXTENT, Scratch, Tensor

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_TYPES = {0: "F32", 1: "F16", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 30: "BF16"}
_DEFAULT_ALIGNMENT = 32
_MAX_TEXT = 1 << 20


class GgufFile:
    """One open GGUF file. Reads are thread-safe. Block-quantized tensors are given as F32.

    Raises:
        InputError: It is damaged, or of a version or byte order that is not read.
        MissingExtraError: It is quantized, and the gguf package is not installed.
    """

    format = "gguf"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata: dict[str, str] = {}
        self.tensors: dict[str, Tensor] = {}
        self._file = PositionedFile(path)
        self._values = _Values(self._file)
        self._cursor = _Cursor(self._file)
        try:
            self._read_header()
        except (_DamagedError, ValueError, struct.error) as error:
            raise InputError(
                path,
                f"is not a readable GGUF file ({printable(str(error))})",
                "fetch or convert it again",
                kind="header",
            ) from error

    def _read_header(self) -> None:
        cursor = self._cursor
        cursor.skip(4)
        version = cursor.number("I")
        if version not in (2, 3):
            raise _DamagedError(f"version {version}; 2 and 3, little-endian, are read")
        tensors, pairs = cursor.count(24), cursor.count(12)
        for _ in range(pairs):
            key = cursor.text()
            value = cursor.value(cursor.number("I"))
            if key in self.metadata:
                raise _DamagedError(f"the key {quoted(key)} twice")
            if value is not None:
                self.metadata[key] = str(value)
        headers = [self._tensor_header() for _ in range(tensors)]
        alignment = int(self.metadata.get("general.alignment", _DEFAULT_ALIGNMENT))
        if alignment < 1:
            raise _DamagedError("an alignment of 0")
        base = -(-cursor.position // alignment) * alignment
        for name, kind, shape, offset in headers:
            self._add(name, kind, shape, base + offset)

    def _tensor_header(self) -> tuple[str, int, tuple[int, ...], int]:
        cursor = self._cursor
        name, dimensions = cursor.text(), cursor.number("I")
        if dimensions > 8:
            raise _DamagedError(f"{dimensions} dimensions")
        extents = [cursor.number("Q") for _ in range(dimensions)]
        kind, offset = cursor.number("I"), cursor.number("Q")
        if offset >= MAX_EXTENT or any(extent >= MAX_EXTENT for extent in extents):
            raise _DamagedError(f"tensor {quoted(name)} is impossibly large")
        return name, kind, tuple(reversed(extents)), offset  # GGUF counts the fastest dimension first

    def _add(self, name: str, kind: int, shape: tuple[int, ...], position: int) -> None:
        if name in self.tensors:
            raise _DamagedError(f"the tensor {quoted(name)} twice")
        tensor = Tensor(name, _TYPES.get(kind, "F32"), shape, self._values, position)
        stored = tensor.nbytes if kind in _TYPES else _stored_bytes(kind, shape)
        if position + stored > self._file.size:
            raise InputError(
                self.path, f"is cut short: it ends before tensor {quoted(name)} does", "fetch it again", "truncated"
            )
        self.tensors[name] = tensor
        if kind not in _TYPES:
            self._values.blocks[name] = kind


class _Values:
    """See :class:`loradiag.storage.tensors.Container`. ``blocks``: the types of tensors that are quantized, by their names."""

    def __init__(self, file: PositionedFile) -> None:
        self.path = file.path
        self.blocks: dict[str, int] = {}
        self._file = file

    def read(self, tensor: Tensor, start: int, count: int, scratch: Scratch | None = None) -> npt.NDArray[np.generic]:
        """See :class:`loradiag.storage.tensors.Container`."""
        kind = self.blocks.get(tensor.name)
        if kind is None:
            dtype = DTYPES[tensor.dtype]
            return self._array(tensor, tensor.offset + start * dtype.itemsize, dtype.carrier, count, scratch)
        gguf = require("gguf", "gguf")
        data = self._array(tensor, tensor.offset, "u1", _stored_bytes(kind, tensor.shape), None)
        whole = gguf.dequantize(data, gguf.GGMLQuantizationType(kind))
        flat: npt.NDArray[np.generic] = whole.reshape(-1)[start : start + count]
        return flat

    def _array(
        self, tensor: Tensor, position: int, carrier: str, count: int, scratch: Scratch | None
    ) -> npt.NDArray[np.generic]:
        array = self._file.array_at(position, carrier, count, scratch)
        if array is None:
            raise InputError(self.path, f"ends inside tensor {quoted(tensor.name)}", "fetch it again", "truncated")
        return array


class _DamagedError(Exception):
    """What is wrong with the header, in a few words fit to be shown."""


def _stored_bytes(kind: int, shape: tuple[int, ...]) -> int:
    gguf = require("gguf", "gguf")
    try:
        block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(kind)]
    except (ValueError, KeyError) as error:
        raise _DamagedError(f"tensor type {kind}") from error
    if not shape or shape[-1] % block:
        raise _DamagedError(f"rows that are no multiple of {block}")
    return math.prod(shape) // int(block) * int(size)


class _Cursor:
    """Reads little-endian values one after another, never past the end."""

    def __init__(self, file: PositionedFile) -> None:
        self._file = file
        self._buffer = b""
        self._start = 0
        self.position = 0

    def skip(self, count: int) -> None:
        if count > self._file.size - self.position:
            raise _DamagedError("it is cut short")
        self.position += count

    def take(self, count: int) -> bytes:
        start = self.position
        self.skip(count)
        if not self._start <= start <= self.position <= self._start + len(self._buffer):
            self._start, self._buffer = start, self._file.bytes_at(start, max(count, 1 << 16))
        return self._buffer[start - self._start : start - self._start + count]

    def number(self, form: str) -> Any:
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0]

    def count(self, least: int) -> int:
        """A number of things that take at least ``least`` bytes each."""
        number = self.number("Q")
        if number * least > self._file.size - self.position:
            raise _DamagedError(f"a count of {number:,}")
        return int(number)

    def text(self) -> str:
        length = self.count(1)
        if length > _MAX_TEXT:
            raise _DamagedError(f"a text of {length:,} bytes")
        return self.take(length).decode("utf-8")

    def value(self, kind: int, depth: int = 0) -> Any:
        """A number, a boolean or a text; None for an array, which is passed over."""
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind])
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY or depth > 2:
            raise _DamagedError(f"a value of type {kind}")
        inner = self.number("I")
        if inner in _NUMBERS:
            size = struct.calcsize(f"<{_NUMBERS[inner]}")
            self.skip(self.count(size) * size)
        else:
            for _ in range(self.count(8)):
                self.value(inner, depth + 1)
        return None
