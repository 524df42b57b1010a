"""Which changes a number format swallows: W + δ rounds back to W. Decided entry by entry, without adding anything."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from loradiag.linalg.widen import Array, Raw, widen

Mask = npt.NDArray[np.bool_]


class Margins(NamedTuple):
    """For every code of a format: the least and the largest δ that round-to-nearest, ties to even, takes back to it."""

    low: Array
    high: Array


def swallowed(raw: Raw, dtype: str, delta: Array) -> int:
    """Count the entries that δ ≠ 0 changes, and that come out unchanged when W + δ is rounded to ``dtype``.

    Args:
        raw: W in the carrier type of ``dtype``.
        dtype: F32, F16, BF16 or an FP8 format; F64 numbers are compared after rounding.
        delta: δ in float64, of the same shape.
    """
    if dtype in ("BF16", "F16", "F8_E4M3", "F8_E5M2"):
        margins = margins_of(dtype)
        codes = raw.view("u2" if raw.dtype.itemsize == 2 else "u1")
        # Every code is in the table; telling take so spares it a check that costs five times the look-up.
        lost = delta >= np.take(margins.low, codes, mode="clip")
        lost &= delta <= np.take(margins.high, codes, mode="clip")
    elif dtype == "F32":
        lost = _in_single(raw, delta)
    else:
        values = raw.astype(np.float64)
        lost = values + delta == values
    return int(np.count_nonzero(lost & (delta != 0)))


def _in_single(raw: Raw, delta: Array) -> Mask:
    """The same for FP32, whose codes are too many for a table: half the distance to the next number on either side."""
    values = raw.astype(np.float32, copy=False)
    odd = values.view(np.uint32) & np.uint32(1) == 1
    wide = values.astype(np.float64)
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # beyond the largest lies infinity, as far again as the one below
        up = np.nextafter(values, np.float32(np.inf)).astype(np.float64) - wide
        down = wide - np.nextafter(values, np.float32(-np.inf)).astype(np.float64)
    up, down = (np.where(np.isfinite(near), near, far) / 2 for near, far in ((up, down), (down, up)))
    inside: Mask = np.where(odd, (delta < up) & (delta > -down), (delta <= up) & (delta >= -down))
    return inside & np.isfinite(wide)


@lru_cache(maxsize=8)
def margins_of(dtype: str) -> Margins:
    """Tables over all codes of a format of 8 or 16 bits. NaN and infinity get an empty interval: nothing is swallowed."""
    codes = np.arange(256 if dtype.startswith("F8") else 65536)
    carrier = {"BF16": "<u2", "F16": "<u2"}.get(dtype, "u1")
    raw = codes.astype(carrier)
    values = widen(raw.view("<f2") if dtype == "F16" else raw, dtype)
    low, high = np.full(codes.size, np.inf), np.full(codes.size, -np.inf)
    finite = np.flatnonzero(np.isfinite(values))
    ordered = np.unique(values[finite])
    place = np.searchsorted(ordered, values[finite])
    step_up = np.diff(ordered, append=2 * ordered[-1] - ordered[-2])  # beyond the largest lies infinity, as far again
    step_down = np.diff(ordered, prepend=2 * ordered[0] - ordered[1])
    up, down = step_up[place] / 2, step_down[place] / 2
    # A tie goes to the neighbour whose last bit is 0; an odd code loses both of its ties.
    odd = (codes[finite] & 1) == 1
    high[finite] = np.where(odd, np.nextafter(up, 0.0), up)
    low[finite] = np.where(odd, -np.nextafter(down, 0.0), -down)
    return Margins(low, high)
