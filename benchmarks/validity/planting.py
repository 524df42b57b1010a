"""Adapters with one thing planted in them, from a sound one: what is done is the label."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.validity.weights import tensors

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


class Parent:
    """A sound adapter that PEFT wrote, in memory: its tensors and its configuration."""

    def __init__(self, name: str, folder: Path, base: Path | None) -> None:
        self.name, self.folder, self.base = name, folder, base
        self.arrays: Arrays = {key: value.astype(np.float32) for key, value in tensors(folder / WEIGHTS).items()}
        self.config: dict[str, Any] = json.loads((folder / CONFIG).read_text())

    def pairs(self) -> list[tuple[str, str]]:
        """Names of A and B of every module that has both."""
        found = [(name, name.replace("lora_A", "lora_B")) for name in sorted(self.arrays) if "lora_A" in name]
        return [(a, b) for a, b in found if b in self.arrays]

    @property
    def scale(self) -> float:
        """α/r, or α/√r."""
        rank = self.config["r"]
        alpha: float = self.config["lora_alpha"]
        return alpha / (rank**0.5 if self.config.get("use_rslora") else rank)

    def write(self, target: Path, arrays: Arrays | None = None, **config: Any) -> None:
        """Write a copy with other tensors, or other entries of the configuration."""
        from safetensors.numpy import save_file

        target.mkdir(parents=True)
        kept = {name: np.ascontiguousarray(value) for name, value in (arrays or self.arrays).items()}
        save_file(kept, target / WEIGHTS, metadata={"format": "pt"})
        (target / CONFIG).write_text(json.dumps({**self.config, **config}, indent=1))

    def copy(self, target: Path) -> None:
        """Write the files as they are."""
        target.mkdir(parents=True)
        for name in (WEIGHTS, CONFIG):
            shutil.copy(self.folder / name, target / name)


def changed(parent: Parent, change: Callable[[Array, Array], tuple[Array, Array]]) -> Arrays:
    """All pairs of factors, changed."""
    arrays = dict(parent.arrays)
    for a, b in parent.pairs():
        arrays[a], arrays[b] = (np.asarray(value, np.float32) for value in change(arrays[a], arrays[b]))
    return arrays


def zeroed(parent: Parent, count: int, rng: np.random.Generator) -> Arrays:
    """B of ``count`` modules, drawn at random, is zero."""
    arrays = dict(parent.arrays)
    pairs = parent.pairs()
    for place in rng.permutation(len(pairs))[:count]:
        arrays[pairs[place][1]] = np.zeros_like(arrays[pairs[place][1]])
    return arrays


def collapsed(parent: Parent, tail: float, size: float) -> Arrays:
    """The same leading direction; every other singular value is ``tail`` of the first, and the norm ``size`` times as large."""

    def change(a: Array, b: Array) -> tuple[Array, Array]:
        left, core = np.linalg.qr(b.astype(np.float64))
        right, other = np.linalg.qr(a.astype(np.float64).T)
        u, sigma, vt = np.linalg.svd(core @ other.T)
        values = np.full(sigma.size, tail)
        values[0] = 1.0
        values *= size * np.linalg.norm(sigma) / np.linalg.norm(values)
        root = np.sqrt(values)
        return (root[:, None] * vt) @ right.T, (left @ u) * root

    return changed(parent, change)


def scaled(parent: Parent, factor: float) -> Arrays:
    """B times ``factor``: as a run at another rate, or for another time, would have left it."""
    return changed(parent, lambda a, b: (a, b * factor))


def unbalanced(parent: Parent, factor: float) -> Arrays:
    """The same product of a larger and a smaller factor."""
    return changed(parent, lambda a, b: (a / factor, b * factor))


def one_grown(parent: Parent, factor: float, rng: np.random.Generator) -> Arrays:
    """One module in the middle has its B multiplied."""
    arrays = dict(parent.arrays)
    pairs = parent.pairs()
    _, b = pairs[int(rng.integers(len(pairs)))]
    arrays[b] = arrays[b] * np.float32(factor)
    return arrays


def poisoned(parent: Parent, value: float, rng: np.random.Generator) -> Arrays:
    """One entry of one factor is ``value``."""
    arrays = dict(parent.arrays)
    name = sorted(arrays)[int(rng.integers(len(arrays)))]
    arrays[name] = arrays[name].copy()
    arrays[name].reshape(-1)[int(rng.integers(arrays[name].size))] = value
    return arrays


def intruding(parent: Parent, weights: Arrays, strength: float, count: int, rng: np.random.Generator) -> Arrays:
    """``count`` random directions of ``strength`` times the base's σ₁ in every module, in the place of what was trained."""
    arrays = dict(parent.arrays)
    for a, b in parent.pairs():
        weight = weights[a.removeprefix("base_model.model.").replace("lora_A.weight", "weight")]
        rank = arrays[a].shape[0]
        top = strength * np.linalg.norm(weight, 2) / parent.scale
        left, _ = np.linalg.qr(rng.standard_normal((arrays[b].shape[0], count)))
        right, _ = np.linalg.qr(rng.standard_normal((arrays[a].shape[1], count)))
        down, up = np.zeros((rank, arrays[a].shape[1])), np.zeros((arrays[b].shape[0], rank))
        down[:count], up[:, :count] = right.T, left * top
        arrays[a], arrays[b] = down.astype(np.float32), up.astype(np.float32)
    return arrays
