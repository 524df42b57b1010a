"""From parameters, wherever they lie and however they are sharded, to arrays in this process's memory."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from loradiag.core.dtypes import DTYPES, TORCH_NAMES
from loradiag.core.lazy import require

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Stored = tuple[str, tuple[int, ...], "npt.NDArray[np.generic]"]
"""Name of the storage format, shape, and the elements, flat, in the format's carrier type."""


def sharded(parameters: Iterable[Any]) -> bool:
    """Whether a parameter lies in parts on several processes, so that all of them must join in to read it."""
    return any(_in_parts(parameter) or hasattr(parameter, "ds_id") for parameter in parameters)


def copied(parameters: Mapping[str, Any], device: Any, *, keep: bool) -> dict[str, Stored]:
    """Copy parameters to this process's memory. Where they are sharded, every process must call this.

    Args:
        parameters: By name, in the same order in every process.
        device: Where this process computes: collective operations need tensors there.
        keep: Whether this process wants the copies; the others only take part.

    Returns:
        The copies by name; none without ``keep``.
    """
    torch = require("torch", "merge")
    found: dict[str, Any] = {}
    fetched: dict[str, Any] = {}
    with torch.no_grad(), _zero3(parameters.values()):
        for name, parameter in parameters.items():
            tensor = _whole(parameter.detach(), device)
            if keep:
                # From a GPU all copies are under way at once, into pinned memory, and waited for together. It is where the
                # tensor lies that decides: shards that are offloaded to the CPU are gathered on the GPU.
                found[name] = tensor.to("cpu", non_blocking=True)
                if tensor.is_cuda:
                    fetched[name] = tensor.device
        for where in set(fetched.values()):
            torch.cuda.current_stream(where).synchronize()
        return {name: _stored(tensor, torch, own=name in fetched) for name, tensor in found.items()}


def _in_parts(parameter: Any) -> bool:
    return hasattr(parameter, "full_tensor")  # DTensor, what FSDP2 and tensor parallelism make of a parameter


def _whole(tensor: Any, device: Any) -> Any:
    if not _in_parts(tensor):
        return tensor
    if tensor.device.type != device.type:  # offloaded: NCCL gathers on the GPU only
        tensor = tensor.to(device)
    return tensor.full_tensor()


@contextmanager
def _zero3(parameters: Iterable[Any]) -> Iterator[None]:
    """Hold parameters that DeepSpeed's ZeRO-3 has partitioned together, in every process."""
    parts = [parameter for parameter in parameters if hasattr(parameter, "ds_id")]
    # Only DeepSpeed gives parameters a ds_id, so it is imported already.
    gathered = sys.modules["deepspeed"].zero.GatheredParameters(parts) if parts else nullcontext()
    with gathered:
        yield


def _stored(tensor: Any, torch: Any, *, own: bool) -> Stored:
    """The bits of a tensor on the CPU: numpy has no BF16 and no FP8, so they travel as bytes.

    What is not our own is copied by numpy, on this thread: hundreds of small copies by torch's threads wait for each other
    for seconds where something else is at work.
    """
    dtype = TORCH_NAMES.get(str(tensor.dtype), str(tensor.dtype))
    array = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
    array = array if own else array.copy()
    return dtype, tuple(tensor.shape), array.view(DTYPES[dtype].carrier) if dtype in DTYPES else array
