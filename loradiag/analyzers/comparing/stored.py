"""What two adapters store whole beside their updates: layers and biases, value by value."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from loradiag.adapters.model import Adapter, Extra
from loradiag.analyzers.saved import weight_name
from loradiag.core.dtypes import DTYPES
from loradiag.linalg.widen import Array, widen
from loradiag.storage.tensors import Tensor

BLOCK = 1 << 22
"""Values of a tensor that are in memory at a time: an embedding has a hundred times as many."""


def stored_alone(first: Adapter, second: Adapter) -> int:
    """How many layers and biases only one of the two stores."""
    return len(_stored(first).keys() ^ _stored(second).keys())


def stored_distance(first: Adapter, second: Adapter) -> float | None:
    """The largest ‖Sₐ − S_b‖_F / max(‖Sₐ‖_F, ‖S_b‖_F) over what both store; None if there is nothing.

    1 where shapes differ or values are not finite: then nothing says that they are one.

    Raises:
        InputError: A file ends before its header says.
    """
    one, other = _stored(first), _stored(second)
    common = sorted(one.keys() & other.keys())
    return max((_distance(one[name].tensor, other[name].tensor) for name in common), default=None)


def _stored(adapter: Adapter) -> dict[str, Extra]:
    """What counts in the trained model, by the names of the base."""
    return {weight_name(extra): extra for extra in adapter.parts.extras if extra.kind in ("saved", "bias")}


def _distance(first: Tensor, second: Tensor) -> float:
    if first.shape != second.shape or not {first.dtype, second.dtype} <= DTYPES.keys():
        return 1.0
    apart = one = other = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for a, b in _blocks(first, second):
            apart, one, other = apart + _square(a - b), one + _square(a), other + _square(b)
    if not math.isfinite(apart + one + other):
        return 1.0
    return math.sqrt(apart / larger) if (larger := max(one, other)) > 0 else 0.0


def _blocks(first: Tensor, second: Tensor) -> Iterator[tuple[Array, Array]]:
    for start in range(0, first.size, BLOCK):
        count = min(BLOCK, first.size - start)
        yield widen(first.read(start, count), first.dtype), widen(second.read(start, count), second.dtype)


def _square(values: Array) -> float:
    return float(values @ values)
