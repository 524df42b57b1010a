"""What a route will erase, before anything is merged: the gain that a Gaussian weight with a Gaussian update has.

An update that is small beside the distance of neighbouring code points is rounded back where the weight lies on a code
point, and survives on average where the weight lies anywhere. So a fold into dequantized 4-bit weights that is quantized
again erases what the same quantizer, given the 16-bit sum, keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from loradiag.analyzers.merge.routes import ORIGINAL, Route, Settings
from loradiag.linalg.narrow import narrow
from loradiag.linalg.widen import Array, widen

_ROWS, _COLS = 64, 4096
"""Of the Gaussian matrix: large enough that the gain is within 0.01 for updates from a thousandth of the weight on."""

_SIGMA = 0.02
_SEED = 7
_RATIOS = tuple(float(ratio) for ratio in np.geomspace(1e-4, 1.0, 17))

# Code points of bitsandbytes' 4-bit formats, scaled to a largest magnitude of 1: quantiles of a Gaussian (NF4), and sign,
# two bits of exponent and one of mantissa (FP4).
_NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
_FP4_HALF = (0.0, 0.0052083333, 0.16666667, 0.25, 0.33333333, 0.5, 0.66666667, 1.0)
_FP4 = tuple(sorted({*_FP4_HALF, *(-value for value in _FP4_HALF)}))


def predicted_gain(route: Route, relative: float, settings: Settings, carrier: str) -> float:
    """The gain ⟨U, Δ⟩/‖Δ‖² to expect of a route.

    Args:
        route: The route.
        relative: ‖Δ‖_F/‖W‖_F of the module.
        settings: Of 4-bit formats.
        carrier: The 16-bit format in which the base is held.
    """
    storage = route.storage if route.inplace or route.storage in _PLAIN else carrier
    # A quantizer that is given a weight between its code points rounds up as often as down: on average it takes nothing.
    # What is lost then was lost in the 16 bits before.
    start = storage if route.source == ORIGINAL else carrier  # plain routes hold the base in their own type
    gains = _curve(storage, route.inplace, settings.block_size, start)
    return float(np.interp(np.log(max(relative, _RATIOS[0])), np.log(_RATIOS), gains))


@lru_cache(maxsize=64)
def _curve(storage: str, inplace: bool, block: int, held: str) -> tuple[float, ...]:
    generator = np.random.default_rng(_SEED)
    start = _PLAIN[held](generator.standard_normal((_ROWS, _COLS)) * _SIGMA)
    update = generator.standard_normal((_ROWS, _COLS)) * _SIGMA
    if inplace:
        start = _PLAIN["fp32" if storage == "int8" else held](_round(start, storage, block))
    gains = []
    for ratio in _RATIOS:
        delta = update * ratio
        kept = _round(start + delta, storage, block) - start
        gains.append(float(np.vdot(kept, delta) / np.vdot(delta, delta)))
    return tuple(gains)


def _round(values: Array, storage: str, block: int) -> Array:
    if storage in _PLAIN:
        return _PLAIN[storage](values)
    if storage == "int8":
        scale = np.abs(values).max(axis=1, keepdims=True) / 127
        whole: Array = np.rint(values / scale) * scale
        return whole
    return _nearest(values, np.array(_NF4 if storage == "nf4" else _FP4), block)


def _nearest(values: Array, points: Array, block: int) -> Array:
    blocks = values.reshape(-1, block)
    scale = np.abs(blocks).max(axis=1, keepdims=True)
    middles = (points[1:] + points[:-1]) / 2
    found: Array = (points[np.searchsorted(middles, blocks / scale)] * scale).reshape(values.shape)
    return found


def _plain(dtype: str) -> Callable[[npt.NDArray[np.float64]], Array]:
    return lambda values: widen(narrow(values, dtype), dtype)


_PLAIN: Mapping[str, Callable[[Array], Array]] = {"bf16": _plain("BF16"), "fp16": _plain("F16"), "fp32": _plain("F32")}
