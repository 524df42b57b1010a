"""What is not resized: one line that says why, and nothing is written."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.core.errors import InputError, LoradiagError, UsageError
from loradiag.resizing.resize import resize
from tests.conftest import MakeAdapter, peft_arrays, write_safetensors
from tests.resizing.making import Arrays, Q


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "give one of"),
        ({"rank": 3, "error": 0.1}, "not several"),
        ({"rank": 0}, "--rank 0 is out of bounds"),
        ({"energy": 0.0}, "--energy"),
        ({"energy": 1.01}, "--energy"),
        ({"energy": float("nan")}, "--energy nan"),
        ({"energy": float("inf")}, "--energy inf"),
        ({"error": float("inf")}, "--error inf"),
        ({"error": -0.1}, "--error"),
        ({"error": 1.0}, "--error"),
    ],
)
def test_criteria(wanted: dict[str, Any], said: str, make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """None, several, or out of bounds."""
    with pytest.raises(UsageError, match=said):
        resize(make_adapter(), tmp_path / "new", **wanted)


def _nan(arrays: Arrays) -> Arrays:
    arrays[f"{Q.format(1)}.lora_A.weight"][2, 3] = np.nan
    return arrays


STRANGE = {"base_model.model.whatever": np.zeros((2, 2), np.float32)}
SAVED = {"base_model.model.score.weight": np.full((2, 2), np.inf, np.float32)}
UNPAIRED = {f"{Q.format(9)}.lora_A.weight": np.zeros((8, 2), np.float32)}
LOHA = {f"{Q.format(0)}.hada_{side}": np.ones((4, 4), np.float32) for side in ("w1_a", "w1_b", "w2_a", "w2_b")}


@pytest.mark.parametrize(
    ("arrays", "changes", "kind", "said"),
    [
        (_nan(peft_arrays()), {}, InputError, r"layers\.1\.self_attn\.q_proj\.lora_A\.weight"),
        (peft_arrays() | SAVED, {}, InputError, r"score\.weight"),
        (peft_arrays() | STRANGE, {}, InputError, "whatever"),
        (peft_arrays() | UNPAIRED, {}, InputError, r"layers\.9\.self_attn\.q_proj: has A and lacks"),
        (peft_arrays(), {"r": 4}, InputError, "the configuration says 4"),
        (peft_arrays(), {"init_lora_weights": "pissa_niter_16"}, UsageError, "hold part of the base; convert"),
        (peft_arrays(), {"init_lora_weights": "olora"}, UsageError, "hold part of the base"),
        (peft_arrays(), {"init_lora_weights": "corda"}, UsageError, "hold part of the base"),
        (peft_arrays(), {"init_lora_weights": "loftq"}, UsageError, "hold part of the base"),
        (peft_arrays(), {"use_qalora": True}, UsageError, "QALoRA is not analysed"),
        (LOHA, {"peft_type": "LOHA"}, UsageError, "peft_type LOHA"),
        (LOHA, {}, UsageError, "another kind than LoRA"),
        (peft_arrays(), {"peft_type": "ADALORA"}, InputError, "lacks"),
        (SAVED, {}, UsageError, "no low-rank factors"),
        ({f"{Q.format(0)}.ia3_l": np.ones((4, 1), np.float32)}, {"peft_type": "IA3"}, UsageError, "peft_type IA3"),
    ],
)
def test_refusals(
    arrays: Arrays, changes: dict[str, Any], kind: type[LoradiagError], said: str, make_adapter: MakeAdapter
) -> None:
    """One line that says why, and nothing is written."""
    old = make_adapter(arrays, **changes)
    with pytest.raises(kind, match=said) as caught:
        resize(old, old.parent / "new", rank=2)
    assert "\n" not in str(caught.value)
    assert os.listdir(old.parent) == [old.name]


def test_no_configuration(make_adapter: MakeAdapter) -> None:
    """Without it no scale is known."""
    old = make_adapter()
    (old / "adapter_config.json").unlink()
    with pytest.raises(InputError, match=r"has no adapter_config\.json"):
        resize(old, old.parent / "new", rank=2)


@pytest.mark.parametrize("value", ["1e999", "[-1e999]"])
@pytest.mark.parametrize("dry", [False, True])
def test_a_configuration_that_cannot_be_written_again(value: str, dry: bool, make_adapter: MakeAdapter) -> None:
    """Python reads a number beyond all bounds as infinite, which JSON has no word for."""
    old = make_adapter()
    config = old / "adapter_config.json"
    config.write_text(config.read_text().rstrip().removesuffix("}") + f', "own": {value}}}')
    with pytest.raises(UsageError, match=r"its adapter_config\.json has a number of more than"):
        resize(old, old.parent / "new", rank=2, dry_run=dry)
    assert os.listdir(old.parent) == [old.name]


def test_eight_bits(make_adapter: MakeAdapter) -> None:
    """Factors in FP8 are refused: rounded to 8 bits they are another update."""
    old = make_adapter()
    header = {
        f"{Q.format(0)}.lora_{side}.weight": {"dtype": "F8_E4M3", "shape": shape, "data_offsets": offsets}
        for side, shape, offsets in (("A", [8, 4], [0, 32]), ("B", [4, 8], [32, 64]))
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (old / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes([0x38]) * 64)
    with pytest.raises(UsageError, match="as F8_E4M3; only F64, F32, F16, BF16"):
        resize(old, old.parent / "new", rank=2)


def test_overflowing_products(make_adapter: MakeAdapter) -> None:
    """Factors of FP64 whose product no number can hold."""
    arrays = {name: np.full(array.shape, 1e200) for name, array in peft_arrays(layers=1).items()}
    with pytest.raises(InputError, match="product is not finite"):
        resize(make_adapter(arrays, dtype="F64"), rank=2, dry_run=True)


def test_mlx_modules_without_counterpart(tmp_path: Path) -> None:
    """Stacked experts and names that PEFT would not know."""
    for folder, arrays in {
        "experts": {"model.layers.0.e.lora_a": np.ones((2, 3, 5)), "model.layers.0.e.lora_b": np.ones((2, 4, 3))},
        "names": {"vision.q.lora_a": np.ones((5, 3)), "vision.q.lora_b": np.ones((3, 4))},
    }.items():
        (tmp_path / folder).mkdir()
        write_safetensors(tmp_path / folder / "adapters.safetensors", arrays)
        (tmp_path / folder / "adapter_config.json").write_text('{"num_layers": 4}')
        with pytest.raises(UsageError, match="no certain counterpart in PEFT"):
            resize(tmp_path / folder, tmp_path / "new", rank=1)
