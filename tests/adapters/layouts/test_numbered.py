"""Layouts whose tensors carry numbers instead of names: cloneofsimo, SAM, and bare lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from tests.adapters import checks
from tests.conftest import write_safetensors

RNG = np.random.default_rng(7)
DOWN, UP = RNG.normal(size=(2, 4, 10)).astype(np.float32), RNG.normal(size=(2, 12, 4)).astype(np.float32)


def test_cloneofsimo(tmp_path: Path) -> None:
    """The number stands for the layer, the word before it for the part of the pipeline."""
    arrays = {"unet:0:down": DOWN[0], "unet:0:up": UP[0], "text_encoder:7:down": DOWN[1], "text_encoder:7:up": UP[1]}
    write_safetensors(tmp_path / "x.safetensors", arrays | {"<s1>": UP[0, :, 0]})
    adapter = open_adapter(tmp_path)
    assert adapter.layout == "cloneofsimo"
    expected = {"unet.0": checks.spectrum(UP[0] @ DOWN[0]), "text_encoder.7": checks.spectrum(UP[1] @ DOWN[1])}
    checks.assert_same_spectra(checks.our_spectra(adapter), expected)
    assert [(module.place.stack, module.place.layer) for module in adapter.modules] == [
        ("unet", 0),
        ("text_encoder", 7),
    ]
    assert [extra.kind for extra in adapter.parts.extras] == ["saved"]
    checks.assert_accounted(adapter)


def test_sam(tmp_path: Path) -> None:
    """Even numbers are queries, odd ones values; half a pair is a problem."""
    arrays = {"w_a_000": DOWN[0], "w_b_000": UP[0], "w_a_001": DOWN[1], "w_b_001": UP[1], "w_a_002": DOWN[0]}
    write_safetensors(tmp_path / "x.safetensors", arrays)
    adapter = open_adapter(tmp_path)
    assert adapter.layout == "sam"
    expected = {
        "image_encoder.blocks.0.attn.qkv.q": checks.spectrum(UP[0] @ DOWN[0]),
        "image_encoder.blocks.0.attn.qkv.v": checks.spectrum(UP[1] @ DOWN[1]),
    }
    checks.assert_same_spectra(checks.our_spectra(adapter), expected)
    assert [module.place.role for module in adapter.modules] == ["attention.q", "attention.v"]
    assert [(problem.kind, problem.module) for problem in adapter.parts.problems] == [
        ("unpaired", "image_encoder.blocks.1.attn.qkv.q")
    ]
    assert adapter.parts.broken == ["w_a_002"]
    checks.assert_accounted(adapter)


@pytest.mark.models
def test_list_of_tensors(tmp_path: Path) -> None:
    """A list holds up and down factors in turn."""
    torch = pytest.importorskip("torch", reason="lists of tensors are pickles of torch")
    tensors = [torch.from_numpy(part) for pair in zip(UP, DOWN, strict=True) for part in pair]
    torch.save(tensors, tmp_path / "x.pt")
    adapter = open_adapter(tmp_path, allow_pickle=True)
    assert adapter.layout == "tensor-list"
    expected = {"pair.0": checks.spectrum(UP[0] @ DOWN[0]), "pair.1": checks.spectrum(UP[1] @ DOWN[1])}
    checks.assert_same_spectra(checks.our_spectra(adapter), expected)
    checks.assert_accounted(adapter)
