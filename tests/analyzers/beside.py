"""Fixtures beside their base, and what dense arithmetic in float64 says of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.weights import Wanted
from loradiag.bases.opening import open_base
from tests.conftest import FIXTURES

Matrix = npt.NDArray[np.float64]
BASE = FIXTURES / "base"
LORA = ["diverged", "healthy", "partly_dead", "rslora", "embedding_lora"]


def inspection(adapter: Path, base: Path = BASE, **wanted: Any) -> Inspection:
    """An adapter beside a base."""
    return Inspection(open_adapter(adapter), base=open_base(base), wanted=Wanted(**wanted))


def tensors(folder: Path) -> dict[str, Matrix]:
    """Every tensor of a checkpoint in float64, read by safetensors and widened by torch."""
    import torch
    from safetensors.torch import load_file

    found: dict[str, Matrix] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found |= {name: tensor.to(torch.float64).numpy() for name, tensor in load_file(file).items()}
    return found


def dense_merges(adapter: Path, base: Path = BASE) -> dict[str, tuple[Matrix, Matrix]]:
    """W and W′ by module, of plain LoRA and DoRA: written out from PEFT's documentation."""
    config = json.loads((adapter / "adapter_config.json").read_text())
    ours, theirs = tensors(adapter), tensors(base)
    scales = {module.name: module.scale.value for module in open_adapter(adapter).modules}
    found = {}
    for name, scale in scales.items():
        stem = f"base_model.model.{name}"
        old = theirs[f"{name}.weight"]
        if f"{stem}.lora_embedding_A" in ours:
            delta = (ours[f"{stem}.lora_embedding_B"] @ ours[f"{stem}.lora_embedding_A"]).T * scale
        else:
            delta = ours[f"{stem}.lora_B.weight"] @ ours[f"{stem}.lora_A.weight"] * scale
        new = old + delta
        if config["use_dora"]:
            new = new / np.linalg.norm(new, axis=1, keepdims=True)
            new *= ours[f"{stem}.lora_magnitude_vector"].reshape(-1, 1)
        found[name] = (old, new)
    return found


def relabelled(folder: Path, source: Path = BASE) -> Path:
    """A base of the same function whose hidden units have another order: every weight that faces the residual stream."""
    import torch
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True)
    shutil.copy(source / "config.json", folder)
    whole: dict[str, Any] = {}
    for file in sorted(source.glob("*.safetensors")):
        whole |= load_file(file)
    size = whole["model.norm.weight"].numel()
    order = torch.from_numpy(np.random.default_rng(7).permutation(size))
    for name, tensor in whole.items():
        writes = name.endswith(("o_proj.weight", "down_proj.weight"))
        whole[name] = tensor[order].contiguous() if writes or tensor.ndim == 1 else tensor[:, order].contiguous()
    save_file(whole, folder / "model.safetensors", {"format": "pt"})
    return folder


def by_name(rows: Any) -> Mapping[str, Any]:
    """Rows of a measurement by module."""
    return {row.name: row for row in rows.modules}
