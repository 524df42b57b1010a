"""From the tensors of a checkpoint to its weights: which tensor is one, and which are the parts of a quantized one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from loradiag.bases import bitsandbytes
from loradiag.bases.model import StoredRows, Weight
from loradiag.core.dtypes import DTYPES
from loradiag.core.text import printable, shorten
from loradiag.storage.tensors import Tensor

# What stands beside, or in the place of, a weight that a scheme other than bitsandbytes has packed.
_PACKED = (
    ".qweight",
    ".qzeros",
    ".g_idx",
    ".scales",
    ".weight_packed",
    ".weight_scale",
    ".weight_scale_inv",
    ".weight_zero_point",
    ".weight_shape",
    "_blocks",
    "_scales",
)


class Found(msgspec.Struct, frozen=True):
    """See the attributes of the same names of :class:`loradiag.bases.model.Base`."""

    weights: dict[str, Weight]
    shapes: dict[str, tuple[int, ...] | None]
    scheme: str | None
    obstacle: str | None


def weights_of(tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> Found:
    """Sort the tensors of a checkpoint. What is packed in a way that cannot be read is left out, with the reason.

    Raises:
        InputError: A quantized weight's description of itself makes no sense.
    """
    quantized, parts = bitsandbytes.quantized(tensors)
    weights: dict[str, Weight] = dict(quantized)
    shapes: dict[str, tuple[int, ...] | None] = {name: weight.shape for name, weight in quantized.items()}
    packed = {_stem(name) for name in tensors if name.endswith(_PACKED) and name not in parts}
    for name, tensor in tensors.items():
        if name in weights or name in parts or name.endswith(_PACKED):
            continue
        readable = tensor.dtype in DTYPES and DTYPES[tensor.dtype].floating
        if not readable or name.removesuffix(".weight") in packed:
            if name.endswith(".weight"):
                packed.add(name.removesuffix(".weight"))
            continue
        shapes[name] = tensor.shape
        weights[name] = plain(name, tensor)
    shapes |= {f"{stem}.weight": None for stem in packed}
    scheme = _scheme(config) or ("bitsandbytes" if quantized else "packed" if packed else None)
    return Found(weights, shapes, scheme, _obstacle(scheme, len(packed)) if packed else None)


def plain(name: str, tensor: Tensor) -> Weight:
    """A tensor of plain numbers as a matrix: a vector is one column, a kernel is flattened, a stack of matrices is one."""
    if len(tensor.shape) < 2:
        rows, cols = tensor.size, 1
    elif len(tensor.shape) == 3 and not name.endswith(".weight"):
        rows, cols = tensor.shape[0] * tensor.shape[1], tensor.shape[2]  # the experts of a layer, one below the other
    else:
        rows, cols = tensor.shape[0], math.prod(tensor.shape[1:])
    return Weight(name, (rows, cols), tensor.dtype, (StoredRows(tensor, rows, cols),))


def _stem(name: str) -> str:
    return next(name.removesuffix(suffix) for suffix in _PACKED if name.endswith(suffix))


def _scheme(config: Mapping[str, Any]) -> str | None:
    settings = config.get("quantization_config")
    method = settings.get("quant_method") if isinstance(settings, Mapping) else None
    return shorten(printable(method), 40) if isinstance(method, str) else None


def _obstacle(scheme: str | None, count: int) -> str:
    return f"{count:,} of its weights are packed ({scheme}): name the 16-bit checkpoint that it was made from"
