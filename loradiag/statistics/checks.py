"""What every function here asks of its arguments. All raise ValueError with a line that names the argument."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]

_NOISE = 1e-14
"""Relative to the values that were subtracted: some fifty units in the last place."""


def vector(values: npt.ArrayLike, name: str) -> Floats:
    """Return finite real numbers, at least one, as float64 [n]. Booleans count as 0 and 1.

    Raises:
        ValueError: They are not that.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name}: one value a document is needed, not an array of shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name}: there are no documents")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: values must be real numbers, not {array.dtype}")
    numbers = array.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        raise ValueError(f"{name}: the value of document {bad[0]} is not finite ({bad.size} such)")
    return numbers


def pair(base: npt.ArrayLike, adapter: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the values of both models, one of each a document.

    Raises:
        ValueError: As :func:`vector`, or their lengths differ.
    """
    first, second = vector(base, "base"), vector(adapter, "adapter")
    if first.size != second.size:
        raise ValueError(f"base has {first.size} documents and adapter {second.size}: they must be the same documents")
    return first, second


def is_binary(*arrays: Floats) -> bool:
    """Say whether there is nothing but zeros and ones."""
    return all(bool(np.all((array == 0) | (array == 1))) for array in arrays)


def inside(value: float, name: str) -> float:
    """Return a number strictly between 0 and 1: a confidence level, a power.

    Raises:
        ValueError: It is not.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")
    return float(value)


def at_least(value: float, least: float, name: str) -> float:
    """Return a finite number that is no less than ``least``.

    Raises:
        ValueError: It is not.
    """
    if not least <= value < np.inf:
        raise ValueError(f"{name} must be finite and at least {least}, not {value}")
    return float(value)


def whole(value: float, least: int, name: str) -> int:
    """Return a whole number that is no less than ``least``.

    Raises:
        ValueError: It is not.
    """
    if not at_least(value, least, name).is_integer():
        raise ValueError(f"{name} must be a whole number, not {value}")
    return int(value)


def negligible(size: float, *values: Floats) -> bool:
    """Say whether a standard error, or the largest of differences, is no more than rounding leaves of such values.

    .4 − .3 and .8 − .7 differ in the last place: without this they would have a standard error, and an interval.
    """
    return size <= _NOISE * max(float(np.max(np.abs(array))) for array in values)


def are_same(base: Floats, adapter: Floats) -> bool:
    """Say whether no document's value differs, but for rounding."""
    return negligible(float(np.max(np.abs(adapter - base))), base, adapter)
