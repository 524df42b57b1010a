"""Folds beside PEFT's own merges, bit for bit: W + Δ as ``merge_and_unload`` leaves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.analyzers.merge.fold import ExactFold, fold_of
from loradiag.analyzers.merge.routes import ROUTES
from loradiag.analyzers.updates import Values
from tests.analyzers.merge.making import (
    TORCH,
    adapter_of,
    along,
    base_of,
    differing,
    gpt2,
    inspected,
    llama,
    loaded,
    merged,
    pairs_of,
    rounded,
    swapped,
)

torch: Any = pytest.importorskip("torch", reason="weights are torch tensors")
pytest.importorskip("peft", reason="its merges are the reference")

pytestmark = pytest.mark.models

PLAIN = ["bf16", "fp16", "fp32"]
BIASED = {"attention_bias": True, "mlp_bias": True}

LORA: dict[str, dict[str, Any]] = {
    "plain": {},
    "rslora": {"use_rslora": True},
    "patterns": {
        "rank_pattern": {"q_proj": 2, r"layers\.1\..*up_proj": 7},
        "alpha_pattern": {"v_proj": 5, "down_proj": 11},
    },
    "dora": {"use_dora": True},
    "dora with rslora": {"use_dora": True, "use_rslora": True},
    "all linear": {"target_modules": "all-linear"},
    "embedding and head": {"target_modules": ["embed_tokens", "lm_head", "q_proj"]},
    "stored whole": {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"]},
    "gate stored whole": {"target_modules": ["q_proj"], "modules_to_save": ["gate_proj"]},
    "all biases": {"bias": "all"},
    "own biases": {"bias": "lora_only"},
}


def check(model: Any, folder: Path, precision: str, route: str, **config: Any) -> None:
    """Every parameter of the model with the route put in is that of PEFT's merge into the base loaded in that precision."""
    base = base_of(model, folder / "base", precision)
    adapter = adapter_of(rounded(model, precision), folder / "adapter", **config)
    inspection = inspected(base, adapter)
    ours = swapped(inspection, stored=precision)
    ours.put_route(ROUTES[route])
    theirs = merged(loaded(base, route), adapter)
    assert differing(ours.model, theirs) == []
    assert differing(theirs, loaded(base, route)) != []  # it is no merge of nothing
    for name, one in along(inspection, route).items():
        assert one.stored.values.dtype == getattr(torch, TORCH[route])
        assert one.stored.values.equal(theirs.state_dict()[name])


@pytest.mark.parametrize("route", PLAIN)
@pytest.mark.parametrize("kind", LORA)
def test_folds_are_those_of_peft(kind: str, route: str, tmp_path: Path) -> None:
    """Each kind of update, into a BF16 base that is loaded in another precision, or in its own."""
    check(llama(**BIASED), tmp_path, "bf16", route, **LORA[kind])


@pytest.mark.parametrize(
    ("precision", "route"), [("fp16", "fp16"), ("fp16", "bf16"), ("fp32", "fp32"), ("fp32", "fp16")]
)
@pytest.mark.parametrize("kind", ["plain", "dora", "embedding and head", "all biases"])
def test_bases_of_other_precisions(kind: str, precision: str, route: str, tmp_path: Path) -> None:
    """FP16 and FP32 checkpoints."""
    check(llama(**BIASED), tmp_path, precision, route, **LORA[kind])


@pytest.mark.parametrize("route", PLAIN)
@pytest.mark.parametrize("rslora", [False, True])
def test_weights_that_are_stored_transposed(rslora: bool, route: str, tmp_path: Path) -> None:
    """GPT-2's Conv1D: ``fan_in_fan_out``."""
    targets = ["c_attn", "c_proj", "c_fc"]
    check(gpt2(), tmp_path, "bf16", route, target_modules=targets, fan_in_fan_out=True, use_rslora=rslora)


def test_adapters_stored_in_16_bits(tmp_path: Path) -> None:
    """PEFT widens them to FP32 when it loads them."""
    from safetensors.torch import load_file, save_file

    model = llama()
    adapter = adapter_of(model, tmp_path / "adapter")
    file = adapter / "adapter_model.safetensors"
    save_file({name: tensor.bfloat16() for name, tensor in load_file(file).items()}, file)
    base = base_of(model, tmp_path / "base")
    theirs = merged(loaded(base, "bf16"), adapter).state_dict()
    for name, one in along(inspected(base, adapter), "bf16").items():
        assert one.stored.values.equal(theirs[name])


@pytest.mark.parametrize("kind", LORA)
def test_the_exact_change(kind: str, tmp_path: Path) -> None:
    """Δ is what PEFT's merge into an FP64 base adds, whole or in strips of rows."""
    model = rounded(llama(**BIASED), "bf16")
    base, adapter = base_of(model, tmp_path / "base"), adapter_of(model, tmp_path / "adapter", **LORA[kind])
    before = loaded(base).double()
    old = {name: tensor.clone() for name, tensor in before.state_dict().items()}
    new = merged(before, adapter).state_dict()
    for pair in pairs_of(inspected(base, adapter)):
        assert pair.weight is not None
        name = pair.weight.name
        fold, rows = fold_of(pair, Values()), old[name]
        change = fold.change(rows, 0).double()
        torch.testing.assert_close(change, new[name] - rows, rtol=0, atol=2e-6)
        assert float(change.norm()) > 0.1
        parts = [fold.change(rows[start : start + 7], start).double() for start in range(0, rows.shape[0], 7)]
        torch.testing.assert_close(torch.cat(parts), change, rtol=0, atol=1e-12)
        strips = [fold.merged(rows[start : start + 7].float(), start) for start in range(0, rows.shape[0], 7)]
        torch.testing.assert_close(torch.cat(strips), fold.merged(rows.float(), 0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("make", ["LoHaConfig", "LoKrConfig", "VeraConfig", "IA3Config"])
def test_other_methods_are_folded_exactly(make: str, tmp_path: Path) -> None:
    """To the last bit of FP32, beside PEFT's merge in FP64."""
    import peft

    from tests.adapters.peft_models import trained

    model = llama()
    more: dict[str, Any] = {"feedforward_modules": ["down_proj"]} if make == "IA3Config" else {"r": 4}
    config = getattr(peft, make)(target_modules=["q_proj", "down_proj"], **more)
    if make == "VeraConfig":
        config.target_modules = ["q_proj"]
    trained(model, config).save_pretrained(tmp_path / "adapter")
    base = base_of(llama(), tmp_path / "base")
    inspection = inspected(base, tmp_path / "adapter")
    theirs = merged(loaded(base).double(), tmp_path / "adapter").state_dict()
    for pair in pairs_of(inspection):
        assert pair.weight is not None
        assert isinstance(fold_of(pair, Values()), ExactFold)
        ours = along(inspection, "fp32")[pair.weight.name].stored.values
        np.testing.assert_allclose(ours.double(), theirs[pair.weight.name], rtol=3e-7, atol=3e-7)


def test_layers_of_other_kinds(tmp_path: Path) -> None:
    """An embedding and convolutions, which a causal model need not have: PEFT forms the update of kernels in another order."""
    from peft import LoraConfig
    from safetensors.torch import save_file

    from tests.adapters.peft_models import layers_of_all_kinds, trained

    config = LoraConfig(r=3, lora_alpha=5, target_modules=["linear", "embedding", "square", "pointwise", "line"])
    trained(layers_of_all_kinds(), config).save_pretrained(tmp_path / "adapter")
    (tmp_path / "base").mkdir()
    weights = {name: tensor.clone() for name, tensor in layers_of_all_kinds().state_dict().items()}
    save_file(weights, tmp_path / "base" / "model.safetensors")
    theirs = merged(layers_of_all_kinds(), tmp_path / "adapter").state_dict()
    found = along(inspected(tmp_path / "base", tmp_path / "adapter"), "fp32")
    assert len(found) == 5
    for name, one in found.items():
        values = one.stored.values.reshape(theirs[name].shape)
        if name in ("linear.weight", "embedding.weight", "pointwise.weight"):
            assert values.equal(theirs[name]), name
        torch.testing.assert_close(values, theirs[name], rtol=0, atol=1e-6)
        assert not values.equal(weights[name])
