"""Small sound inputs that several targets begin with."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

LAYER = "base_model.model.model.layers"
Stored = tuple[str, tuple[int, ...], bytes]


def pack(shapes: Mapping[str, tuple[int, ...]], dtype: str = "F32", metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file of tensors that look trained."""
    random = np.random.default_rng(0)
    stored: dict[str, Stored] = {}
    for name, shape in shapes.items():
        values = random.normal(0, 0.1, shape).astype("<f4")
        blob = (values.view("<u4") >> 16).astype("<u2").tobytes() if dtype == "BF16" else values.tobytes()
        stored[name] = (dtype, shape, blob)
    return pack_stored(stored, metadata)


def pack_stored(tensors: Mapping[str, Stored], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file of tensors, each with its dtype, shape and bytes."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name, (dtype, shape, blob) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(blob for _, _, blob in tensors.values())


def lay(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write the files of an input into a folder; an empty one is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if content:
            (folder / name).write_bytes(content)
        else:
            (folder / name).unlink(missing_ok=True)
    return folder


def peft_shapes(layers: int = 2, rank: int = 2) -> dict[str, tuple[int, ...]]:
    """Factors of two modules a layer."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(layers):
        for target in ("self_attn.q_proj", "self_attn.v_proj"):
            shapes[f"{LAYER}.{layer}.{target}.lora_A.weight"] = (rank, 8)
            shapes[f"{LAYER}.{layer}.{target}.lora_B.weight"] = (6, rank)
    return shapes


def safetensors() -> list[bytes]:
    """Files of several dtypes, with and without metadata."""
    return [pack(peft_shapes()), pack(peft_shapes(), "BF16"), pack(peft_shapes(1), metadata={"ss_network_alpha": "4"})]


def config(**changes: Any) -> bytes:
    """A configuration of PEFT's."""
    told = {
        "peft_type": "LORA",
        "base_model_name_or_path": "some/base",
        "revision": None,
        "r": 2,
        "lora_alpha": 4,
        "target_modules": ["q_proj", "v_proj"],
        "modules_to_save": None,
        "rank_pattern": {},
        "alpha_pattern": {},
        "fan_in_fan_out": False,
        "bias": "none",
        "use_rslora": False,
        "use_dora": False,
        "layers_to_transform": None,
        "layers_pattern": None,
        "task_type": "CAUSAL_LM",
        "lora_dropout": 0.1,
        "init_lora_weights": True,
        "exclude_modules": None,
        "trainable_token_indices": None,
        "target_parameters": None,
        "peft_version": "0.18.0",
    }
    return json.dumps({**told, **changes}).encode()


def adapter_files() -> list[tuple[bytes, bytes]]:
    """Configuration and weights of small adapters in every layout that is read."""
    module = f"{LAYER}.0.self_attn.q_proj"
    unet = "unet.down_blocks.0.attentions.0.to_q_lora"
    kohya = "lora_unet_down_blocks_0_attn1_to_q"
    return [
        (config(), pack(peft_shapes())),
        (config(use_dora=True), pack({**peft_shapes(1), f"{module}.lora_magnitude_vector": (6,)})),
        (
            config(rank_pattern={"q_proj": 2, r"layers\.0\..*v_proj": 2}, alpha_pattern={"v_proj": 8}),
            pack(peft_shapes()),
        ),
        (
            config(peft_type="ADALORA"),
            pack({f"{module}.lora_A": (2, 8), f"{module}.lora_B": (6, 2), f"{module}.lora_E": (2, 1)}),
        ),
        (config(peft_type="IA3", target_modules=".*q_proj"), pack({f"{module}.ia3_l": (6, 1)})),
        (
            config(peft_type="VERA", target_modules="all-linear"),
            pack({f"{module}.vera_lambda_b": (6,), f"{module}.vera_lambda_d": (2,)}),
        ),
        (config(modules_to_save=["lm_head"]), pack({**peft_shapes(1), "base_model.model.lm_head.weight": (4, 6)})),
        (
            config(),
            pack(
                {"base_model.model.embed.lora_embedding_A": (2, 9), "base_model.model.embed.lora_embedding_B": (6, 2)}
            ),
        ),
        (
            config(peft_type="LOHA"),
            pack(
                {
                    f"{module}.hada_w1_a": (6, 2),
                    f"{module}.hada_w1_b": (2, 8),
                    f"{module}.hada_w2_a": (6, 2),
                    f"{module}.hada_w2_b": (2, 8),
                }
            ),
        ),
        (b"", pack({f"{unet}.down.weight": (2, 8), f"{unet}.up.weight": (6, 2)})),
        (
            b"",
            pack(
                {"transformer.blocks.0.proj.lora_A.weight": (2, 8), "transformer.blocks.0.proj.lora_B.weight": (6, 2)}
            ),
        ),
        (
            b"",
            pack(
                {f"{kohya}.lora_down.weight": (2, 8), f"{kohya}.lora_up.weight": (6, 2), f"{kohya}.alpha": ()},
                metadata={"ss_network_dim": "2", "ss_base_model": "x"},
            ),
        ),
        (
            b"",
            pack(
                {
                    f"{kohya}.lokr_w1": (2, 2),
                    f"{kohya}.lokr_w2_a": (3, 2),
                    f"{kohya}.lokr_w2_b": (2, 4),
                    f"{kohya}.alpha": (),
                }
            ),
        ),
        (b"", pack({"unet:0:up": (6, 2), "unet:0:down": (2, 8), "<s1>": (4,)})),
        (b"", pack({"w_a_000": (2, 8), "w_b_000": (8, 2), "w_a_001": (2, 8)})),
        (
            json.dumps({"lora_parameters": {"rank": 2, "scale": 20.0}}).encode(),
            pack({"model.layers.0.q_proj.lora_a": (8, 2), "model.layers.0.q_proj.lora_b": (2, 6)}),
        ),
        (
            config(peft_type="LORA", enable_lora=[True, False, True]),
            pack({f"{module}.lora_A.weight": (4, 8), f"{module}.lora_B.weight": (12, 2)}),
        ),
    ]
