"""Formats, as round trips in plain numpy and torch: what a model computes with after a weight was stored in them.

Nothing of loradiag or bitsandbytes is in here: NF4 and FP4 by their code books, without double quantization; LLM.int8() and
FP8 by rows; GGUF's by the package of llama.cpp's authors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
BLOCK = 64

# Dettmers et al. 2023, appendix E; FP4 as bitsandbytes has it: one sign, two bits of exponent, one of mantissa.
NF4 = np.array([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634,
    0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0])  # fmt: skip
_FP4 = np.array([0.0, 0.0052083333, 0.16666667, 0.25, 0.33333333, 0.5, 0.66666667, 1.0])
FP4 = np.unique(np.concatenate([-_FP4, _FP4]))


def bf16(values: Array) -> Array:
    """To nearest, ties to even."""
    import torch

    return _through(values, torch.bfloat16)


def fp16(values: Array) -> Array:
    """The same in half precision: what is too large becomes infinite."""
    import torch

    return _through(values, torch.float16)


def fp32(values: Array) -> Array:
    """As it is."""
    return np.asarray(values, np.float32)


def _through(values: Array, dtype: Any) -> Array:
    import torch

    found: Array = torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(dtype).float().numpy()
    return found


def _blocks(book: Array) -> Callable[[Array], Array]:
    """Of every 64 entries in a row the largest is a scale; each is the nearest of sixteen numbers times that."""
    middles = (book[1:] + book[:-1]) / 2

    def stored(values: Array) -> Array:
        flat = np.asarray(values, np.float32).reshape(-1)
        padded = np.zeros(-(-flat.size // BLOCK) * BLOCK, np.float32)
        padded[: flat.size] = flat
        rows = padded.reshape(-1, BLOCK)
        scale = np.abs(rows).max(axis=1, keepdims=True)
        near = np.searchsorted(middles, rows / np.where(scale > 0, scale, 1))
        return np.asarray((book[near] * scale).reshape(-1)[: flat.size].reshape(values.shape), np.float32)

    return stored


def int8(values: Array) -> Array:
    """LLM.int8(): of every row the largest is 127."""
    half = fp16(values)
    scale = np.abs(half).max(axis=1, keepdims=True) / 127
    return np.asarray(np.rint(half / np.where(scale > 0, scale, 1)) * scale, np.float32)


def fp8(values: Array) -> Array:
    """E4M3 with a scale a row."""
    import torch

    wide = bf16(values)
    scale = np.abs(wide).max(axis=1, keepdims=True) / 448
    codes = torch.from_numpy(wide / np.where(scale > 0, scale, 1)).to(torch.float8_e4m3fn).float().numpy()
    return np.asarray(codes * scale, np.float32)


def _gguf(name: str) -> Callable[[Array], Array]:
    def stored(values: Array) -> Array:
        import gguf

        kind = getattr(gguf.GGMLQuantizationType, name)
        wide = np.ascontiguousarray(values, np.float32)
        return np.asarray(gguf.quants.dequantize(gguf.quants.quantize(wide, kind), kind), np.float32)

    return stored


nf4, fp4 = _blocks(NF4), _blocks(FP4)
Fold = Callable[[Array, Array], Array]
"""The weight of the base as its checkpoint has it, and the change in FP64 -> what the merged model computes with."""


def _folded(store: Callable[[Array], Array], carrier: Callable[[Array], Array] = bf16) -> Fold:
    return lambda weight, change: store(carrier(weight + change))


def _in_place(store: Callable[[Array], Array]) -> Fold:
    return lambda weight, change: store(store(weight) + change)


def _from(source: Callable[[Array], Array]) -> Fold:
    return lambda weight, change: bf16(bf16(source(weight)) + change)


ROUTES: Mapping[str, Fold] = {
    "bf16": lambda weight, change: bf16(weight + change),
    "fp16": lambda weight, change: fp16(weight + change),
    "fp32": lambda weight, change: fp32(weight + change),
    "nf4": _folded(nf4),
    "nf4-inplace": _in_place(nf4),
    "bf16-from-nf4": _from(nf4),
    "fp4": _folded(fp4),
    "fp4-inplace": _in_place(fp4),
    "bf16-from-fp4": _from(fp4),
    "int8": _folded(int8),
    "int8-inplace": _in_place(int8),
    "bf16-from-int8": _from(int8),
    "fp8-e4m3": _folded(fp8),
    "q8_0": _folded(_gguf("Q8_0")),
    "q4_0": _folded(_gguf("Q4_0")),
}

WHOLE = ("bf16", "fp16", "fp32", "q8_0", "q4_0")
"""Routes that store embedding and head in their format too; the others leave both in BF16."""
