"""``inspect --base`` as a user runs it: exit codes, errors in one line, and what stays unimported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.analyzers.small import llama_shapes, write_base
from tests.bases.making import base_tensors, write_shards
from tests.cli.test_cli import run
from tests.conftest import MakeAdapter
from tests.test_imports import HEAVY, imported


def assert_refused(done: object, code: int, *words: str) -> None:
    """One line on standard error with these words, nothing on standard output."""
    assert getattr(done, "returncode", None) == code, done
    assert getattr(done, "stdout", None) == ""
    lines = getattr(done, "stderr", "").splitlines()
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0]


def test_beside_a_sound_base(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Exit 0, and the base is in the report by name and fingerprint."""
    base = write_base(tmp_path / "base", llama_shapes())
    done = run("inspect", make_adapter(), "--base", base, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["measurements"]["base"]["name"] == str(base)
    assert report["subject"]["base_fingerprint"].startswith("sampled:")
    assert len(report["measurements"]["intruders"]["modules"]) == 8
    assert all(row["relative_spectral"] > 0 for row in report["measurements"]["relative"]["modules"])


def test_no_spectra(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Leaves out intruders and spectral norms, and nothing else."""
    base = write_base(tmp_path / "base", llama_shapes())
    done = run("inspect", make_adapter(), "--base", base, "--no-spectra", "--format", "json")
    assert done.returncode == 0
    measurements = json.loads(done.stdout)["measurements"]
    assert measurements.get("intruders") is None
    for row in measurements["relative"]["modules"]:
        assert row.get("relative_spectral") is None
        assert row["relative_frobenius"] > 0
        assert row["swallowed_share"] is not None


def test_another_shape_fails_the_gate(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """A base of other widths is a finding, not an error of reading."""
    base = write_base(tmp_path / "base", llama_shapes(d_in=40))
    done = run("inspect", make_adapter(), "--base", base, "--format", "json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert "LD407" in {finding["code"] for finding in report["findings"]}
    assert report["verdict"]["status"] == "fail"


@pytest.mark.parametrize("kind", ["missing", "empty", "adapter", "shard", "bin", "not-json"])
def test_a_base_that_cannot_be_used_is_3(make_adapter: MakeAdapter, tmp_path: Path, kind: str) -> None:
    """One line that names it, before any adapter is read."""
    base = tmp_path / "base"
    if kind == "adapter":
        base = make_adapter(name="other")
    elif kind == "shard":
        write_shards(base, base_tensors(), [3])
        (base / "model-00002-of-00002.safetensors").unlink()
    elif kind != "missing":
        base.mkdir()
        (base / "config.json").write_text("{" if kind == "not-json" else "{}")
        if kind == "bin":
            (base / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
        if kind == "not-json":
            write_base(base, llama_shapes())
            (base / "config.json").write_text("{")
    words = {"adapter": "adapter", "shard": "00002", "bin": "pickles", "not-json": "config.json"}
    assert_refused(run("inspect", make_adapter(), "--base", base), 3, words.get(kind, "base"))


def test_a_name_on_the_hub_that_is_not_in_the_cache(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Without a network: one line, and no traceback of a library."""
    pytest.importorskip("huggingface_hub")
    done = run(
        "inspect",
        make_adapter(),
        "--base",
        "someone/unheard-of",
        HF_HUB_OFFLINE="1",
        HF_HUB_CACHE=str(tmp_path / "hub"),
    )
    assert_refused(done, 3, "someone/unheard-of")


@pytest.mark.models
def test_a_device_that_does_not_exist(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Wrong usage."""
    pytest.importorskip("torch")
    base = write_base(tmp_path / "base", llama_shapes())
    assert_refused(run("inspect", make_adapter(), "--base", base, "--device", "nosuch"), 2, "--device nosuch")


def test_nothing_heavy_is_imported(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """On the CPU the pass over the base needs neither torch nor transformers; scipy is its own."""
    base = write_base(tmp_path / "base", {**llama_shapes(), "model.layers.0.self_attn.q_proj.weight": (32, 48)})
    arguments = ["inspect", str(make_adapter()), "--base", str(base), "--format", "json"]
    code = f"from loradiag.cli.main import cli\ntry: cli.main({arguments!r}, standalone_mode=False)\nexcept SystemExit: pass"
    assert not imported(code) & ({*HEAVY, "bitsandbytes", "huggingface_hub"} - {"scipy"})
