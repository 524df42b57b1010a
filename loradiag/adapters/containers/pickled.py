"""``.bin`` and ``.pt`` files. They are pickles, so they are read by torch's weights-only loader, and only when allowed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loradiag.adapters.containers.arrays import ArrayContainer
from loradiag.core.errors import InputError
from loradiag.core.lazy import require
from loradiag.core.text import printable

_NAMES = {
    "torch.float64": "F64",
    "torch.float32": "F32",
    "torch.float16": "F16",
    "torch.bfloat16": "BF16",
    "torch.float8_e4m3fn": "F8_E4M3",
    "torch.float8_e5m2": "F8_E5M2",
    "torch.int64": "I64",
    "torch.int32": "I32",
    "torch.int16": "I16",
    "torch.int8": "I8",
    "torch.uint8": "U8",
    "torch.bool": "BOOL",
}


def open_pickled(path: Path, *, allowed: bool) -> ArrayContainer:
    """Read a torch file with the weights-only unpickler, which builds tensors and nothing else.

    A list of tensors gets the names ``list:0``, ``list:1`` and so on; a nested state dict is unwrapped.

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
        content = torch.load(io.BytesIO(path.read_bytes()), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything from RuntimeError to KeyError on damaged or hostile files
        first = printable(str(error).strip().partition("\n")[0])[:160]
        raise InputError(
            path,
            f"cannot be read by torch's weights-only loader ({first})",
            "save it again as safetensors",
            kind="pickle",
        ) from error
    return ArrayContainer(path, "torch", _arrays(torch, content, path))


def _arrays(torch: Any, content: Any, path: Path) -> Iterator[tuple[str, str, tuple[int, ...], Any]]:
    named = _named(torch, content)
    if not named:
        raise InputError(path, "holds no tensors", "name the adapter's weight file", kind="no-adapter")
    for name, tensor in named:
        dense = tensor.detach().contiguous()
        dtype = _NAMES.get(str(dense.dtype), str(dense.dtype))
        bits = {"BF16": torch.int16, "F8_E4M3": torch.uint8, "F8_E5M2": torch.uint8}.get(dtype)
        array = (dense.view(bits) if bits is not None else dense).numpy()
        yield name, dtype, tuple(tensor.shape), array.view("u2") if dtype == "BF16" else array


def _named(torch: Any, content: Any) -> list[tuple[str, Any]]:
    if isinstance(content, (list, tuple)):
        return [(f"list:{index}", item) for index, item in enumerate(content) if torch.is_tensor(item)]
    if not isinstance(content, dict):
        return []
    for wrapper in ("state_dict", "model_state_dict", "module"):
        if isinstance(content.get(wrapper), dict):
            return _named(torch, content[wrapper])
    return [(str(name), item) for name, item in content.items() if torch.is_tensor(item)]
