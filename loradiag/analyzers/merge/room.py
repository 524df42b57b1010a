"""Whether a run fits into memory and onto the disk, before it begins."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence

from loradiag.analyzers.merge.routes import Plan
from loradiag.analyzers.pairing import Pair
from loradiag.bases.model import Base
from loradiag.core.errors import UsageError
from loradiag.core.lazy import require
from loradiag.models.tokens import Sequences

_ITEM = {"float32": 4, "bfloat16": 2, "float16": 2}
_SLACK = 1.15
"""Activations, the code itself, and what an allocator does not give back."""


_LOGITS = 4
"""Tables of a batch's logits at one time: those of the model, those that predict a token, and what is computed of them."""

_FIXED = 12
_PER_ROUTE = 4
"""Bytes an entry of the largest weight: W, Δ, their sum and codes; and what the base comes to on each route."""

_WHOLE = 1 << 24
"""Entries of a weight from which its memory is worth a look."""


def check_weights_room(pairs: Sequence[Pair], plan: Plan, device: str) -> None:
    """Compare what the largest weight needs on all routes with what is free.

    Raises:
        UsageError: It would not fit.
    """
    largest = max((pair.weight.size for pair in pairs if pair.weight is not None), default=0)
    if largest < _WHOLE:
        return
    needed = largest * (_FIXED + _PER_ROUTE * len(plan.routes)) * _SLACK
    free = _free_memory() if device == "cpu" else _free_on(device)
    _check("of memory" if device == "cpu" else f"on {device}", needed, free, "name fewer routes with --route")


def check_room(base: Base, sequences: Sequences, compute: str, device: str, batch: int) -> None:
    """Compare what a run of the model needs with what is free.

    Args:
        base: The base.
        sequences: The text.
        compute: The type that the model computes in, as torch calls it.
        device: Where it runs.
        batch: Tokens of a batch at most.

    Raises:
        UsageError: It would not fit; says how much is needed and what to change.
    """
    entries = sum(weight.size for weight in base.weights.values())
    original = sum(weight.size * (4 if weight.dtype == "F32" else 2) for weight in base.weights.values())
    largest = max((weight.size for weight in base.weights.values()), default=0)
    model = entries * _ITEM[compute] + largest * 12  # folding the largest weight: Δ, the sum and its codes
    vocabulary = base.setting("vocab_size")
    width = vocabulary if isinstance(vocabulary, int) else 0
    longest = max((len(ids) for ids in sequences.ids), default=0)
    model += max(batch, longest) * width * 4 * _LOGITS
    on_cpu = original + (model if device == "cpu" else 0)
    _check("of memory", on_cpu * _SLACK, _free_memory(), "lower --batch-tokens, or leave --prompts out")
    if device != "cpu":
        free = _free_on(device)
        _check(f"on {device}", model * _SLACK, free, "lower --batch-tokens, use --device cpu, or leave --prompts out")
    logits = sequences.predicted * width * _ITEM[compute]
    folder = tempfile.gettempdir()
    remedy = f"give fewer or shorter prompts, lower --max-length, or set TMPDIR (now {folder})"
    _check("on disk for the reference's logits", logits, shutil.disk_usage(folder).free, remedy)


def check_model_room(base: Base, compute: str, device: str, *, kept: bool) -> None:
    """Compare what the model alone needs with what is free.

    Args:
        base: The base.
        compute: The type that the model computes in, as torch calls it.
        device: Where it runs.
        kept: Whether the numbers of the checkpoint are kept beside the model.

    Raises:
        UsageError: It would not fit.
    """
    model = sum(weight.size for weight in base.weights.values()) * _ITEM[compute]
    original = sum(weight.size * (4 if weight.dtype == "F32" else 2) for weight in base.weights.values())
    on_cpu = (model if device == "cpu" else 0) + (original if kept or device != "cpu" else 0)
    remedy = (
        "use --compute bf16"
        if compute == "float32" and device == "cpu"
        else "use --device-map auto, or a larger machine"
    )
    _check("of memory", on_cpu * _SLACK, _free_memory(), remedy)
    if device != "cpu":
        _check(f"on {device}", model * _SLACK, _free_on(device), "use --device-map auto, or --device cpu")


def _check(where: str, needed: float, free: int | None, remedy: str) -> None:
    if free is not None and needed > free:
        raise UsageError(f"this needs about {needed / 1e9:.1f} GB {where}, and {free / 1e9:.1f} GB are free; {remedy}")


def _free_memory() -> int | None:
    """Bytes that can be had without swapping; None where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def _free_on(device: str) -> int | None:
    torch = require("torch", "merge")
    if not device.startswith("cuda"):
        return None
    free: int = torch.cuda.mem_get_info(device)[0]
    return free
