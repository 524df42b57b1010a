"""Adapters of known spectra, and what a directory holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

Q = "base_model.model.model.layers.{}.self_attn.q_proj"
Arrays = dict[str, np.ndarray[Any, Any]]


def tensors(folder: Path) -> Arrays:
    """Every tensor of a directory's safetensors files, in float64."""
    found: Arrays = {}
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="np") as opened:
            found |= {name: np.asarray(opened.get_tensor(name), np.float64) for name in opened.keys()}  # noqa: SIM118
    return found


def config_of(folder: Path) -> dict[str, Any]:
    """The configuration."""
    return json.loads((folder / "adapter_config.json").read_text())  # type: ignore[no-any-return]


def one(b: Any, a: Any, layer: int = 0) -> Arrays:
    """Factors of one module."""
    name = Q.format(layer)
    return {
        f"{name}.lora_A.weight": np.asarray(a, np.float32),
        f"{name}.lora_B.weight": np.asarray(b, np.float32),
    }


def diagonal(*sigma: float, layer: int = 0) -> Arrays:
    """A module of 9 × 8 whose singular values, without the scale, are ``sigma``; α = 16, r = 8 make the scale 2."""
    b, a = np.zeros((9, 8)), np.zeros((8, 8))
    b[range(len(sigma)), range(len(sigma))] = sigma
    a[range(len(sigma)), range(len(sigma))] = 1
    return one(b, a, layer)
