"""Weights as bitsandbytes stores them, dequantized row by row without its library.

Four bits (Dettmers et al. 2023, arXiv 2305.14314): the values of a weight, row after row, are cut into blocks; each value
is a code into a table of 16 numbers times the block's largest magnitude. With double quantization the magnitudes are
codes themselves. Eight bits (arXiv 2208.07339): whole numbers, times the row's largest magnitude, over 127.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from loradiag.bases.model import Weight
from loradiag.core.errors import InputError
from loradiag.core.text import quoted
from loradiag.storage import strict_json
from loradiag.storage.tensors import Scratch, Tensor

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_STATE = ".quant_state.bitsandbytes__"
_COMPANIONS = (".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map")
_KINDS = ("nf4", "fp4")
_FLOATS = ("F16", "F32", "F64")
_DTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
_MAX_STATE = 100_000
_MAX_BLOCK = 1 << 20
"""Values, or magnitudes, of a block; more would only set memory aside for what is not there."""

_PER_BYTE = 2


def quantized(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Weight], set[str]]:
    """Find the weights that bitsandbytes quantized.

    Returns:
        Weights by name, and the names of all tensors that they are made of.

    Raises:
        InputError: A weight's description of itself makes no sense, or parts of it are missing.
    """
    weights: dict[str, Weight] = {}
    parts: set[str] = set()
    for name, tensor in tensors.items():
        if _STATE in name:
            stem, _, kind = name.partition(_STATE)
            weights[stem] = _four_bits(stem, kind, tensor, tensors)
            parts |= {name, stem} | {stem + companion for companion in _COMPANIONS if stem + companion in tensors}
        elif name.endswith(".SCB"):
            stem = name.removesuffix(".SCB")
            weights[f"{stem}.weight"] = _eight_bits(f"{stem}.weight", tensor, tensors)
            parts |= {name, f"{stem}.weight", f"{stem}.weight_format"}
    return weights, parts


class _State(msgspec.Struct):
    """The JSON that bitsandbytes stores beside a 4-bit weight. Sizes are checked before they are believed."""

    quant_type: str
    blocksize: int
    dtype: str
    shape: list[int]
    nested_blocksize: int = 0
    nested_offset: float = 0.0


class FourBitRows(msgspec.Struct, frozen=True):
    """Rows of a 4-bit weight. ``table`` and ``scales`` are read once, when the first rows are asked for."""

    codes: Tensor
    rows: int
    cols: int
    dtype: str
    block: int
    tensors: Mapping[str, Tensor]
    nested_block: int
    nested_offset: float

    def read(self, start: int, stop: int, scratch: Scratch | None = None) -> npt.NDArray[np.generic]:  # noqa: ARG002
        """See :class:`loradiag.bases.model.Source`."""
        import numpy as np

        from loradiag.linalg.narrow import narrow

        table, scales = _tables(self)
        first, last = start * self.cols, stop * self.cols
        low = first // self.block * self.block  # a row may begin inside a block
        high = min(-(-last // self.block) * self.block, self.rows * self.cols)
        codes = _bytes(self.codes, low // _PER_BYTE, -(-high // _PER_BYTE))
        values = np.empty(codes.size * _PER_BYTE, dtype=np.float32)
        values[0::2] = table[codes >> 4]
        values[1::2] = table[codes & 0xF]
        values = values[: high - low]
        values *= np.repeat(scales[low // self.block : -(-high // self.block)], self.block)[: values.size]
        return narrow(values[first - low : last - low].reshape(stop - start, self.cols), self.dtype)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class EightBitRows(msgspec.Struct, frozen=True):
    """Rows of an 8-bit weight."""

    codes: Tensor
    scale: Tensor
    rows: int
    cols: int

    def read(self, start: int, stop: int, scratch: Scratch | None = None) -> npt.NDArray[np.generic]:
        """See :class:`loradiag.bases.model.Source`."""
        import numpy as np

        codes = self.codes.read(start * self.cols, (stop - start) * self.cols, scratch)
        scale = self.scale.read(start, stop - start).astype(np.float32)
        # In this order and precision: what bitsandbytes itself computes, bit for bit.
        values = codes.reshape(stop - start, self.cols).astype(np.float32) * scale[:, None]
        return values * np.float32(7.874015718698502e-3)


@lru_cache(maxsize=4)
def _tables(rows: FourBitRows) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    import numpy as np

    table = rows.tensors[".quant_map"].read().astype(np.float32)
    absmax = rows.tensors[".absmax"].read()
    if not rows.nested_block:
        return table, absmax.astype(np.float32)
    codebook = rows.tensors[".nested_quant_map"].read().astype(np.float32)
    outer = rows.tensors[".nested_absmax"].read().astype(np.float32)
    scales = codebook[absmax] * np.repeat(outer, rows.nested_block)[: absmax.size]
    return table, scales + np.float32(rows.nested_offset)


def _bytes(tensor: Tensor, start: int, stop: int) -> npt.NDArray[np.uint8]:
    """Bytes of a tensor whatever it calls them: sharded training stores codes as if they were BF16 numbers."""
    import numpy as np

    size = max(tensor.nbytes // max(tensor.size, 1), 1)
    first = start // size
    raw = tensor.read(first, -(-stop // size) - first).view(np.uint8)
    return raw[start - first * size : stop - first * size]


def _four_bits(stem: str, kind: str, state: Tensor, tensors: Mapping[str, Tensor]) -> Weight:
    described = _described(stem, state)
    near = {companion: tensors[stem + companion] for companion in _COMPANIONS if stem + companion in tensors}
    shape = tuple(described.shape)
    count = 1
    for extent in shape:
        count *= extent
    codes = tensors.get(stem)
    nested = ".nested_absmax" in near
    blocks = -(-count // described.blocksize)
    sound = (
        codes is not None
        and kind in _KINDS
        and len(shape) == 2
        and codes.nbytes == -(-count // _PER_BYTE)
        and near.keys() >= {".absmax", ".quant_map"}
        and near[".absmax"].size == blocks
        and near[".quant_map"].size == 16
        and (_nested_soundly(near, blocks, described.nested_blocksize) if nested else near[".absmax"].dtype in _FLOATS)
        and all(part.dtype in _FLOATS for name, part in near.items() if name != ".absmax")
    )
    if not sound or codes is None:
        raise _nonsense(state, stem)
    dtype = _DTYPES.get(described.dtype, "F32")
    block = described.nested_blocksize if nested else 0
    source = FourBitRows(codes, shape[0], shape[1], dtype, described.blocksize, near, block, described.nested_offset)
    return Weight(stem, (shape[0], shape[1]), dtype, (source,), kind)


def _nested_soundly(near: Mapping[str, Tensor], blocks: int, nested_block: int) -> bool:
    """Whether the magnitudes of double quantization have the sizes that they must have."""
    return (
        ".nested_quant_map" in near
        and near[".nested_quant_map"].size == 256
        and near[".absmax"].dtype == "U8"
        and 0 < nested_block <= _MAX_BLOCK
        and near[".nested_absmax"].size == -(-blocks // nested_block)
    )


def _described(stem: str, state: Tensor) -> _State:
    try:
        if state.dtype != "U8" or state.size > _MAX_STATE:
            raise ValueError("no text")
        described = msgspec.convert(strict_json.loads(state.read().tobytes()), _State)
    except ValueError as error:
        raise _nonsense(state, stem) from error
    block = described.blocksize
    # Blocks of a whole number of bytes: bitsandbytes has powers of two from 32 to 4096.
    sound = 1 < block <= _MAX_BLOCK and block % _PER_BYTE == 0 and math.isfinite(described.nested_offset)
    if not sound or not all(0 < extent < 1 << 31 for extent in described.shape):
        raise _nonsense(state, stem)
    return described


def _eight_bits(name: str, scale: Tensor, tensors: Mapping[str, Tensor]) -> Weight:
    codes = tensors.get(name)
    if codes is None or codes.dtype != "I8" or len(codes.shape) != 2:
        raise _nonsense(scale, name)
    if scale.size != codes.shape[0] or scale.dtype not in _FLOATS:
        raise _nonsense(scale, name)
    rows, cols = codes.shape
    return Weight(name, (rows, cols), "F32", (EightBitRows(codes, scale, rows, cols),), "int8")


def _nonsense(tensor: Tensor, name: str) -> InputError:
    problem = f"describes the quantized weight {quoted(name)} in a way that makes no sense"
    return InputError(tensor.container.path, problem, "fetch it again")
