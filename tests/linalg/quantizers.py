"""Quantizers written out from the formats' definitions, in numpy, and nothing of torch's or bitsandbytes' kernels."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Appendix E of Dettmers et al. 2023 (arXiv 2305.14314).
NF4 = np.array(
    [
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
        -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
        0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
    ]
)  # fmt: skip
# Sign, two bits of exponent, one of mantissa, as bitsandbytes orders them: the numbers over the largest, 12.
FP4 = np.array([0, 0.0625, 8, 12, 4, 6, 2, 3, 0, -0.0625, -8, -12, -4, -6, -2, -3]) / 12
TABLES = {"nf4": NF4, "fp4": FP4}


def nearest_in_blocks(matrix: Array, table: Array, block: int) -> tuple[Array, Array]:
    """Blocks of the flattened matrix over their largest magnitude, and the distance of each entry to the nearest number.

    Returns:
        The scale of each entry, and the distance, both in float64 and of the shape of the matrix.
    """
    flat = matrix.reshape(-1).astype(np.float64)
    padded = np.concatenate([flat, np.zeros(-flat.size % block)]).reshape(-1, block)
    scales = np.repeat(np.abs(padded).max(axis=1), block)[: flat.size]
    safe = np.where(scales > 0, scales, 1.0)
    distances = np.abs(flat[:, None] / safe[:, None] - table).min(axis=1)
    return scales.reshape(matrix.shape), distances.reshape(matrix.shape)


@lru_cache
def e4m3() -> Array:
    """The numbers of E4M3 from zero up, by code: four bits of exponent (bias 7), three of mantissa, no infinities."""
    found = []
    for code in range(127):
        exponent, mantissa = code >> 3, code & 7
        found.append(mantissa * 2.0**-9 if exponent == 0 else (8 + mantissa) * 2.0 ** (exponent - 10))
    return np.array(found)


def to_e4m3(values: Array) -> Array:
    """Codes of the nearest numbers, ties to the even code: what IEEE 754 calls rounding to nearest."""
    numbers, size = e4m3(), np.abs(values)
    above = np.clip(np.searchsorted(numbers, size), 1, 126)
    low, high = numbers[above - 1], numbers[above]
    nearer_high = (size - low > high - size) | ((size - low == high - size) & (above % 2 == 0))
    code = np.where(nearer_high, above, above - 1)
    return (code + 128 * np.signbit(values)).astype(np.uint8)


def rounded_bf16(values: npt.NDArray[np.float32]) -> Array:
    """The nearer of the two BF16 numbers around each value, of two equally near the one with an even last bit."""
    low = values.view(np.uint32) & np.uint32(0xFFFF0000)
    below, above = low.view(np.float32), (low + np.uint32(0x10000)).view(np.float32)
    value = values.astype(np.float64)
    down, up = np.abs(value - below.astype(np.float64)), np.abs(above.astype(np.float64) - value)
    even = (low >> np.uint32(16)) % 2 == 0
    return np.where((down < up) | ((down == up) & even), below, above)
