"""Adapters cut: ranks, errors and copies from independent calculations."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

import loradiag
from loradiag.adapters.opening import open_adapter
from loradiag.resizing.resize import resize
from tests.conftest import FIXTURES, SHARED, MakeAdapter, peft_arrays, write_safetensors
from tests.resizing.making import Q, config_of, diagonal, tensors


@pytest.mark.parametrize(
    ("wanted", "rank", "error"),
    [
        ({"rank": 2}, 2, 0.1),
        ({"rank": 1}, 1, np.sqrt(0.19)),
        ({"rank": 100}, 8, 0.0),
        ({"energy": 0.9899}, 2, 0.1),
        ({"energy": 0.8}, 1, np.sqrt(0.19)),
        ({"energy": 1}, 3, 0.0),
        ({"error": 0.1001}, 2, 0.1),
        ({"error": 0}, 3, 0.0),
    ],
)
def test_ranks_and_errors(
    wanted: dict[str, Any], rank: int, error: float, make_adapter: MakeAdapter, tmp_path: Path
) -> None:
    """σ² = 81, 18, 1 of 100: each criterion, its rank and what it loses."""
    arrays = diagonal(9, np.sqrt(18), 1)
    result = resize(make_adapter(arrays), tmp_path / "new", **wanted)
    (row,) = result.modules
    assert (row.name, row.old_rank, row.new_rank) == (Q.format(0).removeprefix("base_model.model."), 8, rank)
    assert (row.old_scale, row.new_scale) == (2, 2)
    assert row.norm == pytest.approx(20, rel=1e-7)
    assert row.predicted_error == pytest.approx(error, abs=1e-7)
    assert row.measured_error == pytest.approx(error, abs=1e-6)
    assert (result.predicted_error, result.measured_error) == pytest.approx((row.predicted_error, row.measured_error))
    new = tensors(tmp_path / "new")
    before = arrays[f"{Q.format(0)}.lora_B.weight"] @ arrays[f"{Q.format(0)}.lora_A.weight"]
    after = new[f"{Q.format(0)}.lora_B.weight"] @ new[f"{Q.format(0)}.lora_A.weight"]
    assert np.linalg.norm(after - before) / 10 == pytest.approx(error, abs=1e-6)
    assert (result.parameters_before, result.parameters_after) == (17 * 8, 17 * rank)
    assert result.bytes_after == 4 * 17 * rank
    settings = config_of(tmp_path / "new")
    assert settings["lora_alpha"] / settings["r"] == 2
    assert settings["r"] == rank
    assert settings["rank_pattern"] == settings["alpha_pattern"] == {}


@pytest.mark.parametrize("wanted", [{"energy": 1}, {"error": 0}])
def test_a_scale_of_zero_makes_an_update_of_zero(
    wanted: dict[str, Any], make_adapter: MakeAdapter, tmp_path: Path
) -> None:
    """Whatever the factors are: one direction is enough, and B is zero."""
    result = resize(make_adapter(diagonal(9, 5, 1), lora_alpha=0), tmp_path / "new", **wanted)
    (row,) = result.modules
    assert (row.new_rank, row.new_scale, row.norm, row.measured_error) == (1, 0, 0, 0)
    assert not tensors(tmp_path / "new")[f"{Q.format(0)}.lora_B.weight"].any()


@pytest.mark.parametrize("wanted", [{"rank": 3}, {"energy": 0.9}, {"error": 0}])
def test_a_zero_update_stays_zero(wanted: dict[str, Any], make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """B = 0: A is kept as far as the rank goes, B is zero, the error is 0, and a note says so."""
    arrays = peft_arrays(layers=1, targets=("q_proj",))
    arrays[f"{Q.format(0)}.lora_B.weight"][:] = 0
    result = resize(make_adapter(arrays), tmp_path / "new", **wanted)
    rank = 3 if "rank" in wanted else 1
    new = tensors(tmp_path / "new")
    assert not new[f"{Q.format(0)}.lora_B.weight"].any()
    assert np.array_equal(new[f"{Q.format(0)}.lora_A.weight"], arrays[f"{Q.format(0)}.lora_A.weight"][:rank])
    assert (result.modules[0].measured_error, result.measured_error) == (0, 0)
    assert "zero" in result.notes[0]


@pytest.mark.parametrize("dtype", ["F64", "F32", "F16", "BF16"])
def test_formats_stay(dtype: str, make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Each tensor keeps its format, the metadata stays, and what was measured has the rounding in it."""
    old = make_adapter(peft_arrays(), dtype=dtype)
    result = resize(old, tmp_path / "new", rank=4)
    new = open_adapter(tmp_path / "new")
    assert {tensor.dtype for tensor in new.tensors.values()} == {dtype}
    assert result.bytes_after * 2 == result.bytes_before
    slack = {"F64": 1e-9, "F32": 1e-7, "F16": 1e-3, "BF16": 1e-2}[dtype]
    for row in result.modules:
        assert row.measured_error is not None
        assert row.predicted_error * (1 - 1e-9) <= row.measured_error <= row.predicted_error + slack


def test_everything_else_is_copied(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Saved layers and biases bit for bit, metadata too; what lies beside the weights is not."""
    arrays = peft_arrays()
    saved = {
        "base_model.model.score.weight": np.random.default_rng(0).normal(size=(3, 32)).astype(np.float32),
        "base_model.model.model.layers.0.mlp.down_proj.bias": np.arange(5, dtype=np.float32),
    }
    old = make_adapter(arrays | saved, modules_to_save=["score"], bias="all")
    (old / "README.md").write_text("mine")
    (old / "loradiag-stamp.json").write_text("{}")
    result = resize(old, tmp_path / "new", rank=2)
    new = tensors(tmp_path / "new")
    assert all(np.array_equal(new[name], array) for name, array in saved.items())
    assert new.keys() == (arrays | saved).keys()
    assert sorted(os.listdir(tmp_path / "new")) == ["adapter_config.json", "adapter_model.safetensors"]
    assert any("loradiag-stamp.json" in note for note in result.notes)
    assert any("README.md" in note for note in result.notes)


def test_what_needs_no_cut_stays_bit_for_bit(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """At full rank the tensors are those of the old file."""
    arrays = peft_arrays()
    result = resize(make_adapter(arrays), tmp_path / "new", rank=8)
    new = tensors(tmp_path / "new")
    assert all(np.array_equal(new[name], array) for name, array in arrays.items())
    assert result.predicted_error == 0
    assert result.measured_error == pytest.approx(0, abs=1e-14)


def test_shards_become_one_file(tmp_path: Path) -> None:
    """And hold what the unsharded adapter holds."""
    for name in ("sharded", "healthy"):
        resize(FIXTURES / "adapters" / name, tmp_path / name, rank=3)
    assert sorted(os.listdir(tmp_path / "sharded")) == ["adapter_config.json", "adapter_model.safetensors"]
    sharded, whole = tensors(tmp_path / "sharded"), tensors(tmp_path / "healthy")
    assert sharded.keys() == whole.keys()
    assert all(np.array_equal(sharded[name], whole[name]) for name in whole)


def test_metadata_stays(tmp_path: Path) -> None:
    """Of a safetensors file."""
    resize(FIXTURES / "adapters" / "healthy", tmp_path / "new", rank=3)
    with safe_open(tmp_path / "new" / "adapter_model.safetensors", framework="np") as file:
        assert file.metadata() == {"format": "pt"}


def test_mlx_becomes_peft(tmp_path: Path) -> None:
    """Factors turned round, names with PEFT's prefix, and a configuration of its own."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(12, 3)), rng.normal(size=(3, 10))
    old = tmp_path / "old"
    old.mkdir()
    write_safetensors(
        old / "adapters.safetensors",
        {"model.layers.0.self_attn.q_proj.lora_a": a, "model.layers.0.self_attn.q_proj.lora_b": b},
    )
    (old / "adapter_config.json").write_text(
        json.dumps({"model": "x/y", "num_layers": 4, "lora_parameters": {"rank": 3, "scale": 10.0}})
    )
    result = resize(old, tmp_path / "new", rank=2)
    settings, new = config_of(tmp_path / "new"), tensors(tmp_path / "new")
    assert (settings["peft_type"], settings["r"], settings["lora_alpha"]) == ("LORA", 2, 20)
    assert settings["base_model_name_or_path"] == "x/y"
    assert settings["target_modules"] == ["model.layers.0.self_attn.q_proj"]
    delta = new[f"{Q.format(0)}.lora_B.weight"] @ new[f"{Q.format(0)}.lora_A.weight"]
    u, sigma, vt = np.linalg.svd((a @ b).T)
    np.testing.assert_allclose(delta, (u[:, :2] * sigma[:2]) @ vt[:2], atol=1e-5)
    assert result.modules[0].new_scale == 10


def test_dry_run_writes_nothing(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """The prediction alone, with or without a place to write to."""
    old = make_adapter()
    before = sorted(os.listdir(tmp_path))
    result = resize(old, rank=2, dry_run=True)
    assert result.output is result.measured_error is None
    assert sorted(os.listdir(tmp_path)) == before
    real = resize(old, tmp_path / "new", rank=2)
    assert (real.bytes_after, real.predicted_error) == (result.bytes_after, pytest.approx(result.predicted_error))
    assert [row.norm for row in real.modules] == pytest.approx([row.norm for row in result.modules], rel=1e-9)


def test_progress(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Counts up to twice the modules, once for the cut and once for the proof."""
    told: list[tuple[int, int]] = []
    loradiag.resize(make_adapter(), tmp_path / "new", rank=2, progress=lambda *now: told.append(now))
    assert told == [(done, 16) for done in range(1, 17)]


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the public adapters are not part of the repository")
@pytest.mark.parametrize(
    "name", ["zoo/adapters/med_r16", "zoo/adapters/med_patterns", "wild/mlx-qwen-r8", "wild/gpt2-best"]
)
def test_public_adapters(name: str, tmp_path: Path) -> None:
    """Adapters from elsewhere shrink, and what was measured is the cut and some rounding."""
    result = resize(SHARED / name, tmp_path / "new", energy=0.99)
    assert result.bytes_after < result.bytes_before
    assert result.measured_error == pytest.approx(result.predicted_error, rel=1e-2)
    assert all(row.predicted_error <= 0.1 + 1e-9 for row in result.modules)
