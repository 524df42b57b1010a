"""The fixtures' base as dense float64 arrays, by safetensors and plain arithmetic, and another base made from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def dense(base: Path) -> dict[str, Array]:
    """Every tensor of a checkpoint of BF16 or F32 shards."""
    found: dict[str, Array] = {}
    for file in sorted(base.glob("*.safetensors")):
        found |= tensors(file)
    return found


def tensors(file: Path) -> dict[str, Array]:
    """Every tensor of one file of BF16, F16 or F32."""
    import safetensors

    rows = safetensors.deserialize(file.read_bytes())
    return {name: _values(entry).reshape(entry["shape"]) for name, entry in rows}


def _values(entry: dict[str, Any]) -> Array:
    if entry["dtype"] == "BF16":
        wide = np.frombuffer(entry["data"], "<u2").astype(np.uint32) << 16
        return wide.view(np.float32).astype(np.float64)
    return np.frombuffer(entry["data"], {"F16": "<f2", "F32": "<f4"}[entry["dtype"]]).astype(np.float64)


def other_units(base: Path, target: Path, seed: int) -> Path:
    """Write the same model with its hidden units in another order: equal in function, spectra and shapes."""
    from safetensors.numpy import save_file

    target.mkdir(parents=True)
    config = json.loads((base / "config.json").read_text())
    order = np.random.default_rng(seed).permutation(config["hidden_size"])
    changed = {}
    for name, values in dense(base).items():
        if name.endswith(("o_proj.weight", "down_proj.weight")) or values.ndim == 1:
            values = values[order]
        elif values.shape[1] == order.size:
            values = values[:, order]
        changed[name] = np.ascontiguousarray(values, np.float32)
    save_file(changed, target / "model.safetensors")
    (target / "config.json").write_text(json.dumps(config))
    return target
