"""``.bin`` and ``.pt`` files. They are pickles, so they are read by torch's weights-only loader, and only when allowed."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from loradiag.core.dtypes import TORCH_NAMES
from loradiag.core.errors import InputError, reason_of
from loradiag.core.lazy import require
from loradiag.storage.arrays import ArrayContainer
from loradiag.storage.tensors import FREE_EXPANSION, MAX_EXPANSION

_WRAPPERS = ("state_dict", "model_state_dict", "module")


def open_pickled(path: Path, *, allowed: bool) -> ArrayContainer:
    """Read a torch file with the weights-only unpickler, which builds tensors and nothing else.

    A list of tensors gets the names ``list:0``, ``list:1`` and so on. Of a trainer's checkpoint the state dict is taken,
    and tensors in dictionaries within dictionaries get dotted names.

    Raises:
        InputError: Reading pickles was not allowed, or the file holds more than tensors, or is damaged.
        MissingExtraError: torch is not installed.
    """
    if not allowed:
        raise InputError(
            path,
            "is a pickle, which loradiag reads only when told to",
            "pass --allow-pickle (torch's weights-only loader, needs loradiag[merge]) or save it as safetensors",
            kind="pickle",
        )
    torch = require("torch", "merge")
    try:
        data = path.read_bytes()
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        named = list(_named(torch, content))
        _check_size(path, len(data), (tensor for _, tensor in named if tensor.layout is torch.strided))
        arrays = [_array(torch, name, tensor) for name, tensor in named]
    except InputError:
        raise
    except Exception as error:  # torch raises anything from RuntimeError to KeyError on damaged or hostile files
        raise InputError(
            path,
            f"cannot be read by torch's weights-only loader ({reason_of(error)})",
            "save it again as safetensors",
            kind="pickle",
        ) from error
    if not arrays:
        raise InputError(path, "holds no tensors", "name the adapter's weight file", kind="no-adapter")
    return ArrayContainer(path, "torch", arrays)


def _check_size(path: Path, size: int, tensors: Iterable[Any]) -> None:
    """Refuse tensors that show the same few numbers again and again: a file of a kilobyte can claim terabytes.

    Raises:
        InputError: They would take an absurd amount of memory.
    """
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor.device.type != "meta")
    if claimed > max(FREE_EXPANSION, MAX_EXPANSION * size):
        raise InputError(path, f"would unpack to {claimed:,} bytes", "save it again as safetensors", kind="header")


def _array(torch: Any, name: str, tensor: Any) -> tuple[str, str, tuple[int, ...], Any]:
    dtype = TORCH_NAMES.get(str(tensor.dtype))
    if dtype is None or tensor.layout is not torch.strided or tensor.device.type == "meta":
        # Sparse, quantized, complex and the like: known by name and shape, and never read.
        odd = str(tensor.dtype if dtype is None else tensor.layout)
        return name, odd, tuple(tensor.shape), np.empty(0)
    dense = tensor.detach().contiguous()
    bits = {"BF16": torch.int16, "F8_E4M3": torch.uint8, "F8_E5M2": torch.uint8}.get(dtype)
    array = (dense.view(bits) if bits is not None else dense).numpy()
    return name, dtype, tuple(tensor.shape), array.view("u2") if dtype == "BF16" else array


def _named(torch: Any, content: Any, prefix: str = "", inside: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield all tensors of nested dictionaries and lists. A pickle can hold itself, which is not gone into again."""
    if torch.is_tensor(content):
        yield prefix or "list:0", content
        return
    if id(content) in inside:
        return
    inside = (*inside, id(content))
    if isinstance(content, (list, tuple)):
        for index, item in enumerate(content):
            yield from _named(torch, item, f"{prefix or 'list'}:{index}", inside)
    elif isinstance(content, dict):
        wrapped = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), dict)), None)
        if wrapped is not None:
            yield from _named(torch, wrapped, prefix, inside)
            return
        for key, item in content.items():
            yield from _named(torch, item, f"{prefix}.{key}" if prefix else str(key), inside)
