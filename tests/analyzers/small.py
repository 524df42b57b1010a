"""Small bases and adapters written by tests: shapes by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import write_safetensors

Shapes = Mapping[str, tuple[int, ...]]

LLAMA = {"model_type": "llama", "tie_word_embeddings": False}


def llama_shapes(layers: int = 4, prefix: str = "model.", d_in: int = 48, d_out: int = 32, rows: int = 60) -> Shapes:
    """A base that ``tests.conftest.peft_arrays`` fits: attention, an MLP, norms, an embedding and a head."""
    shapes: dict[str, tuple[int, ...]] = {f"{prefix}embed_tokens.weight": (rows, d_in)}
    for layer in range(layers):
        stem = f"{prefix}layers.{layer}"
        shapes |= {f"{stem}.self_attn.{leaf}.weight": (d_out, d_in) for leaf in ("q_proj", "v_proj")}
        shapes |= {f"{stem}.mlp.up_proj.weight": (64, d_in), f"{stem}.mlp.down_proj.weight": (d_in, 64)}
        shapes[f"{stem}.input_layernorm.weight"] = (d_in,)
    return shapes | {"lm_head.weight": (rows, d_in)}


def write_base(folder: Path, shapes: Shapes, **config: Any) -> Path:
    """Write a base of random weights."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    write_safetensors(folder / "model.safetensors", {name: rng.normal(0, 0.1, shape) for name, shape in shapes.items()})
    (folder / "config.json").write_text(json.dumps(LLAMA | config))
    return folder


def factors(shapes: Mapping[str, tuple[int, int]], rank: int = 2) -> dict[str, Any]:
    """Factors of PEFT by module, for updates of the shapes [out, in]."""
    rng = np.random.default_rng(1)
    arrays = {}
    for name, (d_out, d_in) in shapes.items():
        arrays[f"base_model.model.{name}.lora_A.weight"] = rng.normal(0, 0.1, (rank, d_in))
        arrays[f"base_model.model.{name}.lora_B.weight"] = rng.normal(0, 0.1, (d_out, rank))
    return arrays
