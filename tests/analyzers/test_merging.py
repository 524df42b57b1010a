"""Merged weights against PEFT's own ``merge_and_unload``, for every method and kind of layer that is merged here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.merging import LowRank, NotMergedError, Renormed, merge_of
from loradiag.analyzers.pairing import Pair, pair
from loradiag.analyzers.updates import Values
from loradiag.bases.opening import open_base
from loradiag.linalg.widen import Array, widen
from tests.adapters import peft_models as models
from tests.analyzers.small import llama_shapes, write_base
from tests.conftest import MakeAdapter, peft_arrays, write_safetensors

peft = pytest.importorskip("peft", reason="PEFT's own merge is the reference")

# PEFT warns of configurations that are meant here.
pytestmark = [pytest.mark.models, pytest.mark.filterwarnings("ignore")]

QV = ["q_proj", "v_proj"]
ALL = [*QV, "k_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
KINDS = ["linear", "square", "pointwise", "line"]


def gpt2() -> Any:
    """A GPT-2 of one block; its Conv1D layers keep weights [in, out], one of them square."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=16, n_head=2, vocab_size=30, n_positions=8))


def wider_layers() -> Any:
    """Layers wide enough that LoHa of rank 2 keeps thin factors."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Module()
    model.linear = nn.Linear(40, 50)
    return model


# Where LoKr's second factor of a Conv1d is stored whole, PEFT's torch.kron pads dimensions on the other side and permutes
# the update; LyCORIS does not, and neither does loradiag. So "line" is left out there.
Case = tuple[Callable[[], Any], str, dict[str, Any]]
CASES: dict[str, Case] = {
    "lora": (models.tiny_llama, "LoraConfig", {"target_modules": ALL, "r": 4, "lora_alpha": 10}),
    "rslora": (models.tiny_llama, "LoraConfig", {"target_modules": ALL, "r": 4, "use_rslora": True}),
    "patterns": (models.tiny_llama, "LoraConfig", {"target_modules": ALL, "rank_pattern": {"q_proj": 3}}),
    "dora": (models.tiny_llama, "LoraConfig", {"target_modules": ALL, "r": 4, "use_dora": True}),
    "adalora": (models.tiny_llama, "AdaLoraConfig", {"target_modules": QV, "init_r": 5, "total_step": 10}),
    "vera": (models.tiny_llama, "VeraConfig", {"target_modules": ALL, "r": 5, "save_projection": True}),
    "vera down": (models.tiny_llama, "VeraConfig", {"target_modules": ["down_proj", "q_proj"], "r": 5}),
    "ia3": (
        models.tiny_llama,
        "IA3Config",
        {"target_modules": ["k_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
    ),
    "ia3 gpt2": (
        gpt2,
        "IA3Config",
        {"target_modules": ["c_attn", "mlp.c_proj"], "feedforward_modules": ["mlp.c_proj"]},
    ),
    "conv1d": (gpt2, "LoraConfig", {"target_modules": ["c_attn", "c_proj", "c_fc"], "r": 3, "fan_in_fan_out": True}),
    "embedding": (models.tiny_llama, "LoraConfig", {"target_modules": ["embed_tokens", "lm_head"], "r": 4}),
    "kinds": (models.layers_of_all_kinds, "LoraConfig", {"target_modules": [*KINDS, "embedding"], "r": 3}),
    "loha": (models.layers_of_all_kinds, "LoHaConfig", {"target_modules": KINDS, "r": 3, "alpha": 5}),
    "loha thin": (wider_layers, "LoHaConfig", {"target_modules": ["linear"], "r": 2, "alpha": 5}),
    "loha tucker": (
        models.layers_of_all_kinds,
        "LoHaConfig",
        {"target_modules": KINDS, "r": 3, "alpha": 5, "use_effective_conv2d": True},
    ),
    "lokr": (models.layers_of_all_kinds, "LoKrConfig", {"target_modules": KINDS[:3], "r": 2, "alpha": 5}),
    "lokr both": (
        models.layers_of_all_kinds,
        "LoKrConfig",
        {"target_modules": KINDS, "r": 1, "alpha": 5, "decompose_both": True},
    ),
    "lokr tucker": (
        models.layers_of_all_kinds,
        "LoKrConfig",
        {"target_modules": KINDS, "r": 1, "alpha": 5, "use_effective_conv2d": True},
    ),
    "lokr whole": (models.layers_of_all_kinds, "LoKrConfig", {"target_modules": KINDS[:3], "r": 64, "alpha": 5}),
}


def merged(pair_: Pair, strip: int) -> Array:
    """W′ as it is put together here, in strips of so many rows."""
    assert pair_.weight is not None
    merge = merge_of(pair_, Values())
    parts = []
    for start in range(0, pair_.weight.shape[0], strip):
        rows = widen(pair_.weight.read(start, min(start + strip, pair_.weight.shape[0])), pair_.weight.dtype)
        parts.append(rows + merge.change(rows, start))
    return np.concatenate(parts)


def saved_base(model: Any, folder: Path) -> Path:
    """The model's weights before PEFT wraps it, and its configuration where it has one."""
    folder.mkdir(exist_ok=True)
    state = {name: tensor.detach().float().numpy() for name, tensor in model.state_dict().items()}
    write_safetensors(folder / "model.safetensors", state)
    if hasattr(model, "config"):
        model.config.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_every_method_merges_as_peft_does(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each adapted weight of the merged model, in float64, is what its pair comes to; strips change nothing."""
    import torch

    # torch.kron wants tensors that can be viewed flat, which PEFT's Tucker products are not.
    kron = lambda one, two: torch.from_numpy(np.kron(one.detach().numpy(), two.detach().numpy()))  # noqa: E731
    monkeypatch.setattr(torch, "kron", kron)
    make, kind, settings = CASES[name]
    base = open_base(saved_base(make(), tmp_path / "base"))
    wrapped = models.trained(make(), getattr(peft, kind)(**settings))
    for parameter_name, parameter in wrapped.named_parameters():
        if "magnitude" in parameter_name:
            parameter.data.mul_(torch.linspace(0.5, 1.5, parameter.numel()))
    wrapped.save_pretrained(tmp_path / "adapter")
    found = pair(open_adapter(tmp_path / "adapter"), base)
    reference = {key: tensor.numpy() for key, tensor in wrapped.double().merge_and_unload().state_dict().items()}
    assert found.pairs
    for pair_ in found.pairs:
        assert pair_.weight is not None, pair_.reason
        expected = reference[pair_.weight.name].reshape(pair_.weight.shape)
        original = widen(pair_.weight.read(0, pair_.weight.shape[0]), pair_.weight.dtype)
        assert np.abs(expected - original).max() > 1e-3
        for strip in (7, 10**6):
            np.testing.assert_allclose(merged(pair_, strip), expected, atol=2e-6 * np.abs(expected).max())


def test_saved_layers_replace_the_weight(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """W′ of a layer that is stored whole is what is stored."""
    from loradiag.analyzers.saved import saved_pairs

    head = np.random.default_rng(3).normal(0, 0.1, (60, 48)).astype(np.float32)
    arrays = {**peft_arrays(), "base_model.model.lm_head.weight": head}
    adapter = open_adapter(make_adapter(arrays, modules_to_save=["lm_head"]))
    base = open_base(write_base(tmp_path / "base", llama_shapes()))
    (found,) = saved_pairs(adapter, base, pair(adapter, base).renaming)
    np.testing.assert_allclose(merged(found, 7), head, rtol=1e-12)


def test_what_cannot_be_merged_says_why(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """A magnitude of another length, a row that DoRA would divide by zero, a factor that is not finite."""
    stem = "base_model.model.model.layers.0.self_attn.q_proj"
    base = open_base(write_base(tmp_path / "base", llama_shapes()))
    reasons = []
    for number, (name, array) in enumerate(
        [("lora_magnitude_vector", np.ones(31)), ("lora_A.weight", np.full((8, 48), np.inf))]
    ):
        arrays = {**peft_arrays(), f"{stem}.{name}": array.astype(np.float32)}
        adapter = open_adapter(make_adapter(arrays, name=f"a{number}", use_dora=number == 0))
        first = next(found for found in pair(adapter, base).pairs if found.module.name.endswith("0.self_attn.q_proj"))
        with pytest.raises(NotMergedError) as caught:
            merged(first, 7)
        reasons.append(str(caught.value))
    assert reasons == [
        "DoRA's magnitude has another length than the weight has rows",
        "the update has non-finite values",
    ]
    with pytest.raises(NotMergedError, match="a row of the merged weight is zero"):
        Renormed(LowRank(np.zeros((2, 1)), np.ones((1, 3))), np.ones(2)).change(np.array([[1.0, 2, 3], [0, 0, 0]]), 0)
