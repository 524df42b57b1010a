"""Resizing adapters written by the test: ranks, scales and copies from independent calculations, and every refusal."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

import loradiag
from loradiag.adapters.opening import open_adapter
from loradiag.core.errors import InputError, LoradiagError, UsageError
from loradiag.resizing import prove, write
from loradiag.resizing.config import pattern_keys
from loradiag.resizing.resize import resize
from loradiag.storage import directories
from tests.conftest import FIXTURES, SHARED, MakeAdapter, peft_arrays, write_safetensors

Q = "base_model.model.model.layers.{}.self_attn.q_proj"
Arrays = dict[str, np.ndarray[Any, Any]]


def tensors(folder: Path) -> Arrays:
    """Every tensor of a directory's safetensors files, in float64."""
    found: Arrays = {}
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="np") as opened:
            found |= {name: np.asarray(opened.get_tensor(name), np.float64) for name in opened.keys()}  # noqa: SIM118
    return found


def config_of(folder: Path) -> dict[str, Any]:
    """The configuration."""
    return json.loads((folder / "adapter_config.json").read_text())  # type: ignore[no-any-return]


def one(b: Any, a: Any, layer: int = 0) -> Arrays:
    """Factors of one module."""
    name = Q.format(layer)
    return {
        f"{name}.lora_A.weight": np.asarray(a, np.float32),
        f"{name}.lora_B.weight": np.asarray(b, np.float32),
    }


def diagonal(*sigma: float, layer: int = 0) -> Arrays:
    """A module of 9 × 8 whose singular values, without the scale, are ``sigma``; α = 16, r = 8 make the scale 2."""
    b, a = np.zeros((9, 8)), np.zeros((8, 8))
    b[range(len(sigma)), range(len(sigma))] = sigma
    a[range(len(sigma)), range(len(sigma))] = 1
    return one(b, a, layer)


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


def test_patterns_are_replaced(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Different ranks and scales: the most frequent in r and lora_alpha, the others by full names; other keys stay."""
    arrays = diagonal(9, 1) | diagonal(3, layer=1) | diagonal(4, layer=11) | diagonal(5, 5, 5, layer=2)
    old = make_adapter(
        arrays, alpha_pattern={"layers.1.self_attn.q_proj": -4}, target_modules=["q_proj"], something="kept"
    )
    result = resize(old, tmp_path / "new", error=0.01)
    assert [(row.new_rank, row.new_scale) for row in result.modules] == [(2, 2), (1, -0.5), (1, 2), (3, 2)]
    settings = config_of(tmp_path / "new")
    assert (settings["r"], settings["lora_alpha"], settings["something"]) == (1, 2, "kept")
    layers = "model.layers.{}.self_attn.q_proj"
    assert settings["rank_pattern"] == {layers.format(0): 2, layers.format(2): 3}
    assert settings["alpha_pattern"] == {layers.format(0): 4, layers.format(1): -0.5, layers.format(2): 6}


def test_keys_that_could_be_confused() -> None:
    """A name that another one ends in, or that a dot could confuse, is tied to the start and escaped."""
    assert pattern_keys(["a.q", "b.a.q", "b_a.x", "b.a.x", "c.(d)", "model.q-k"]) == {
        "a.q": r"^a\.q",
        "b.a.q": "b.a.q",
        "b_a.x": r"^b_a\.x",
        "b.a.x": r"^b\.a\.x",
        "c.(d)": r"^c\.\(d\)",
        "model.q-k": r"^model\.q\-k",
    }


def test_one_name_within_another(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Modules whose names end alike keep ranks and scales of their own."""
    inner = {name.replace("base_model.model.model", "base_model.model"): array for name, array in diagonal(3).items()}
    old = make_adapter(diagonal(9, 5, 5) | inner | diagonal(2, 2, layer=4))
    result = resize(old, tmp_path / "new", error=0)
    assert [(row.new_rank, row.new_scale) for row in result.modules] == [(3, 2), (1, 2), (2, 2)]


@pytest.mark.parametrize("alpha", [16, -5, 0])
def test_rslora(alpha: int, make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """α/√r stays what it is; a scale of zero stays zero."""
    result = resize(make_adapter(diagonal(9, 1), lora_alpha=alpha, use_rslora=True), tmp_path / "new", rank=3)
    settings = config_of(tmp_path / "new")
    assert settings["use_rslora"] is True
    assert settings["lora_alpha"] / np.sqrt(3) == pytest.approx(alpha / np.sqrt(8), rel=1e-15)
    assert result.modules[0].norm == pytest.approx(abs(alpha) / np.sqrt(8) * np.sqrt(82), rel=1e-6)
    assert result.measured_error == pytest.approx(0, abs=1e-6)


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


# --- refusals ---


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "give one of"),
        ({"rank": 3, "error": 0.1}, "not several"),
        ({"rank": 0}, "--rank 0 is out of bounds"),
        ({"energy": 0.0}, "--energy"),
        ({"energy": 1.01}, "--energy"),
        ({"energy": float("nan")}, "--energy nan"),
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


def test_too_many_ranks_of_their_own(make_adapter: MakeAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    """PEFT would need minutes to match as many keys."""
    monkeypatch.setattr("loradiag.resizing.config._MAX_KEYS", 2)
    old = make_adapter(
        {name: array for layer in range(4) for name, array in diagonal(*[1] * (layer + 1), layer=layer).items()}
    )
    with pytest.raises(UsageError, match="--rank gives all of them one"):
        resize(old, error=0, dry_run=True)
    resize(old, rank=2, dry_run=True)


# --- the directory ---


def test_places_that_are_refused(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """The adapter itself, what holds it, files, full directories, missing parents, and no place at all."""
    old = make_adapter()
    full, file = tmp_path / "full", tmp_path / "file"
    full.mkdir()
    (full / "x").touch()
    file.touch()
    for place, force, said in [
        (old, True, "is, or holds, the adapter itself"),
        (tmp_path, True, "is, or holds, the adapter itself"),
        (full, False, "--force replaces it"),
        (full, True, "no adapter's directory"),
        (file, True, "is no directory"),
        (tmp_path / "a" / "b", False, "parent directory does not exist"),
        (tmp_path / "a\0b", False, "cannot be written"),
        (None, False, "--output"),
    ]:
        with pytest.raises(UsageError, match=said):
            resize(old, place, rank=2, force=force)
    with pytest.raises(UsageError, match="the adapter itself"):
        resize(old / "adapter_model.safetensors", old, rank=2, force=True)


def test_force_replaces_an_adapter(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """All of it, and an empty directory needs no force."""
    old, place = make_adapter(), tmp_path / "new"
    place.mkdir()
    resize(old, place, rank=2)
    (place / "left").touch()
    resize(old, place, rank=3, force=True)
    assert config_of(place)["r"] == 3
    assert sorted(os.listdir(place)) == ["adapter_config.json", "adapter_model.safetensors"]
    assert sorted(os.listdir(tmp_path)) == ["adapter", "new"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError(28, "No space left on device")])
def test_an_interrupt_leaves_nothing(
    error: Any, make_adapter: MakeAdapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a new directory nor a change to the one that was there, whenever it comes."""
    old, place = make_adapter(), tmp_path / "new"
    resize(old, place, rank=2)

    def fail(*arguments: object) -> None:
        raise error

    for target, name in ((write, "blocks"), (prove, "_compare"), (directories, "_move")):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, fail)
            with pytest.raises(UsageError if isinstance(error, OSError) else error):
                resize(old, tmp_path / "other", rank=3)
            with pytest.raises(UsageError if isinstance(error, OSError) else error):
                resize(old, place, rank=3, force=True)
        assert sorted(os.listdir(tmp_path)) == ["adapter", "new"]
        assert config_of(place)["r"] == 2


def test_a_kill_leaves_no_output(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Nothing can be tidied up then, but what has the name that was asked for is whole or not there."""
    code = (
        "import os, signal, sys\nfrom loradiag.resizing import resize as module\n"
        "module.prove = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "module.resize(sys.argv[1], sys.argv[2], rank=2)"
    )
    place = tmp_path / "new"
    done = subprocess.run([sys.executable, "-c", code, str(make_adapter()), str(place)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not place.exists()


def test_a_failed_rename_brings_the_old_directory_back(
    make_adapter: MakeAdapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of the two renames of --force."""
    old, place = make_adapter(), tmp_path / "new"
    resize(old, place, rank=2)
    rename, calls = os.replace, []

    def second_fails(source: Any, target: Any) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "replace", second_fails)
    with pytest.raises(UsageError, match="Input/output error"):
        resize(old, place, rank=3, force=True)
    monkeypatch.undo()
    assert config_of(place)["r"] == 2
    assert sorted(os.listdir(tmp_path)) == ["adapter", "new"]


# --- the proof ---


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
