"""A live model measures as the checkpoint does that PEFT writes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

import loradiag
from loradiag.api.judging import default_policy
from loradiag.callbacks.gathering import copied
from loradiag.callbacks.living import LiveAdapter
from loradiag.callbacks.measuring import LIVE, measure, with_files
from loradiag.core.errors import UsageError
from loradiag.core.report import Report
from tests.adapters.peft_models import tiny_llama, trained

pytestmark = pytest.mark.models

TARGETS = ["q_proj", "k_proj", "v_proj", "down_proj"]


def measured(model: Any, name: str | None = None) -> tuple[LiveAdapter, Any, Report]:
    """Measure a live model."""
    import torch

    live = LiveAdapter(model, name)
    adapter = live.adapter(copied(live.parameters(), torch.device("cpu"), keep=True))
    return live, adapter, measure(adapter, 7, default_policy())


def assert_same(live: Report, stored: Report) -> None:
    """Every number and every finding is the same; what is about files is left out."""
    mine, theirs = live.measurements, stored.measurements
    for name in LIVE:
        if name != "identity":
            assert getattr(mine, name) == getattr(theirs, name), name
    assert mine.identity is not None
    assert theirs.identity is not None
    assert msgspec.structs.replace(mine.identity, weight_files=[]) == msgspec.structs.replace(
        theirs.identity, weight_files=[]
    )
    assert [(row.code, row.fingerprint, row.message) for row in live.findings] == [
        (row.code, row.fingerprint, row.message) for row in stored.findings
    ]
    assert live.accounting == stored.accounting
    assert live.verdict == stored.verdict


def lora(**changes: Any) -> Any:
    """A LoRA configuration."""
    from peft import LoraConfig

    return LoraConfig(**{"r": 4, "lora_alpha": 8, "target_modules": TARGETS, "task_type": "CAUSAL_LM", **changes})


CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "patterns": {"rank_pattern": {"q_proj": 2, "layers.1.mlp.down_proj": 6}, "alpha_pattern": {"v_proj": 3}},
    "rslora-patterns": {"use_rslora": True, "rank_pattern": {"k_proj": 3}},
    "modules-to-save": {"modules_to_save": ["lm_head"]},
    "bias": {"bias": "lora_only"},
    "embedding": {"target_modules": ["q_proj", "embed_tokens"]},
    "regex": {"target_modules": r".*\.1\.self_attn\.[qv]_proj"},
    "pissa": {"init_lora_weights": "pissa"},
}


@pytest.mark.parametrize("changes", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_live_model_measures_as_its_checkpoint(tmp_path: Path, changes: dict[str, Any], dtype: str) -> None:
    """All analyzers, all findings, to the last bit, for what PEFT can make of LoRA."""
    import torch

    model = trained(tiny_llama(), lora(**changes))
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(getattr(torch, dtype))
            if "magnitude" in name:
                parameter.data *= 1.01
    _, adapter, report = measured(model)
    model.save_pretrained(tmp_path, save_embedding_layers=False)
    stored = loradiag.inspect(tmp_path)
    assert report.measurements.spectrum is not None
    assert len(report.measurements.spectrum.modules) > 1
    assert_same(report, stored)
    filed = with_files(report, adapter, tmp_path, default_policy())
    assert msgspec.structs.replace(filed.subject, step=None) == stored.subject
    assert filed.measurements == stored.measurements
    assert filed.subject.step == 7


@pytest.mark.parametrize("kind", ["AdaLoraConfig", "LoHaConfig", "LoKrConfig", "IA3Config", "VeraConfig"])
def test_other_methods_measure_as_their_checkpoints(tmp_path: Path, kind: str) -> None:
    """What ``inspect`` can read of PEFT, the callback can."""
    import peft

    settings: dict[str, Any] = {"target_modules": TARGETS[:1], "task_type": "CAUSAL_LM"}
    settings |= {"AdaLoraConfig": {"total_step": 10}, "IA3Config": {"feedforward_modules": []}}.get(kind, {})
    model = trained(tiny_llama(), getattr(peft, kind)(**settings))
    model.save_pretrained(tmp_path)
    assert_same(measured(model)[2], loradiag.inspect(tmp_path))


def test_only_the_adapter_that_was_named_is_measured(tmp_path: Path) -> None:
    """Of two adapters, the active one unless another is named; both as their own checkpoints."""
    import torch

    model = trained(tiny_llama(), lora())
    model.add_adapter("other", lora(r=2, target_modules=["o_proj"]))
    torch.manual_seed(3)
    for name, parameter in model.named_parameters():
        if "other" in name:
            torch.nn.init.normal_(parameter, 0, 0.1)
    model.save_pretrained(tmp_path)
    live, _, first = measured(model)
    assert live.name == "default"
    assert_same(first, loradiag.inspect(tmp_path / "adapter_model.safetensors"))
    assert_same(measured(model, "other")[2], loradiag.inspect(tmp_path / "other"))
    model.set_adapter("other")
    assert measured(model)[0].name == "other"
    with pytest.raises(UsageError, match="no adapter of the model is called 'third'; it has default, other"):
        LiveAdapter(model, "third")


def test_an_adapter_of_transformers_itself(tmp_path: Path) -> None:
    """``model.add_adapter``, without a PeftModel around it."""
    import torch

    model = tiny_llama()
    model.add_adapter(lora(), "mine")
    torch.manual_seed(3)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, 0, 0.1)
    model.save_pretrained(tmp_path)
    live, _, report = measured(model)
    assert live.name == "mine"
    stored = loradiag.inspect(tmp_path)
    assert report.measurements.spectrum == stored.measurements.spectrum
    assert report.measurements.scale == stored.measurements.scale


def test_a_model_without_an_adapter_is_refused() -> None:
    """With a sentence that says what to do."""
    with pytest.raises(UsageError, match=r"no PEFT adapter: give the Trainer a model from peft\.get_peft_model"):
        LiveAdapter(tiny_llama())


def test_a_wrapped_model_is_looked_into() -> None:
    """DistributedDataParallel and torch.compile put theirs around the model."""
    import torch

    model = trained(tiny_llama(), lora())
    outer = torch.nn.Module()
    outer.module = model
    assert LiveAdapter(outer).parameters().keys() == LiveAdapter(model).parameters().keys()
    assert LiveAdapter(torch.compile(model)).parameters().keys() == LiveAdapter(model).parameters().keys()


def test_another_scale_than_the_configuration_s_is_seen() -> None:
    """A layer whose scale was set by hand runs at it, and its checkpoint will not say so."""
    model = trained(tiny_llama(), lora(use_rslora=True))
    live, adapter, _ = measured(model)
    assert live.rescaled(adapter) == {}
    layer = model.base_model.model.model.layers[1].self_attn.q_proj
    layer.set_scale("default", 3)
    assert live.rescaled(adapter) == {"model.layers.1.self_attn.q_proj": (12.0, 4.0)}


def test_parameters_that_were_replaced_are_found() -> None:
    """What holds a parameter is remembered, not the parameter."""
    import torch

    model = trained(tiny_llama(), lora())
    live = LiveAdapter(model)
    name = next(key for key in live.parameters() if key.endswith("layers.0.self_attn.q_proj.lora_B.weight"))
    layer = model.base_model.model.model.layers[0].self_attn.q_proj.lora_B["default"]
    layer.weight = torch.nn.Parameter(torch.full_like(layer.weight, 2.5))
    assert live.parameters()[name].mean().item() == 2.5


def test_copies_do_not_follow_the_model() -> None:
    """Training goes on while the copies are looked at."""
    import torch

    model = trained(tiny_llama(), lora())
    live = LiveAdapter(model)
    values = copied(live.parameters(), torch.device("cpu"), keep=True)
    before = {name: array.copy() for name, (_, _, array) in values.items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert all((values[name][2] == before[name]).all() for name in before)
    assert copied(live.parameters(), torch.device("cpu"), keep=False) == {}
