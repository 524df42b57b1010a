"""diffusers: the names of three generations, and α from a tensor, from metadata or from nowhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from tests.adapters import checks

RNG = np.random.default_rng(5)
DOWN, UP = RNG.normal(size=(4, 10)).astype(np.float32), RNG.normal(size=(12, 4)).astype(np.float32)
BLOCK = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1"


def _open(folder: Path, arrays: dict[str, Any], metadata: dict[str, str] | None = None) -> Any:
    from safetensors.numpy import save_file

    save_file(arrays, folder / "pytorch_lora_weights.safetensors", metadata=metadata)
    adapter = open_adapter(folder)
    assert adapter.layout == "diffusers"
    checks.assert_accounted(adapter)
    return adapter


@pytest.mark.parametrize(
    ("down", "up", "module"),
    [
        (f"{BLOCK}.processor.to_q_lora.down.weight", f"{BLOCK}.processor.to_q_lora.up.weight", f"{BLOCK}.to_q"),
        (f"{BLOCK}.processor.to_q_lora.down", f"{BLOCK}.processor.to_q_lora.up", f"{BLOCK}.to_q"),
        (f"{BLOCK}.to_q.lora.down.weight", f"{BLOCK}.to_q.lora.up.weight", f"{BLOCK}.to_q"),
        (f"{BLOCK}.to_q.lora_linear_layer.down.weight", f"{BLOCK}.to_q.lora_linear_layer.up.weight", f"{BLOCK}.to_q"),
        (f"{BLOCK}.to_q.lora_A.weight", f"{BLOCK}.to_q.lora_B.weight", f"{BLOCK}.to_q"),
        (f"{BLOCK}.to_q.lora_A.default.weight", f"{BLOCK}.to_q.lora_B.default.weight", f"{BLOCK}.to_q"),
        (f"{BLOCK}.to_q.lora_down.weight", f"{BLOCK}.to_q.lora_up.weight", f"{BLOCK}.to_q"),
    ],
)
def test_names(down: str, up: str, module: str, tmp_path: Path) -> None:
    """Every generation of names leads to the same module, at scale 1."""
    adapter = _open(tmp_path, {down: DOWN, up: UP})
    checks.assert_same_spectra(checks.our_spectra(adapter), {module: checks.spectrum(UP @ DOWN)})
    assert adapter.modules[0].place.role == "attention.q"
    assert down in adapter.layout_reason


def test_alpha_beside_the_factors(tmp_path: Path) -> None:
    """α in a tensor counts before anything else."""
    arrays = {f"{BLOCK}.to_q.lora.down.weight": DOWN, f"{BLOCK}.to_q.lora.up.weight": UP}
    adapter = _open(
        tmp_path, arrays | {f"{BLOCK}.to_q.alpha": np.array(2, np.float32)}, {"lora_adapter_metadata": "{}"}
    )
    assert (adapter.modules[0].scale.value, adapter.modules[0].scale.source) == (0.5, "tensor")


# PEFT: α/r, α/√r with rsLoRA, and the first key of a pattern that matches the name inside the part of the pipeline.
@pytest.mark.parametrize(
    ("settings", "scale"),
    [
        ({"transformer.r": 4, "transformer.lora_alpha": 8}, 2.0),
        ({"r": 4, "lora_alpha": 8}, 2.0),
        ({"transformer.r": 4, "transformer.lora_alpha": 8, "transformer.use_rslora": True}, 4.0),
        ({"transformer.r": 4, "transformer.lora_alpha": 8, "transformer.alpha_pattern": {"attn.to_q": 2}}, 0.5),
        ({"transformer.r": 9, "transformer.lora_alpha": 8, "transformer.rank_pattern": {"attn.to_q": 4}}, 2.0),
        ({"text_encoder.r": 4, "text_encoder.lora_alpha": 8}, 1.0),
        ({"transformer.r": 4}, 1.0),
        ({}, 1.0),
    ],
)
def test_alpha_in_the_metadata(settings: dict[str, Any], scale: float, tmp_path: Path) -> None:
    """The configuration in the metadata gives the scale of the part that it is about."""
    name = "transformer.transformer_blocks.0.attn.to_q"
    arrays = {f"{name}.lora_A.weight": DOWN, f"{name}.lora_B.weight": UP}
    adapter = _open(tmp_path, arrays, {"lora_adapter_metadata": json.dumps(settings)})
    assert adapter.modules[0].scale.value == pytest.approx(scale, rel=1e-12)
    assert adapter.modules[0].scale.source == ("default" if scale == 1 else "metadata")


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"r": NaN}', '{"transformer.lora_alpha": "8", "transformer.r": 4}'])
def test_broken_metadata_are_refused(text: str, tmp_path: Path) -> None:
    """A scale that cannot be told is not taken to be 1."""
    from safetensors.numpy import save_file

    name = "transformer.transformer_blocks.0.attn.to_q"
    arrays = {f"{name}.lora_A.weight": DOWN, f"{name}.lora_B.weight": UP}
    save_file(arrays, tmp_path / "pytorch_lora_weights.safetensors", metadata={"lora_adapter_metadata": text})
    with pytest.raises(checks.InputError) as caught:
        open_adapter(tmp_path)
    checks.assert_plain(caught.value)


def test_whole_differences_are_unsupported(tmp_path: Path) -> None:
    """ComfyUI's ``diff`` and ``diff_b`` are updates that are stored dense."""
    name = "diffusion_model.blocks.0.self_attn.q"
    arrays = {f"{name}.lora_down.weight": DOWN, f"{name}.lora_up.weight": UP, f"{name}.diff_b": UP[:, 0].copy()}
    adapter = _open(tmp_path, arrays)
    assert [row.tensor for row in adapter.parts.unsupported] == [f"{name}.diff_b"]
    assert len(adapter.modules) == 1
