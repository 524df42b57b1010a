"""Tensors of PEFT files that are no factors, one name at a time. As PEFT writes them: test_peft_types.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from tests.adapters import checks
from tests.conftest import write_safetensors

LORA = {"peft_type": "LORA"}

# Configuration, tensor, place, kind or reason.
TABLE: list[tuple[dict[str, Any], str, str, str]] = [
    (LORA, "score.weight", "extra", "saved"),
    (LORA, "classifier.out_proj.bias", "extra", "saved"),
    (LORA, "classifier.modules_to_save.dense.weight", "extra", "saved"),
    (LORA, "classifier.original_module.dense.weight", "extra", "copy"),
    (LORA, "classifier.original_module.lora_A.weight", "extra", "copy"),
    (LORA, "lm_head.base_layer.weight", "extra", "saved"),
    (LORA, "model.layers.0.mlp.up_proj.weight", "unexpected", ""),
    (LORA, "model.layers.0.q_proj.base_layer.weight", "unexpected", ""),
    (LORA | {"modules_to_save": ["up_proj"]}, "model.layers.0.mlp.up_proj.weight", "extra", "saved"),
    (LORA | {"modules_to_save": ["layers.0.mlp"]}, "model.layers.0.mlp.up_proj.weight", "extra", "saved"),
    (LORA | {"modules_to_save": "up_proj"}, "model.layers.0.mlp.up_proj.weight", "extra", "saved"),
    (LORA | {"modules_to_save": ["proj"]}, "model.layers.0.mlp.up_proj.weight", "extra", "saved"),
    (LORA | {"modules_to_save": ["up"]}, "model.layers.0.mlp.up_proj.weight", "unexpected", ""),
    (LORA | {"bias": "all"}, "model.layers.0.norm.bias", "extra", "bias"),
    (LORA | {"bias": "none"}, "model.layers.0.norm.bias", "unexpected", ""),
    ({}, "model.layers.0.norm.bias", "unexpected", ""),
    (LORA | {"lora_bias": True}, "model.q_proj.lora_B.bias", "extra", "bias"),
    (LORA, "model.embed_tokens.token_adapter.trainable_tokens_delta", "extra", "saved"),
    (LORA, "model.q_proj.lora_magic.weight", "unsupported", "the LoRA variant with lora_magic is not analysed"),
    ({}, "model.q_proj.oft_R.weight", "unsupported", "another PEFT method is not analysed"),
    ({"peft_type": "XLORA"}, "internal_xlora_classifier.layers.0.weight", "unsupported", "XLORA is not analysed"),
    ({"peft_type": "NEWTHING"}, "lm_head.newthing_R.weight", "unsupported", "NEWTHING is not analysed"),
    ({"peft_type": "NEWTHING"}, "model.q_proj.whatever", "unsupported", "NEWTHING is not analysed"),
    ({"peft_type": "NEWTHING"}, "score.weight", "extra", "saved"),
    ({"peft_type": "\x1b[31m"}, "model.q_proj.whatever", "unsupported", "\\x1b[31M is not analysed"),
    ({"peft_type": "VERA"}, "model.q_proj.whatever", "unexpected", ""),
    (LORA, "optimizer.state.0.exp_avg", "unexpected", ""),
    (LORA, "model.q_proj.lora_A.weight\n", "unexpected", ""),
]


@pytest.mark.parametrize(("config", "tensor", "place", "says"), TABLE, ids=[row[1] + str(row[0]) for row in TABLE])
def test_places(config: dict[str, Any], tensor: str, place: str, says: str, tmp_path: Path) -> None:
    """Each kind of tensor has its place, by its name and by what the configuration says."""
    name = f"base_model.model.{tensor}"
    pair = {"base_model.model.x.lora_A.weight": np.ones((8, 3)), "base_model.model.x.lora_B.weight": np.ones((3, 8))}
    write_safetensors(tmp_path / "adapter_model.safetensors", pair | {name: np.ones((2, 2), np.float32)})
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    adapter = open_adapter(tmp_path)
    checks.assert_accounted(adapter)
    places = dict(adapter.parts.places())
    assert places[name] == place
    reasons = {row.tensor: row.reason for row in adapter.parts.unsupported}
    kinds = {extra.tensor.name: extra.kind for extra in adapter.parts.extras}
    assert (reasons | kinds).get(name, "") == says
