"""Updates and scales as PEFT itself computes them, for every kind of layer and configuration that is analysed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.adapters import checks
from tests.adapters import peft_models as models

pytest.importorskip("torch", reason="PEFT's own modules are the reference")
pytest.importorskip("peft", reason="PEFT's own modules are the reference")
pytest.importorskip("transformers", reason="the small Llama comes from transformers")

# PEFT warns of configurations that are meant here.
pytestmark = [pytest.mark.models, pytest.mark.filterwarnings("ignore")]

QKVO = ["q_proj", "k_proj", "v_proj", "o_proj"]
ALL = [*QKVO, "gate_proj", "up_proj", "down_proj"]

LORA: dict[str, dict[str, Any]] = {
    "plain": {"r": 4, "lora_alpha": 10},
    "defaults": {},
    "negated": {"r": 4, "lora_alpha": -8},
    "rslora": {"r": 4, "lora_alpha": 10, "use_rslora": True},
    "rslora-patterns": {
        "r": 4,
        "lora_alpha": 10,
        "use_rslora": True,
        "rank_pattern": {"q_proj": 6},
        "alpha_pattern": {"v_proj": 3},
    },
    "suffixes": {"r": 4, "rank_pattern": {"self_attn.q_proj": 2, "down_proj": 7}, "alpha_pattern": {"down_proj": 1}},
    "regexes": {
        "r": 4,
        "rank_pattern": {r"^model\.layers\.1\..*": 3},
        "alpha_pattern": {r"layers\.\d+\.mlp\.(up|gate)_proj": 5},
    },
    "first-wins": {
        "r": 4,
        "rank_pattern": {"layers.0.self_attn.q_proj": 2, "q_proj": 6},
        "alpha_pattern": {r".*self_attn.*": 7, "q_proj": 9},
    },
    "order-lost-in-saving": {"r": 4, "alpha_pattern": {"q_proj": 9, r".*self_attn.*": 7}},
    "overlapping-names": {
        "r": 4,
        "rank_pattern": {"proj": 2, "_proj": 2, "v": 3},
        "alpha_pattern": {"o_pro": 3, "k_proj": 3},
    },
    "dora": {"r": 4, "lora_alpha": 10, "use_dora": True},
    "layers": {"r": 4, "layers_to_transform": [1]},
    "pissa": {"r": 4, "init_lora_weights": "pissa"},
    "biases": {"r": 4, "lora_bias": True, "target_modules": QKVO},
}


@pytest.mark.parametrize("name", LORA)
def test_lora_on_linear_layers(name: str, tmp_path: Path) -> None:
    """Scale and singular values of every module are those that PEFT serves, whatever the configuration.

    PEFT sorts the keys of what it saves, so a pattern whose keys overlap can mean another thing after it was loaded. What
    is served counts.
    """
    from peft import LoraConfig, PeftModel

    trained = models.trained(models.tiny_llama(), LoraConfig(**({"target_modules": ALL} | LORA[name])))
    adapter = models.saved(trained, tmp_path)
    wrapped = PeftModel.from_pretrained(models.tiny_llama(), str(tmp_path))
    scales = {module: layer.scaling["default"] for module, layer in models.peft_layers(wrapped).items()}
    assert {module.name: module.scale.value for module in adapter.modules} == pytest.approx(scales, rel=1e-12)
    assert {module.rank for module in adapter.modules} == {
        layer.r["default"] for layer in models.peft_layers(wrapped).values()
    }
    assert not adapter.parts.problems
    checks.assert_accounted(adapter)
    checks.assert_same_spectra(checks.our_spectra(adapter), models.peft_spectra(wrapped))


def test_lora_on_other_layers(tmp_path: Path) -> None:
    """Convolutions count as [out, in·kernel], and an embedding's factors lie the other way round."""
    from peft import LoraConfig

    targets = ["embedding", "linear", "square", "pointwise", "line"]
    wrapped = models.trained(models.layers_of_all_kinds(), LoraConfig(r=3, lora_alpha=5, target_modules=targets))
    adapter = models.saved(wrapped, tmp_path)
    checks.assert_accounted(adapter)
    checks.assert_same_spectra(checks.our_spectra(adapter), models.peft_spectra(wrapped))
    shapes = {module.name: (module.d_out, module.d_in) for module in adapter.modules}
    assert shapes == {
        "embedding": (16, 20),
        "linear": (40, 24),
        "square": (10, 54),
        "pointwise": (10, 6),
        "line": (12, 40),
    }


def test_transposed_layers(tmp_path: Path) -> None:
    """GPT-2 stores weights transposed and PEFT sets fan_in_fan_out: the singular values do not care."""
    from peft import LoraConfig
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=16, n_head=2, vocab_size=30, n_positions=8))
    wrapped = models.trained(model, LoraConfig(r=3, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True))
    adapter = models.saved(wrapped, tmp_path)
    checks.assert_same_spectra(checks.our_spectra(adapter), models.peft_spectra(wrapped))
    assert {module.place.role for module in adapter.modules} == {"attention.qkv", "attention.o", "mlp.up", "mlp.down"}


LYCORIS: dict[str, tuple[str, dict[str, Any]]] = {
    "loha": ("LoHaConfig", {"r": 3, "alpha": 5}),
    "loha-tucker": ("LoHaConfig", {"r": 3, "alpha": 5, "use_effective_conv2d": True}),
    "loha-patterns": ("LoHaConfig", {"r": 3, "rank_pattern": {"linear": 2}, "alpha_pattern": {"square": 9}}),
    "lokr": ("LoKrConfig", {"r": 2, "alpha": 5}),
    "lokr-both": ("LoKrConfig", {"r": 1, "alpha": 5, "decompose_both": True}),
    "lokr-tucker": ("LoKrConfig", {"r": 1, "alpha": 5, "use_effective_conv2d": True}),
    "lokr-both-tucker": ("LoKrConfig", {"r": 1, "alpha": 5, "decompose_both": True, "use_effective_conv2d": True}),
    "lokr-whole": ("LoKrConfig", {"r": 64, "alpha": 5}),
    "lokr-factor": ("LoKrConfig", {"r": 2, "alpha": 5, "decompose_factor": 2}),
    "lokr-patterns": ("LoKrConfig", {"r": 1, "rank_pattern": {"linear": 2}, "alpha_pattern": {"square": 9}}),
}


@pytest.mark.parametrize("name", LYCORIS)
def test_hadamard_and_kronecker_products(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LoHa and LoKr, with sides stored whole, as products and with Tucker cores, agree with PEFT's dense update."""
    import peft
    import torch

    # torch.kron wants tensors that can be viewed flat, which PEFT's Tucker products are not.
    kron = lambda one, two: torch.from_numpy(np.kron(one.detach().numpy(), two.detach().numpy()))  # noqa: E731
    monkeypatch.setattr(torch, "kron", kron)
    kind, settings = LYCORIS[name]
    targets = ["linear", "square", "pointwise", "line"]
    wrapped = models.trained(models.layers_of_all_kinds(), getattr(peft, kind)(target_modules=targets, **settings))
    adapter = models.saved(wrapped, tmp_path)
    checks.assert_accounted(adapter)
    checks.assert_same_spectra(checks.our_spectra(adapter), models.peft_spectra(wrapped))


@pytest.mark.parametrize("alpha", [6, 0])
def test_adalora(alpha: int, tmp_path: Path) -> None:
    """AdaLoRA divides by its initial rank and 1e-5, and takes α = 0 for no α."""
    from peft import AdaLoraConfig

    config = AdaLoraConfig(init_r=5, lora_alpha=alpha, target_modules=QKVO, total_step=10)
    wrapped = models.trained(models.tiny_llama(), config)
    adapter = models.saved(wrapped, tmp_path)
    checks.assert_accounted(adapter)
    checks.assert_same_spectra(checks.our_spectra(adapter), models.peft_spectra(wrapped))


@pytest.mark.parametrize("alpha", [6, 0])
def test_pruned_adalora(alpha: int, tmp_path: Path) -> None:
    """A pruned module keeps the divisor of its initial rank; one that is pruned to nothing has no directions."""
    import torch
    from peft import AdaLoraConfig, PeftModel

    config = AdaLoraConfig(init_r=5, lora_alpha=alpha, target_modules=["q_proj", "v_proj"], total_step=10)
    wrapped = models.trained(models.tiny_llama(), config)
    kept = {"0.self_attn.q_proj": [1, 0, 1, 1, 0], "0.self_attn.v_proj": [0] * 5, "1.self_attn.q_proj": [1] * 5}
    kept |= {"1.self_attn.v_proj": [0, 0, 0, 0, 1]}
    wrapped.peft_config["default"].rank_pattern = {
        f"model.layers.{name}.lora_E.default": [bool(flag) for flag in flags] for name, flags in kept.items()
    }
    adapter = models.saved(wrapped, tmp_path)
    assert {module.name: module.rank for module in adapter.modules} == {
        f"model.layers.{name}": sum(flags) for name, flags in kept.items()
    }
    assert not adapter.parts.problems
    checks.assert_accounted(adapter)
    served = PeftModel.from_pretrained(models.tiny_llama(), str(tmp_path))
    expected = models.peft_spectra(served)
    empty = "model.layers.0.self_attn.v_proj"
    assert not expected.pop(empty).any()
    ours = checks.our_spectra(adapter)
    assert ours.pop(empty).size == 0
    checks.assert_same_spectra(ours, expected)
    assert isinstance(served, torch.nn.Module)


def test_adalora_without_its_singular_values_is_broken(tmp_path: Path) -> None:
    """PEFT fills a missing E with zeros, so that the module does nothing: it must not pass for plain LoRA."""
    from peft import AdaLoraConfig
    from safetensors.torch import load_file, save_file

    config = AdaLoraConfig(init_r=5, target_modules=["q_proj"], total_step=10)
    models.saved(models.trained(models.tiny_llama(), config), tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    save_file({name: tensor for name, tensor in load_file(path).items() if "lora_E" not in name}, path)
    adapter = models.open_adapter(tmp_path)
    assert [problem.kind for problem in adapter.parts.problems] == ["unpaired", "unpaired"]
    assert not adapter.modules
    checks.assert_accounted(adapter)


VERA = {
    "residual readers": (["q_proj", "k_proj", "v_proj"], {"q_proj": 32, "k_proj": 32, "v_proj": 32}),
    "all": (
        ALL,
        {"q_proj": 32, "k_proj": 32, "v_proj": 32, "o_proj": 32, "gate_proj": 32, "up_proj": 32, "down_proj": 48},
    ),
    "down alone": (["down_proj"], {"down_proj": 48}),
    "readers and down": (["q_proj", "down_proj"], {"q_proj": 32, "down_proj": None}),
}


@pytest.mark.parametrize("name", VERA)
def test_vera(name: str, tmp_path: Path) -> None:
    """Input widths of VeRA modules are found where the other modules make them certain, and then the update is exact."""
    from peft import VeraConfig

    targets, widths = VERA[name]
    wrapped = models.trained(models.tiny_llama(), VeraConfig(r=5, target_modules=targets, save_projection=True))
    adapter = models.saved(wrapped, tmp_path)
    assert {module.name.rpartition(".")[2]: module.d_in for module in adapter.modules} == widths
    checks.assert_accounted(adapter)
    known = {module.name for module in adapter.modules if module.d_in is not None}
    expected = {name: sigma for name, sigma in models.peft_spectra(wrapped).items() if name in known}
    checks.assert_same_spectra(checks.our_spectra(adapter), expected)


def test_vera_from_a_seed_is_unsupported(tmp_path: Path) -> None:
    """Without the shared projections the update is not in the file, and loradiag says so."""
    from peft import VeraConfig

    wrapped = models.trained(models.tiny_llama(), VeraConfig(r=5, target_modules=QKVO, save_projection=False))
    adapter = models.saved(wrapped, tmp_path)
    assert not adapter.modules
    assert len(adapter.parts.unsupported) == len(adapter.tensors)
    assert {row.reason for row in adapter.parts.unsupported} == {
        "VERA without its shared projections (save_projection=false): they come from a seed"
    }


def _experts(names: list[str]) -> Any:
    import torch
    from torch import nn

    torch.manual_seed(0)
    layer = nn.Module()
    layer.gate_up_proj = nn.Parameter(torch.randn(3, 24, 10))
    layer.down_proj = nn.Parameter(torch.randn(3, 10, 12))
    model = nn.Module()
    model.mlp = nn.Module()
    model.mlp.experts = layer
    model.q_proj = nn.Linear(10, 14)
    return model


@pytest.mark.parametrize(
    ("targets", "settings"),
    [
        (["mlp.experts.gate_up_proj"], {}),
        (["mlp.experts.down_proj"], {"rank_pattern": {"mlp.experts.down_proj": 3}}),
        (["mlp.experts.gate_up_proj", "mlp.experts.down_proj"], {}),
        (
            ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"],
            {"rank_pattern": {"experts.down_proj": 3}, "alpha_pattern": {"experts.gate_up_proj": 7}},
        ),
    ],
)
def test_stacked_experts(targets: list[str], settings: dict[str, Any], tmp_path: Path) -> None:
    """``target_parameters`` give one module an expert and parameter, each with the update that PEFT adds to it."""
    from peft import LoraConfig

    config = LoraConfig(r=2, lora_alpha=5, target_modules=["q_proj"], target_parameters=targets, **settings)
    wrapped = models.trained(_experts(targets), config)
    adapter = models.saved(wrapped, tmp_path)
    expected = {}
    for name, layer in models.peft_layers(wrapped.double()).items():
        delta = layer.get_delta_weight("default").detach().numpy()
        if name == "q_proj":
            expected[name] = np.linalg.svd(delta, compute_uv=False)
            continue
        for index, expert in enumerate(delta):
            key = f"mlp.experts.{layer.parameter_name}.{index}"
            expected[key] = np.linalg.svd(expert, compute_uv=False)
    checks.assert_same_spectra(checks.our_spectra(adapter), expected)
    assert not adapter.parts.problems
    assert {module.place.role for module in adapter.modules} == {"expert", "attention.q"}
    checks.assert_accounted(adapter)


def test_grouped_convolution_is_unsupported(tmp_path: Path) -> None:
    """The factors of a grouped convolution do not multiply, which is no flaw of the file."""
    import torch
    from peft import LoraConfig

    model = torch.nn.Module()
    model.grouped = torch.nn.Conv2d(8, 12, 3, groups=2)
    adapter = models.saved(models.trained(model, LoraConfig(r=4, target_modules=["grouped"])), tmp_path)
    assert [row.reason for row in adapter.parts.unsupported] == ["LORA on a grouped convolution is not analysed"] * 2
    assert not adapter.parts.problems
