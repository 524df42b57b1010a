"""Whether a run fits into memory and onto the disk, before it begins."""

from __future__ import annotations

import os
import shutil
import tempfile

from loradiag.bases.model import Base
from loradiag.core.errors import UsageError
from loradiag.core.lazy import require
from loradiag.models.tokens import Sequences

_ITEM = {"float32": 4, "bfloat16": 2, "float16": 2}
_SLACK = 1.15
"""Activations, the code itself, and what an allocator does not give back."""


def check_room(base: Base, sequences: Sequences, compute: str, device: str) -> None:
    """Compare what a run needs with what is free.

    Raises:
        UsageError: It would not fit; says how much is needed and what to change.
    """
    entries = sum(weight.size for weight in base.weights.values())
    original = sum(weight.size * (4 if weight.dtype == "F32" else 2) for weight in base.weights.values())
    largest = max((weight.size for weight in base.weights.values()), default=0)
    model = entries * _ITEM[compute] + largest * 12  # folding the largest weight: Δ, the sum and its codes
    on_cpu = original + (model if device == "cpu" else 0)
    _check("of memory", on_cpu * _SLACK, _free_memory(), "use a machine with more, or measure weights only")
    if device != "cpu":
        free = _free_on(device)
        _check(f"on {device}", model * _SLACK, free, "use --device cpu, or measure weights only")
    vocabulary = base.setting("vocab_size")
    width = vocabulary if isinstance(vocabulary, int) else 0
    logits = sequences.predicted * width * _ITEM[compute]
    folder = tempfile.gettempdir()
    remedy = f"give fewer or shorter prompts, lower --max-length, or set TMPDIR (now {folder})"
    _check("on disk for the reference's logits", logits, shutil.disk_usage(folder).free, remedy)


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
