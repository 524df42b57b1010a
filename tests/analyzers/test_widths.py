"""VeRA's input widths, where only the base knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

import loradiag
from tests.conftest import FIXTURES

BASE = FIXTURES / "base"


@pytest.mark.models
def test_the_base_completes_vera(tmp_path: Path) -> None:
    """Spectra and relative updates are PEFT's own; without the base the verdict is inconclusive."""
    import torch
    from peft import VeraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    before = {name: value.detach().double() for name, value in model.named_parameters()}
    before = {name: value.clone() for name, value in before.items()}
    adapted = get_peft_model(model, VeraConfig(r=4, target_modules=["lm_head", "down_proj"]))
    torch.manual_seed(0)
    for name, value in adapted.named_parameters():
        if "vera_lambda_b" in name:
            value.data = torch.randn_like(value) * 0.1
    with pytest.warns(UserWarning, match="save_embedding_layers"):  # a copy of the head, which is no second update
        adapted.save_pretrained(tmp_path)
    assert loradiag.inspect(tmp_path).verdict.status.value == "inconclusive"  # a head and an MLP have different widths
    report = loradiag.inspect(tmp_path, BASE)
    after = dict(adapted.merge_and_unload().named_parameters())
    spectrum, relative = report.measurements.spectrum, report.measurements.relative
    assert report.verdict.status.value == "pass"
    assert spectrum is not None
    assert relative is not None
    assert [row.d_in for row in spectrum.modules] == [96, 192, 192, 192, 192]
    for row, beside in zip(spectrum.modules, relative.modules, strict=True):
        change = after[f"{row.name}.weight"].double() - before[f"{row.name}.weight"]
        assert row.frobenius_norm == pytest.approx(change.norm().item(), rel=1e-5)
        assert beside.update_frobenius == pytest.approx(change.norm().item(), rel=1e-5)
