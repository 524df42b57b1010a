"""Bases made from that of the fixtures: tied, with other tokens, in unreadable numbers; and a small mixture of experts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.validity.cases import FIXTURES
from benchmarks.validity.planting import CONFIG, WEIGHTS, Arrays
from benchmarks.validity.weights import dense

BASE = FIXTURES / "base"
HIDDEN, EXPERTS, LAYERS = 32, 4, 4


def rewritten(target: Path, change: Any, **config: Any) -> Path:
    """The base with its tensors changed, in FP32, and other entries of its configuration."""
    from safetensors.numpy import save_file

    target.mkdir(parents=True)
    arrays = {name: np.ascontiguousarray(value, np.float32) for name, value in dense(BASE).items()}
    save_file(change(arrays), target / "model.safetensors", {"format": "pt"})
    told = json.loads((BASE / "config.json").read_text())
    (target / "config.json").write_text(json.dumps({**told, **config}))
    return target


def tied(target: Path) -> Path:
    """One weight for embedding and head."""
    return rewritten(
        target, lambda arrays: {k: v for k, v in arrays.items() if k != "lm_head.weight"}, tie_word_embeddings=True
    )


def more_tokens(target: Path, count: int) -> Path:
    """A vocabulary that is larger by some tokens."""

    def longer(arrays: Arrays) -> Arrays:
        names = ("model.embed_tokens.weight", "lm_head.weight")
        return {k: np.concatenate([v, v[:count]]) if k in names else v for k, v in arrays.items()}

    return rewritten(target, longer, vocab_size=640 + count)


def whole_numbers(target: Path, leaf: str) -> Path:
    """Some weights are stored as whole numbers with scales of an unknown scheme."""

    def coded(arrays: Arrays) -> Arrays:
        found = dict(arrays)
        for name, value in arrays.items():
            if f".{leaf}." in name:
                found[name] = np.clip(np.rint(value * 100), -127, 127).astype(np.int8)
        return found

    return rewritten(target, coded, quantization_config={"quant_method": "unheard-of"})


def experts(target: Path) -> Path:
    """A mixture of experts of random weights, by the names of Mixtral."""
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)
    shapes = {"model.embed_tokens.weight": (60, HIDDEN), "lm_head.weight": (60, HIDDEN)}
    for layer in range(LAYERS):
        stem = f"model.layers.{layer}"
        shapes |= {
            f"{stem}.self_attn.{leaf}.weight": (HIDDEN, HIDDEN) for leaf in ("q_proj", "k_proj", "v_proj", "o_proj")
        }
        shapes[f"{stem}.block_sparse_moe.gate.weight"] = (EXPERTS, HIDDEN)
        for expert in range(EXPERTS):
            own = f"{stem}.block_sparse_moe.experts.{expert}"
            shapes |= {
                f"{own}.w1.weight": (64, HIDDEN),
                f"{own}.w2.weight": (HIDDEN, 64),
                f"{own}.w3.weight": (64, HIDDEN),
            }
    target.mkdir(parents=True)
    arrays = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
    save_file(arrays, target / "model.safetensors", {"format": "pt"})
    config = {"model_type": "mixtral", "num_local_experts": EXPERTS, "tie_word_embeddings": False}
    (target / "config.json").write_text(json.dumps(config))
    return target


def for_experts(target: Path, modules: list[str], targets: list[str], seed: int) -> Path:
    """An adapter of random factors on some modules of every layer of that mixture."""
    from safetensors.numpy import save_file

    rng = np.random.default_rng(seed)
    arrays = {}
    for layer in range(LAYERS):
        for module in modules:
            d_out, d_in = (
                (HIDDEN, 64) if module.endswith("w2") else (64, HIDDEN) if "experts" in module else (HIDDEN,) * 2
            )
            name = f"base_model.model.model.layers.{layer}.{module}"
            arrays[f"{name}.lora_A.weight"] = rng.normal(0, 0.1, (4, d_in)).astype(np.float32)
            arrays[f"{name}.lora_B.weight"] = rng.normal(0, 0.02, (d_out, 4)).astype(np.float32)
    target.mkdir(parents=True)
    save_file(arrays, target / WEIGHTS, {"format": "pt"})
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 8, "target_modules": targets}
    (target / CONFIG).write_text(json.dumps({**config, "base_model_name_or_path": "owner/mixture"}))
    return target


def copied(source: Path, target: Path, **config: Any) -> Path:
    """An adapter with other entries of its configuration."""
    shutil.copytree(source, target)
    file = target / CONFIG
    file.write_text(json.dumps({**json.loads(file.read_text()), **config}))
    return target
