"""PEFT before 0.3 with ``enable_lora``: one pair of factors for several projections."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from tests.adapters import checks
from tests.conftest import SHARED, write_safetensors

NAME = "base_model.model.transformer.h.3.self_attention.query_key_value"
RNG = np.random.default_rng(11)
A, B = RNG.normal(size=(8, 10)).astype(np.float32), RNG.normal(size=(24, 4, 1)).astype(np.float32)


def _write(folder: Path, enabled: Any, **arrays: Any) -> Path:
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 6, "enable_lora": enabled}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    write_safetensors(
        folder / "adapter_model.safetensors", {f"{NAME}.lora_A.weight": A, f"{NAME}.lora_B.weight": B} | arrays
    )
    return folder


def test_projections(tmp_path: Path) -> None:
    """The old MergedLinear: a grouped convolution, so projection i takes the i-th part of A and of B."""
    adapter = open_adapter(_write(tmp_path, [True, False, True]))
    assert adapter.layout == "legacy-enable-lora"
    name = NAME.removeprefix("base_model.model.")
    expected = {
        f"{name}.q": checks.spectrum(1.5 * (B[:12, :, 0] @ A[:4])),
        f"{name}.v": checks.spectrum(1.5 * (B[12:, :, 0] @ A[4:])),
    }
    checks.assert_same_spectra(checks.our_spectra(adapter), expected)
    assert [(module.place.role, module.place.layer) for module in adapter.modules] == [
        ("attention.q", 3),
        ("attention.v", 3),
    ]
    assert not adapter.parts.problems
    checks.assert_accounted(adapter)


def test_other_tensors(tmp_path: Path) -> None:
    """What does not divide, or is no factor, is named as everywhere."""
    odd = {
        "base_model.model.h.0.x.lora_A.weight": A[:3],
        "base_model.model.score.modules_to_save.weight": A,
        "other": A,
        "base_model.model.h.1.x.lora_B.weight": np.float32(1),
    }
    adapter = open_adapter(_write(tmp_path, [True, False, True], **odd))
    assert [extra.kind for extra in adapter.parts.extras] == ["saved"]
    assert set(adapter.parts.unexpected) == set(odd) - {"base_model.model.score.modules_to_save.weight"}
    checks.assert_accounted(adapter)


def test_other_numbers_of_projections_are_refused(tmp_path: Path) -> None:
    """Nobody knows what two or four flags stand for."""
    checks.assert_unreadable(_write(tmp_path, [True, False]), "config", says="enable_lora")


@pytest.mark.shared
@pytest.mark.models
def test_bloom_in_the_wild() -> None:
    """A public adapter of this kind comes apart into queries and values of 24 layers."""
    path = SHARED / "wild" / "bloom-legacy-enable-lora"
    if not path.is_dir():
        pytest.skip("no shared adapters beside the repository")
    pytest.importorskip("torch", reason="its weights are a torch file")
    adapter = open_adapter(path, allow_pickle=True)
    assert len(adapter.modules) == 48
    assert not adapter.parts.problems
    checks.assert_accounted(adapter)
