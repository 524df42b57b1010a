"""Formats in which merged weights are stored, as round trips: what goes in, the codes that are stored, what comes out.

The quantizers are those of the formats themselves (bitsandbytes, torch, gguf), so that the numbers are what users get.
torch is imported when a format is made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from loradiag.core.lazy import require

_CHUNK = 1 << 20
"""Entries that are quantized at once on a CPU: as many as its cache holds."""

_NESTED_BLOCK = 256
"""Scales that share one scale, in double quantization: fixed in bitsandbytes."""

_FP8_LARGEST = 448.0

DTYPE_NAMES: Mapping[str, str] = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
"""Plain formats, as torch calls their types."""

PLAIN = tuple(DTYPE_NAMES)


class Stored(NamedTuple):
    """A matrix as a format keeps it.

    Attributes:
        values: What a model that loads it computes with: [rows, cols].
        codes: What tells one stored entry from another, scales aside: [rows, cols].
        parts: What a checkpoint holds, by the formats' own names; empty for plain numbers.
    """

    values: Any
    codes: Any
    parts: Mapping[str, Any] = {}


class Format(Protocol):
    """A storage format."""

    floating: bool
    """Whether codes are floating-point numbers, of which small ones can be flushed to zero."""

    by_row: bool
    """Whether rows are stored independently of each other, so that a matrix may be given in strips of rows."""

    def store(self, matrix: Any) -> Stored:
        """Store a contiguous torch matrix [rows, cols] of a floating type. What it cannot hold becomes infinite or NaN."""


class Plain:
    """Floating-point numbers of 16 or 32 bits, to nearest, ties to even."""

    floating = True
    by_row = True

    def __init__(self, dtype: str) -> None:
        self._dtype = getattr(require("torch", "merge"), dtype)

    def store(self, matrix: Any) -> Stored:
        """See :class:`Format`."""
        values = matrix.to(self._dtype)
        return Stored(values, values)


class FourBit:
    """NF4 and FP4 of bitsandbytes (Dettmers et al. 2023, arXiv 2305.14314): codes, and a scale for each block of them."""

    floating = False
    by_row = False

    def __init__(self, kind: str, block_size: int, double: bool) -> None:
        self._functional = _bitsandbytes()
        self._torch = require("torch", "merge")
        self._kind, self._block, self._double = kind, block_size, double

    def store(self, matrix: Any) -> Stored:
        """See :class:`Format`."""
        flat = matrix.reshape(-1)
        packed, scales = self._quantize(flat)
        parts = {"codes": packed, "absmax": scales, "dtype": matrix.dtype, "block": self._block}
        if self._double:
            scales, nested = self._nested(scales)
            parts |= nested
        values, codes = self._back(packed, scales, flat)
        return Stored(values.reshape(matrix.shape), codes.reshape(matrix.shape), parts)

    def _quantize(self, flat: Any) -> tuple[Any, Any]:
        size, step = flat.numel(), self._step(flat)
        packed = self._torch.empty(-(-size // 2), dtype=self._torch.uint8, device=flat.device)
        scales = self._torch.empty(-(-size // self._block), dtype=self._torch.float32, device=flat.device)
        for start in range(0, size, step):
            stop = min(start + step, size)
            codes, state = self._functional.quantize_4bit(
                flat[start:stop], blocksize=self._block, compress_statistics=False, quant_type=self._kind
            )
            packed[start // 2 : -(-stop // 2)] = codes.reshape(-1)
            scales[start // self._block : -(-stop // self._block)] = state.absmax
        return packed, scales

    def _nested(self, scales: Any) -> tuple[Any, Mapping[str, Any]]:
        """Scales as double quantization returns them, and what is stored of them: its own order of operations."""
        offset = scales.mean()
        codes, state = self._functional.quantize_blockwise(scales - offset, blocksize=_NESTED_BLOCK)
        back = self._functional.dequantize_blockwise(codes, state) + offset
        return back.float(), {"absmax": codes, "nested": state, "offset": offset}

    def _back(self, packed: Any, scales: Any, like: Any) -> tuple[Any, Any]:
        """Values in the type that was quantized, and codes one by one, chunk by chunk as if each were one row.

        Rows whose width is no multiple of the block get the scale of the block before from bitsandbytes 0.50's kernel for CPUs;
        as one row they do not.
        """
        size, step = like.numel(), self._step(like)
        values = self._torch.empty_like(like)
        codes = self._torch.empty((packed.numel(), 2), dtype=self._torch.uint8, device=like.device)
        for start in range(0, size, step):
            stop = min(start + step, size)
            half = slice(start // 2, -(-stop // 2))
            state = self._functional.QuantState(
                absmax=scales[start // self._block : -(-stop // self._block)].contiguous(),
                shape=self._torch.Size((stop - start,)),
                code=None,
                blocksize=self._block,
                quant_type=self._kind,
                dtype=like.dtype,
            )
            values[start:stop] = self._functional.dequantize_4bit(packed[half], state).reshape(-1)
            codes[half, 0], codes[half, 1] = packed[half] >> 4, packed[half] & 0xF
        return values, codes.reshape(-1)[:size]

    def _step(self, flat: Any) -> int:
        """Entries at once: whole blocks, on a GPU all of them."""
        return max(flat.numel(), 1) if flat.is_cuda else max(_CHUNK // self._block, 1) * self._block


class Int8:
    """LLM.int8() of bitsandbytes (Dettmers et al. 2022, arXiv 2208.07339): whole numbers, and a scale for each row."""

    floating = False
    by_row = True

    def __init__(self) -> None:
        self._functional = _bitsandbytes()
        self._torch = require("torch", "merge")

    def store(self, matrix: Any) -> Stored:
        """See :class:`Format`. The quantizer takes FP16, so what FP16 cannot hold is lost here too."""
        codes, scales, _ = self._functional.int8_vectorwise_quant(matrix.to(self._torch.float16))
        values = self._functional.int8_vectorwise_dequant(codes, scales)
        return Stored(values, codes, {"codes": codes, "scales": scales})


class Fp8:
    """FP8 E4M3 (Micikevicius et al. 2022, arXiv 2209.05433) with one scale a row, the row's largest magnitude over 448."""

    floating = True
    by_row = True

    def __init__(self) -> None:
        self._torch = require("torch", "merge")

    def store(self, matrix: Any) -> Stored:
        """See :class:`Format`."""
        wide = matrix.float()
        scales = wide.abs().amax(dim=1, keepdim=True) / _FP8_LARGEST
        scales = self._torch.where(scales > 0, scales, self._torch.ones_like(scales))
        codes = (wide / scales).to(self._torch.float8_e4m3fn)
        return Stored(codes.float() * scales, codes.view(self._torch.uint8), {"codes": codes, "scales": scales})


class Gguf:
    """Q8_0 and Q4_0 of GGUF: blocks of 32 numbers with one FP16 scale."""

    floating = False
    by_row = True
    BLOCK = 32

    def __init__(self, kind: str) -> None:
        self._quants = require("gguf.quants", "gguf")
        self._torch = require("torch", "merge")
        self._kind = getattr(require("gguf", "gguf").GGMLQuantizationType, kind)

    def store(self, matrix: Any) -> Stored:
        """See :class:`Format`. The format has no blocks of fewer than 32 numbers: such rows stay FP16, as its tools do it."""
        if matrix.shape[1] % self.BLOCK:
            values = matrix.to(self._torch.float16)
            return Stored(values, values)
        with np.errstate(all="ignore"):  # what is not finite, or has a scale beyond FP16, is counted, not warned of
            packed = self._quants.quantize(matrix.float().cpu().numpy(), self._kind)
            decoded = self._quants.dequantize(packed, self._kind)
        values = self._torch.from_numpy(decoded).to(matrix.device)
        blocks = self._torch.from_numpy(packed).reshape(matrix.shape[0], -1, packed.shape[1] * 32 // matrix.shape[1])
        numbers = blocks[:, :, 2:]  # behind the block's scale
        if numbers.shape[2] < self.BLOCK:
            numbers = self._torch.cat((numbers & 0xF, numbers >> 4), dim=2)
        return Stored(values, numbers.reshape(matrix.shape).to(matrix.device))


def _bitsandbytes() -> Any:
    """Its functions, without what it tells about kernels that it could have had."""
    logger = logging.getLogger("bitsandbytes")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        return require("bitsandbytes.functional", "merge")
    finally:
        logger.setLevel(level)


FORMATS: Mapping[str, Callable[[int, bool], Format]] = {
    "bf16": lambda _block, _double: Plain("bfloat16"),
    "fp16": lambda _block, _double: Plain("float16"),
    "fp32": lambda _block, _double: Plain("float32"),
    "nf4": lambda block, double: FourBit("nf4", block, double),
    "fp4": lambda block, double: FourBit("fp4", block, double),
    "int8": lambda _block, _double: Int8(),
    "fp8-e4m3": lambda _block, _double: Fp8(),
    "q8_0": lambda _block, _double: Gguf("Q8_0"),
    "q4_0": lambda _block, _double: Gguf("Q4_0"),
}


def format_named(name: str, block_size: int = 64, double: bool = True) -> Format:
    """Make a format.

    Args:
        name: A key of :data:`FORMATS`.
        block_size: Values that share a scale, in 4-bit formats of bitsandbytes: a power of two from 32 to 4096.
        double: Whether these scales are quantized themselves.

    Raises:
        MissingExtraError: A package that it needs is not installed.
        KeyError: There is no such format.
    """
    return FORMATS[name](block_size, double)
