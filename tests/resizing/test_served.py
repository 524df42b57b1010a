"""Resized adapters as PEFT serves them: logits and outputs against cuts made by torch's dense decomposition."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loradiag.resizing.resize import resize
from tests.adapters import peft_models as models
from tests.conftest import FIXTURES

torch: Any = pytest.importorskip("torch", reason="PEFT's own modules are the reference")
pytest.importorskip("peft", reason="PEFT's own modules are the reference")
pytest.importorskip("transformers", reason="the base is a small Llama")

# PEFT warns of configurations that are meant here.
pytestmark = [pytest.mark.models, pytest.mark.filterwarnings("ignore")]

TOKENS = [[5, 90, 200, 17, 333, 600, 2, 48], [1, 4, 9, 16, 25, 36, 49, 64]]
TOLERANCE = {"bf16": 2e-2}
"""Of the adapter's effect on the logits: new factors in BF16 are rounded to 8 significant bits, those in F32 to 24."""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other make these tiny products many times slower when a machine is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base() -> Any:
    """The base of the fixtures, in float64."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(FIXTURES / "base").double().eval()


def load(base: Any, folder: Path) -> Any:
    """PEFT's model in float64."""
    import copy

    from peft import PeftModel

    return PeftModel.from_pretrained(copy.deepcopy(base), str(folder)).double().eval()


def logits(model: Any) -> Any:
    """On fixed tokens."""
    with torch.no_grad():
        return model(torch.tensor(TOKENS)).logits


def effect(base: Any, old: Any, new: Any) -> float:
    """How far the logits moved, as a share of what the adapter moves them by."""
    reference = logits(old)
    return float((logits(new) - reference).norm() / (reference - logits(base)).norm())


def pairs(layer: Any) -> tuple[Any, Any]:
    """The parameters B and A of a layer."""
    if layer.lora_A:
        return layer.lora_B["default"].weight, layer.lora_A["default"].weight
    return layer.lora_embedding_B["default"], layer.lora_embedding_A["default"]


def cut_densely(model: Any, ranks: dict[str, int]) -> None:
    """Put the dense truncated decomposition of B·A into PEFT's own parameters, filled up with zeros."""
    with torch.no_grad():
        for name, layer in models.peft_layers(model).items():
            if name not in ranks:
                continue
            b, a = pairs(layer)
            flat = a.flatten(1)
            u, sigma, vt = torch.linalg.svd(b.flatten(1) @ flat, full_matrices=False)
            rank = ranks[name]
            b.zero_()
            flat = torch.zeros_like(flat)
            b.flatten(1)[:, :rank] = u[:, :rank] * sigma[:rank]
            flat[:rank] = vt[:rank]
            a.copy_(flat.reshape(a.shape))


# Not "sharded": PEFT reads no sharded adapter. What comes of that one is compared with "healthy" in test_resize.py.
ADAPTERS = [
    "healthy", "over_ranked", "rslora", "dora", "patterns", "bf16", "all_linear_head", "embedding_lora",
    "pissa_converted",
]  # fmt: skip


@pytest.mark.parametrize("name", ADAPTERS)
def test_logits(name: str, base: Any, tmp_path: Path) -> None:
    """At full rank nothing changes; cut, the model is that of the dense cut, and PEFT's scales are those that were."""
    source = FIXTURES / "adapters" / name
    old = load(base, source)
    resize(source, tmp_path / "full", error=0)
    assert effect(base, old, load(base, tmp_path / "full")) < TOLERANCE.get(name, 1e-5)

    result = resize(source, tmp_path / "cut", energy=0.95)
    new = load(base, tmp_path / "cut")
    layers = {key: layer for key, layer in models.peft_layers(new).items() if hasattr(layer, "scaling")}
    ours = {row.name: row for row in result.modules}
    assert {key: layer.scaling["default"] for key, layer in layers.items() if key in ours} == pytest.approx(
        {key: row.old_scale for key, row in ours.items()}, rel=1e-12
    )
    assert {key: layer.r["default"] for key, layer in layers.items() if key in ours} == {
        key: row.new_rank for key, row in ours.items()
    }
    before = logits(old)
    cut_densely(old, {key: row.new_rank for key, row in ours.items()})
    assert effect(base, old, new) < TOLERANCE.get(name, 1e-5)
    assert float((logits(old) - before).norm()) > 0  # the cut is no copy


@pytest.mark.parametrize("convolution", ["square", "pointwise", "line"])
def test_convolutions(convolution: str, tmp_path: Path) -> None:
    """Four-dimensional factors keep their form: the delta is that of the dense cut, and PEFT loads it."""
    from peft import LoraConfig, PeftModel

    config = LoraConfig(r=3, lora_alpha=5, target_modules=[convolution, "linear", "embedding"])
    old = models.trained(models.layers_of_all_kinds(), config)
    old.save_pretrained(tmp_path / "old")
    resize(tmp_path / "old", tmp_path / "new", rank=2)
    new = PeftModel.from_pretrained(models.layers_of_all_kinds(), str(tmp_path / "new"))
    cut_densely(old, {convolution: 2, "linear": 2, "embedding": 2})
    served = models.peft_layers(new)
    for name, layer in models.peft_layers(old).items():
        expected, found = layer.get_delta_weight("default"), served[name].get_delta_weight("default")
        assert found.shape == expected.shape
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("alpha", [6, 0])
def test_adalora(alpha: int, tmp_path: Path) -> None:
    """AdaLoRA becomes plain LoRA with the same update, modules that were pruned to nothing among them."""
    from peft import AdaLoraConfig, PeftModel

    config = AdaLoraConfig(init_r=5, lora_alpha=alpha, target_modules=["q_proj", "v_proj"], total_step=10)
    wrapped = models.trained(models.tiny_llama(), config)
    kept = {"0.self_attn.q_proj": 3, "0.self_attn.v_proj": 0, "1.self_attn.q_proj": 5, "1.self_attn.v_proj": 1}
    wrapped.peft_config["default"].rank_pattern = {
        f"model.layers.{name}.lora_E.default": [index < count for index in range(5)] for name, count in kept.items()
    }
    wrapped.save_pretrained(tmp_path / "old")
    result = resize(tmp_path / "old", tmp_path / "new", error=0)
    assert [row.new_rank for row in sorted(result.modules, key=lambda row: row.name)] == [3, 1, 5, 1]
    old, new = (
        models.peft_layers(PeftModel.from_pretrained(models.tiny_llama(), str(tmp_path / name)))
        for name in ("old", "new")
    )
    for name, layer in old.items():
        delta = layer.get_delta_weight("default")
        torch.testing.assert_close(new[name].get_delta_weight("default"), delta, atol=1e-5, rtol=1e-4)


def test_stacked_experts(tmp_path: Path) -> None:
    """All experts of a parameter get one rank, and each the nearest update of that rank."""
    from peft import LoraConfig, PeftModel

    targets = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
    config = LoraConfig(r=4, lora_alpha=6, target_modules=["q_proj"], target_parameters=targets)
    wrapped = models.trained(experts(), config)
    wrapped.save_pretrained(tmp_path / "old")
    for wanted in ({"rank": 2}, {"error": 0.5}):
        shutil.rmtree(tmp_path / "new", ignore_errors=True)
        result = resize(tmp_path / "old", tmp_path / "new", **wanted)  # type: ignore[arg-type]
        ranks = {row.name: row.new_rank for row in result.modules}
        served = models.peft_layers(PeftModel.from_pretrained(experts(), str(tmp_path / "new")))
        for name, layer in models.peft_layers(wrapped).items():
            delta, found = layer.get_delta_weight("default"), served[name].get_delta_weight("default")
            if name != "q_proj":
                rank = ranks[f"mlp.experts.{layer.parameter_name}.0"]
                u, sigma, vt = torch.linalg.svd(delta.double(), full_matrices=False)
                cut = (u[:, :, :rank] * sigma[:, None, :rank]) @ vt[:, :rank]
                torch.testing.assert_close(found.double(), cut, atol=1e-5, rtol=0)


def experts() -> Any:
    """A layer that stacks the weights of three experts."""
    torch.manual_seed(0)
    layer = torch.nn.Module()
    layer.gate_up_proj = torch.nn.Parameter(torch.randn(3, 24, 10))
    layer.down_proj = torch.nn.Parameter(torch.randn(3, 10, 12))
    model = torch.nn.Module()
    model.mlp = torch.nn.Module()
    model.mlp.experts = layer
    model.q_proj = torch.nn.Linear(10, 14)
    return model


def test_pickled_input(tmp_path: Path) -> None:
    """A .bin file is read if that is allowed, and comes out as safetensors."""
    from safetensors.torch import load_file

    from loradiag.core.errors import InputError

    old = tmp_path / "old"
    shutil.copytree(FIXTURES / "adapters" / "healthy", old)
    torch.save(load_file(old / "adapter_model.safetensors"), old / "adapter_model.bin")
    (old / "adapter_model.safetensors").unlink()
    with pytest.raises(InputError):
        resize(old, tmp_path / "new", rank=3)
    resize(old, tmp_path / "new", rank=3, allow_pickle=True)
    resize(FIXTURES / "adapters" / "healthy", tmp_path / "same", rank=3)
    new, same = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("new", "same"))
    assert new.keys() == same.keys()
    assert all(torch.equal(new[name], same[name]) for name in same)


def test_an_orthogonal_start_can_be_loaded_at_an_odd_rank(tmp_path: Path) -> None:
    """PEFT repeats the start when it loads, and refuses this one for odd ranks."""
    from peft import LoraConfig, PeftModel

    config = LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights="orthogonal")
    models.trained(models.tiny_llama(), config).save_pretrained(tmp_path / "old")
    resize(tmp_path / "old", tmp_path / "new", rank=3)
    PeftModel.from_pretrained(models.tiny_llama(), str(tmp_path / "new"))
