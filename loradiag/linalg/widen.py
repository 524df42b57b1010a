"""Storage formats to float64, exactly. Every finite BF16, FP8, F16 and F32 number is a float64 number."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Raw = npt.NDArray[Any]


def widen(raw: Raw, dtype: str) -> Array:
    """Return ``raw``, given in the carrier type of ``dtype``, as a new float64 array of the same shape.

    Raises:
        KeyError: ``dtype`` is no known storage format.
    """
    out = np.empty(raw.shape, dtype=np.float64)
    widen_into(raw, dtype, out)
    return out


def single(raw: Raw, dtype: str) -> npt.NDArray[np.float32]:
    """Return ``raw`` as float32: exact, but for FP64."""
    if dtype == "BF16":
        return (raw.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return raw.astype(np.float32) if dtype in ("F32", "F16", "F64") else widen(raw, dtype).astype(np.float32)


def widen_into(raw: Raw, dtype: str, out: Array, bits: npt.NDArray[np.uint32] | None = None) -> None:
    """Write the float64 values of ``raw`` into ``out``, which has the same shape. NaN stays NaN, without a warning.

    Args:
        raw: In the carrier type of ``dtype``.
        dtype: Storage format.
        out: Receives the values.
        bits: Space to work in, of the same shape; for callers who widen many blocks.
    """
    with np.errstate(invalid="ignore"):
        _widen_into(raw, dtype, out, bits)


def _widen_into(raw: Raw, dtype: str, out: Array, bits: npt.NDArray[np.uint32] | None) -> None:
    if dtype == "BF16":
        # A BF16 number is the upper half of an F32 number whose lower half is zero. Widening and shifting in two steps is
        # nearly twice as fast as storing every second 16-bit half.
        wide = np.empty(raw.shape, dtype=np.uint32) if bits is None else bits
        np.copyto(wide, raw)
        np.left_shift(wide, 16, out=wide)
        np.copyto(out, wide.view(np.float32))
    elif dtype == "F8_E5M2":
        np.copyto(out, (raw.astype(np.uint16) << 8).view(np.float16))
    elif dtype == "F8_E4M3":
        np.take(_e4m3(), raw, out=out)
    else:
        np.copyto(out, raw, casting="unsafe")


@lru_cache(maxsize=1)
def _e4m3() -> Array:
    """The 256 values of FP8 E4M3 (the variant without infinities; S.1111.111 is NaN), Micikevicius et al. 2022."""
    codes = np.arange(256)
    sign = np.where(codes & 0x80, -1.0, 1.0)
    exponent, mantissa = (codes >> 3) & 0xF, codes & 0x7
    values = np.where(exponent > 0, (1 + mantissa / 8) * 2.0 ** (exponent - 7.0), mantissa / 8 * 2.0**-6)
    return np.where((codes & 0x7F) == 0x7F, np.nan, sign * values)


# Bits whose being all set makes a number infinite or NaN: the exponent, and in E4M3, which has no infinity, all but the sign.
_NONFINITE = {
    "F64": 0x7FF0_0000_0000_0000,
    "F32": 0x7F80_0000,
    "F16": 0x7C00,
    "BF16": 0x7F80,
    "F8_E5M2": 0x7C,
    "F8_E4M3": 0x7F,
}


def count_nonfinite(raw: Raw, dtype: str, block: int = 1 << 16) -> int:
    """Count NaN and infinite elements by their bits, in blocks that stay in the cache. Whole numbers have none."""
    if dtype not in _NONFINITE:
        return 0
    bits = np.ascontiguousarray(raw).reshape(-1).view(f"u{raw.dtype.itemsize}")
    mask = bits.dtype.type(_NONFINITE[dtype])
    return sum(
        int(np.count_nonzero((bits[start : start + block] & mask) == mask)) for start in range(0, bits.size, block)
    )
