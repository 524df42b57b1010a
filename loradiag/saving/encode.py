"""From a weight as a format keeps it to the tensors of a checkpoint, under the names that transformers reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from loradiag.bases.model import Base
from loradiag.core.dtypes import TORCH_NAMES
from loradiag.core.lazy import require
from loradiag.linalg.formats import Stored
from loradiag.saving.jobs import Job
from loradiag.storage.tensors import Tensor

_NESTED_BLOCK = 256


class Ready(msgspec.Struct, frozen=True):
    """A tensor that only needs to be written.

    Attributes:
        name: As the file will spell it.
        dtype: As safetensors calls it.
        shape: Its extents.
        data: Its bytes in row-major order.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: Any


def encoded(job: Job, stored: Sequence[Stored]) -> Iterator[Ready]:
    """Give the tensors of a weight.

    Args:
        job: What it is.
        stored: Its matrices: several of a stack, else one.
    """
    torch = require("torch", "merge")
    name = job.weight.name
    if job.way.storage in ("nf4", "fp4"):
        yield from _four_bits(name, job.way.storage, stored[0], job.weight.shape)
    elif job.way.storage == "int8":
        parts = stored[0].parts
        yield _ready(name, parts["codes"])
        yield _ready(f"{name.removesuffix('.weight')}.SCB", parts["scales"].float().reshape(-1))
        yield _ready(f"{name.removesuffix('.weight')}.weight_format", torch.zeros((), dtype=torch.uint8))
    else:
        yield _ready(name, torch.cat([one.values for one in stored]).reshape(job.shape))


def copied(name: str, base: Base) -> Iterator[Ready]:
    """The tensors of a quantized weight as the base has them."""
    stem = name.removesuffix(".weight")
    for other, tensor in base.tensors.items():
        if other == name or other.startswith(f"{name}.") or other in (f"{stem}.SCB", f"{stem}.weight_format"):
            yield as_stored(other, tensor)


def as_stored(name: str, tensor: Tensor) -> Ready:
    """A tensor of the base, bit for bit."""
    return Ready(name, tensor.dtype, tuple(tensor.shape), tensor.read().tobytes())


def _four_bits(name: str, kind: str, stored: Stored, shape: tuple[int, int]) -> Iterator[Ready]:
    """What ``QuantState.as_dict(packed=True)`` of bitsandbytes gives, beside the codes."""
    torch, functional = require("torch", "merge"), require("bitsandbytes.functional", "merge")
    parts: Mapping[str, Any] = stored.parts
    state = {
        "quant_type": kind,
        "blocksize": parts["block"],
        "dtype": str(parts["dtype"]).removeprefix("torch."),
        "shape": list(shape),
    }
    yield _ready(name, parts["codes"].reshape(-1, 1))
    yield _ready(f"{name}.absmax", parts["absmax"])
    yield _ready(f"{name}.quant_map", functional.get_4bit_type(kind, device="cpu"))
    if "nested" in parts:
        nested = parts["nested"]
        state |= {"nested_blocksize": _NESTED_BLOCK, "nested_dtype": "float32", "nested_offset": float(parts["offset"])}
        yield _ready(f"{name}.nested_absmax", nested.absmax)
        yield _ready(f"{name}.nested_quant_map", nested.code)
    text = torch.frombuffer(bytearray(json.dumps(state).encode()), dtype=torch.uint8)
    yield _ready(f"{name}.quant_state.bitsandbytes__{kind}", text)


def _ready(name: str, tensor: Any) -> Ready:
    torch = require("torch", "merge")
    plain = tensor.detach().cpu().contiguous()
    data = plain.reshape(-1).view(torch.uint8).numpy().tobytes()
    return Ready(name, TORCH_NAMES[str(plain.dtype)], tuple(plain.shape), data)
