"""Numbers to storage formats, to the nearest one; and how far away the nearest can be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from loradiag.linalg.widen import Raw


class Precision(NamedTuple):
    """Of a storage format: the largest relative error of rounding to nearest, and half its least positive number."""

    relative: float
    absolute: float


PRECISIONS = {
    "F64": Precision(2.0**-53, 0.0),
    "F32": Precision(2.0**-24, 2.0**-150),
    "F16": Precision(2.0**-11, 2.0**-25),
    # A hair above 2⁻⁸: values pass through F32 on the way, so ties are rounded twice.
    "BF16": Precision(2.0**-8 + 2.0**-23, 2.0**-134),
}
"""The formats that :func:`narrow` writes. Eight bits are not among them: factors rounded to 8 bits are no longer those of
the nearest update."""


def narrow(values: npt.NDArray[np.floating], dtype: str) -> Raw:
    """Return ``values`` rounded to ``dtype`` (to nearest, ties to even), in its carrier type.

    What is out of range becomes infinite, and NaN stays NaN.

    Args:
        values: Float64, or float32.
        dtype: A key of :data:`PRECISIONS`.

    Raises:
        KeyError: ``dtype`` is none of :data:`PRECISIONS`.
    """
    with np.errstate(over="ignore"):
        if dtype != "BF16":
            return np.ascontiguousarray(values, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype])
        single = np.ascontiguousarray(values, "<f4")
    bits = single.view("<u4")
    # Add just under half of the last place kept, and one more if that place is odd.
    rounded = ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype("<u2")
    lost = np.isnan(single)
    if lost.any():  # a mantissa full of ones would carry over into the sign, and come out as zero
        rounded[lost] = 0x7FC0
    return rounded
