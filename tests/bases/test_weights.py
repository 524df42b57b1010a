"""Which tensors of a checkpoint are weights, and their rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loradiag.analyzers.pairing import stacked
from loradiag.bases.opening import open_base
from loradiag.storage.tensors import Scratch
from tests.bases.making import LLAMA, base_tensors, stored, write_base

NAME = "model.layers.0.mlp.up_proj"


def test_rows_of_plain_weights(tmp_path: Path) -> None:
    """Any range of rows, with and without memory of one's own; kernels flattened, vectors as a column."""
    rng = np.random.default_rng(0)
    matrix, kernel, vector = (rng.normal(size=shape).astype("<f4") for shape in ((6, 5), (4, 3, 2, 2), (7,)))
    tensors = {"a.weight": stored(matrix), "conv.weight": stored(kernel), "norm.weight": stored(vector)}
    base = open_base(write_base(tmp_path, tensors))
    for start, stop in ((0, 6), (2, 3), (5, 6), (3, 3)):
        np.testing.assert_array_equal(base.weights["a.weight"].read(start, stop), matrix[start:stop])
        np.testing.assert_array_equal(base.weights["a.weight"].read(start, stop, Scratch()), matrix[start:stop])
    np.testing.assert_array_equal(base.weights["conv.weight"].read(1, 3), kernel.reshape(4, 12)[1:3])
    assert base.weights["norm.weight"].shape == (7, 1)
    assert base.shapes["conv.weight"] == (4, 3, 2, 2)


def test_rows_across_stacked_weights(tmp_path: Path) -> None:
    """Rows that begin in one source and end in another."""
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(rows, 5)).astype("<f4") for rows in (4, 3))
    base = open_base(write_base(tmp_path, {"a.weight": stored(first), "b.weight": stored(second)}))
    both = stacked([base.weights["a.weight"], base.weights["b.weight"]])
    whole = np.concatenate([first, second])
    for start, stop in ((0, 7), (3, 5), (4, 7), (6, 7), (0, 4)):
        np.testing.assert_array_equal(both.read(start, stop), whole[start:stop])


def test_experts_are_one_below_the_other(tmp_path: Path) -> None:
    """A stack of matrices is one weight; its own shape is kept beside."""
    stack = np.arange(24, dtype="<f4").reshape(2, 3, 4)
    base = open_base(write_base(tmp_path, {"model.layers.0.mlp.experts.gate_up_proj": stored(stack)}))
    weight = base.weights["model.layers.0.mlp.experts.gate_up_proj"]
    assert weight.shape == (6, 4)
    np.testing.assert_array_equal(weight.read(2, 4), stack.reshape(6, 4)[2:4])


@pytest.mark.parametrize(
    ("method", "parts"),
    [
        ("gptq", {"qweight": "<i4", "qzeros": "<i4", "scales": "<f2", "g_idx": "<i4"}),
        ("awq", {"qweight": "<i4", "qzeros": "<i4", "scales": "<f2"}),
        ("compressed-tensors", {"weight_packed": "<i4", "weight_scale": "<f2", "weight_shape": "<i4"}),
        ("fp8", {"weight": "F8_E4M3", "weight_scale_inv": "<f4"}),
        ("compressed-tensors", {"weight": "|i1", "weight_scale": "<f4"}),
    ],
)
def test_packed_weights_are_an_obstacle(method: str, parts: dict[str, str], tmp_path: Path) -> None:
    """They are named, have no shape, cannot be read, and the reason says so; the other weights can."""
    tensors = base_tensors()
    for part, kind in parts.items():
        array = np.zeros((4, 4), "|u1" if kind.startswith("F8") else kind)
        tensors[f"{NAME}.{part}"] = stored(array, kind if kind.startswith("F8") else None)
    base = open_base(write_base(tmp_path, tensors, {**LLAMA, "quantization_config": {"quant_method": method}}))
    assert base.scheme == method
    assert base.obstacle is not None
    assert method in base.obstacle
    assert base.shapes[f"{NAME}.weight"] is None
    assert not [name for name in base.weights if NAME in name]
    assert "model.layers.0.self_attn.q_proj.weight" in base.weights


def test_packed_experts(tmp_path: Path) -> None:
    """Blocks and scales of a stack, as MXFP4 checkpoints have them."""
    name = "model.layers.0.mlp.experts.gate_up_proj"
    blocks = {
        f"{name}_blocks": stored(np.zeros((2, 4, 3, 16), "|u1")),
        f"{name}_scales": stored(np.zeros((2, 4, 3), "|u1")),
    }
    base = open_base(write_base(tmp_path, {**base_tensors(), **blocks}))
    assert base.scheme == "packed"
    assert base.obstacle is not None
    assert base.shapes[f"{name}.weight"] is None


def test_a_scheme_is_shown_escaped(tmp_path: Path) -> None:
    """The configuration is untrusted text."""
    config = {**LLAMA, "quantization_config": {"quant_method": "x\x1b[31m"}}
    assert open_base(write_base(tmp_path, None, config)).scheme == "x\\x1b[31m"


def test_settings_of_multimodal_models(tmp_path: Path) -> None:
    """The language model's settings are found within."""
    base = open_base(write_base(tmp_path, None, {"model_type": "x", "text_config": {"tie_word_embeddings": True}}))
    assert base.ties_embeddings
    assert base.setting("absent") is None
