"""Checkpoints merged out of bases written by hand: what is copied beside the weights, and updates of whole stacks."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import loradiag
from loradiag.core.errors import InputError
from tests.bases.making import base_tensors, stored, write_base
from tests.conftest import MakeAdapter

pytestmark = pytest.mark.models

STACK = "model.layers.0.mlp.experts.gate_up_proj"


def saved(base: Path, adapter: Path, output: Path) -> list[str]:
    """Names of the files of the merged checkpoint, in FP32."""
    report: Any = loradiag.merge_drift(base, adapter, routes=("fp32",), fit=False)
    return loradiag.save_merged(base, adapter, output, report).files


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base with a tokenizer, in a folder where other things lie too."""
    folder = write_base(tmp_path / "base")
    for name in ("tokenizer.json", "vocab.txt", "diary.txt", "passwords.json", ".env", "optimizer.pt"):
        (folder / name).write_text(name)
    return folder


def test_a_directory_is_a_model(base: Path, make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """All small files that are no weights and not hidden go with it."""
    files = saved(base, make_adapter(), tmp_path / "out")
    own = {"README.md", "config.json", "loradiag-merge.json", "model.safetensors"}
    assert set(files) == own | {"tokenizer.json", "vocab.txt", "diary.txt", "passwords.json"}
    assert (tmp_path / "out" / "vocab.txt").read_text() == "vocab.txt"


def test_a_file_is_a_model_with_what_loaders_look_for(base: Path, make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """A weight file in a folder of downloads does not take the other downloads along."""
    files = saved(base / "model.safetensors", make_adapter(), tmp_path / "out")
    own = {"README.md", "config.json", "loradiag-merge.json", "model.safetensors"}
    assert set(files) == own | {"tokenizer.json", "vocab.txt"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_companion_that_cannot_be_read_is_named(base: Path, make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """It, and not the directory that is written."""
    (base / "vocab.txt").chmod(0)
    with pytest.raises(InputError, match=r"vocab\.txt: cannot be read"):
        saved(base, make_adapter(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_infinities_of_a_configuration(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """They stand in the new one as transformers reads them."""
    folder = write_base(tmp_path / "base")
    (folder / "config.json").write_text('{"time_step_limit": [0.0, Infinity], "who": "Zoë"}')
    saved(folder, make_adapter(), tmp_path / "out")
    text = (tmp_path / "out" / "config.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"time_step_limit": [0.0, math.inf], "who": "Zoë", "torch_dtype": "float32"}
    assert "Zoë" in text


def test_an_update_of_a_stack_as_a_whole(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """One pair of factors for all experts, one below the other, changes each of them."""
    rng = np.random.default_rng(0)
    stack = rng.normal(size=(3, 4, 5)).astype("<f4")
    folder = write_base(tmp_path / "base", {**base_tensors(), STACK: stored(stack)})
    a, b = rng.normal(size=(2, 5)).astype("<f4"), rng.normal(size=(12, 2)).astype("<f4")
    name = f"base_model.model.{STACK}"
    adapter = make_adapter({f"{name}.lora_A.weight": a, f"{name}.lora_B.weight": b}, r=2, lora_alpha=6)
    saved(folder, adapter, tmp_path / "out")
    merged = load_file(tmp_path / "out" / "model.safetensors")[STACK]
    expected = stack.astype(np.float64) + 3 * (b.astype(np.float64) @ a).reshape(3, 4, 5)
    np.testing.assert_allclose(merged, expected, rtol=1e-6, atol=1e-6)
