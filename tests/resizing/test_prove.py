"""The proof: what is written is spoiled before it is read back, and the proof notices."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.resizing import prove, write
from loradiag.resizing.resize import resize
from tests.conftest import MakeAdapter, peft_arrays, write_safetensors
from tests.resizing.making import Arrays, Q, config_of, tensors


def _spoil_values(folder: Path, arrays: Arrays) -> None:
    arrays[f"{Q.format(2)}.lora_B.weight"] = arrays[f"{Q.format(2)}.lora_B.weight"] * 1.01


def _spoil_scale(folder: Path, arrays: Arrays) -> None:
    settings = config_of(folder)
    settings["lora_alpha"] += 1
    (folder / "adapter_config.json").write_text(json.dumps(settings))


def _lose_a_module(folder: Path, arrays: Arrays) -> None:
    for side in "AB":
        del arrays[f"{Q.format(2)}.lora_{side}.weight"]


def _lose_half_a_module(folder: Path, arrays: Arrays) -> None:
    del arrays[f"{Q.format(2)}.lora_A.weight"]


def _spoil_the_file(folder: Path, arrays: Arrays) -> None:
    (folder / "adapter_config.json").write_text("{")


def _spoil_a_copy(folder: Path, arrays: Arrays) -> None:
    arrays["base_model.model.score.weight"][0, 0] += 1


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_spoil_values, r"layers\.2\.self_attn\.q_proj lost"),
        (_spoil_scale, "has rank and scale"),
        (_lose_a_module, "8 modules were to be written, 7 are there"),
        (_lose_half_a_module, "is broken"),
        (_spoil_the_file, "cannot be read"),
        (_spoil_a_copy, "not copied bit for bit"),
    ],
)
def test_the_proof_notices(
    spoil: Any, said: str, make_adapter: MakeAdapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written is spoiled before the proof: nothing is installed."""
    arrays = peft_arrays() | {"base_model.model.score.weight": np.ones((2, 3), np.float32)}
    really = write.write_adapter

    def spoiled(folder: Path, *arguments: Any) -> None:
        really(folder, *arguments)
        written = {name: array.astype(np.float32) for name, array in tensors(folder).items()}
        spoil(folder, written)
        write_safetensors(folder / "adapter_model.safetensors", written)

    monkeypatch.setattr("loradiag.resizing.resize.write_adapter", spoiled)
    with pytest.raises(prove.ProofError, match=said):
        resize(make_adapter(arrays), tmp_path / "new", rank=4)
    assert os.listdir(tmp_path) == ["adapter"]
