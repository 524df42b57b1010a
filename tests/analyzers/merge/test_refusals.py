"""What cannot be folded, by name: nothing that was trained is left out of a merge in silence."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.analyzers.merge.refusals import refused
from tests.adapters.peft_models import trained
from tests.analyzers.merge.making import ADAPTERS, BASE, adapter_of, base_of, inspected, llama
from tests.analyzers.small import llama_shapes, write_base
from tests.bases.making import stored
from tests.bases.making import write_base as write_tensors
from tests.conftest import FIXTURES, MakeAdapter, peft_arrays

torch: Any = pytest.importorskip("torch", reason="PEFT writes the adapters")
pytest.importorskip("peft", reason="PEFT writes the adapters")

pytestmark = pytest.mark.models

STEM = "base_model.model"
PROJECTIONS = [f"model.layers.{layer}.self_attn.{leaf}" for layer in range(4) for leaf in ("q_proj", "v_proj")]


def reasons(base: Path, adapter: Path) -> dict[str, str]:
    """Why, by name."""
    return {row.name: row.reason for row in refused(inspected(base, adapter))}


def of_peft(folder: Path, change: Callable[[Any], None] = lambda model: None, tie: bool = False, **config: Any) -> Any:
    """A base and an adapter on a changed copy of it, and what is refused."""
    model = llama(attention_bias=True, tie_word_embeddings=tie)
    base = base_of(model, folder / "base", "fp32")
    changed = copy.deepcopy(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        change(changed)
    return reasons(base, adapter_of(changed, folder / "adapter", **config))


@pytest.mark.parametrize(
    "name", ["healthy", "dora", "rslora", "patterns", "embedding_lora", "all_linear_head", "ia3", "sharded"]
)
def test_adapters_that_can_be_folded(name: str) -> None:
    """Nothing of them is refused."""
    assert reasons(BASE, ADAPTERS / name) == {}


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"bias": "all"},
        {"bias": "lora_only"},
        {"modules_to_save": ["embed_tokens", "lm_head"]},
        {"target_modules": ["embed_tokens", "lm_head"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["up_proj"]},
    ],
)
def test_what_peft_stores_beside_the_factors_can_be_folded(config: dict[str, Any], tmp_path: Path) -> None:
    """Biases, and layers that are stored whole."""
    assert of_peft(tmp_path, **config) == {}


def test_modules_that_the_base_lacks(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Layers, and whole modules, each by name."""
    adapter, base = make_adapter(), write_base(tmp_path / "base", llama_shapes(layers=3))
    assert reasons(base, adapter) == dict.fromkeys(PROJECTIONS[6:], "the base has no weight of this name")


def test_modules_of_another_shape(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """A base of another width."""
    base = write_base(tmp_path / "base", llama_shapes(d_in=40))
    assert reasons(base, make_adapter()) == dict.fromkeys(PROJECTIONS, "the base's weight has another shape")


def test_weights_that_are_stored_packed(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """GPTQ's."""
    tensors = {}
    for name in PROJECTIONS:
        tensors[f"{name}.qweight"] = stored(np.zeros((6, 32), "<i4"))
        tensors[f"{name}.qzeros"] = stored(np.zeros((1, 4), "<i4"))
        tensors[f"{name}.scales"] = stored(np.ones((1, 32), "<f2"))
        tensors[f"{name}.g_idx"] = stored(np.zeros(48, "<i4"))
    found = reasons(write_tensors(tmp_path / "base", tensors), make_adapter())
    assert found == dict.fromkeys(PROJECTIONS, "the base stores this weight packed")


def test_prompts(tmp_path: Path) -> None:
    """They are inputs."""
    from peft import PromptTuningConfig

    model = llama()
    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4, token_dim=32, num_layers=2)
    trained(copy.deepcopy(model), config).save_pretrained(tmp_path / "adapter")
    found = reasons(base_of(model, tmp_path / "base"), tmp_path / "adapter")
    assert list(found.values()) == ["prompts are no weights and cannot be folded"]


@pytest.mark.parametrize("target", ["embed_tokens", "lm_head"])
def test_one_of_a_tied_embedding_and_head(target: str, tmp_path: Path) -> None:
    """To fold into the one is to change the other."""
    found = of_peft(tmp_path, tie=True, target_modules=[target, "q_proj"])
    stem = "model.embed_tokens" if target == "embed_tokens" else "lm_head"
    assert list(found) == [stem]
    assert found[stem].startswith("the base ties embedding and head")


def test_a_tied_embedding_that_is_stored_whole(tmp_path: Path) -> None:
    """Also."""
    found = of_peft(tmp_path, tie=True, target_modules=["q_proj"], modules_to_save=["embed_tokens"])
    assert found["model.embed_tokens"].startswith("the base ties embedding and head")


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_factors_that_hold_part_of_the_base(start: str, tmp_path: Path) -> None:
    """What training changed is not known."""
    found = of_peft(tmp_path, init_lora_weights=start)
    assert list(found) == [start]
    assert "the factors hold part of the base" in found[start]


def test_the_bias_of_lora(tmp_path: Path) -> None:
    """Each of them, since it is added to that of the layer by a rule of its own."""
    found = of_peft(tmp_path, target_modules=["q_proj"], lora_bias=True)
    names = [f"{STEM}.model.layers.{layer}.self_attn.q_proj.lora_B.bias" for layer in range(2)]
    assert found == dict.fromkeys(names, "the bias of lora_B is not folded here")


def test_a_vocabulary_that_grew(tmp_path: Path) -> None:
    """Embedding and head are stored whole, in a shape that the base has not."""
    found = of_peft(
        tmp_path, lambda model: model.resize_token_embeddings(70), modules_to_save=["embed_tokens", "lm_head"]
    )
    assert set(found) == {f"{STEM}.model.embed_tokens.weight", f"{STEM}.lm_head.weight"}
    assert set(found.values()) == {"it is stored whole, and the base has no weight of that name and shape"}


def test_updates_of_a_vocabulary_that_grew(tmp_path: Path) -> None:
    """The same of factors."""
    found = of_peft(
        tmp_path, lambda model: model.resize_token_embeddings(70), target_modules=["embed_tokens", "lm_head"]
    )
    assert found == dict.fromkeys(("model.embed_tokens", "lm_head"), "the base's weight has another shape")


def test_rows_of_an_embedding(tmp_path: Path) -> None:
    """PEFT's trainable tokens."""
    (name,) = of_peft(tmp_path, target_modules=["q_proj"], trainable_token_indices=[1, 2, 3])
    assert name.startswith(f"{STEM}.model.embed_tokens.")


def test_vectors_that_the_base_lacks(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """A norm of another length, and a bias where there is none."""
    arrays = peft_arrays()
    norm, bias = f"{STEM}.model.layers.0.input_layernorm.weight", f"{STEM}.model.layers.0.self_attn.q_proj.bias"
    arrays |= {norm: np.ones(40, np.float32), bias: np.ones(32, np.float32)}
    adapter = make_adapter(arrays, modules_to_save=["input_layernorm"], bias="all")
    found = reasons(write_base(tmp_path / "base", llama_shapes()), adapter)
    assert found == dict.fromkeys((norm, bias), "the base has no vector of that name and length")


def test_modules_that_are_incomplete() -> None:
    """A factor without its other half."""
    (name,) = reasons(BASE, FIXTURES / "broken" / "unpaired")
    assert name.endswith((".lora_A.weight", ".lora_B.weight"))


def test_norms_by_the_end_of_their_names(tmp_path: Path) -> None:
    """PEFT's ``modules_to_save`` goes by the ends of names: ``norm`` is every layer's norm too, and it is trained."""
    model = llama()
    base = base_of(model, tmp_path / "base", "fp32")
    adapter = adapter_of(model, tmp_path / "adapter", target_modules=["q_proj"], modules_to_save=["norm"])
    inspection = inspected(base, adapter)
    from safetensors import safe_open

    with safe_open(adapter / "adapter_model.safetensors", "pt") as file:
        kept = {name for name in file.keys() if "norm" in name}  # noqa: SIM118 - it is no dictionary
    known = {extra.tensor.name for extra in inspection.adapter.parts.extras}
    assert kept <= known | {row.name for row in refused(inspection)}
    assert len(kept) == 5


def test_a_copy_that_is_not_the_base(tmp_path: Path) -> None:
    """PEFT stores the embedding beside an update of it, and takes it in place of the base's when it loads the adapter."""

    def moved(model: Any) -> None:
        model.get_input_embeddings().weight.data[50:].add_(0.5)  # new tokens in places that were kept for them

    assert of_peft(tmp_path, moved, target_modules=["embed_tokens", "q_proj"]) != {}
