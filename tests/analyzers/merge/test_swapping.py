"""One model whose weights are exchanged, beside models that are loaded afresh; and the reference beside PEFT's own run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.places import Place, extras_of, find_places
from loradiag.analyzers.merge.reference import BY_FOLD, BY_PEFT, unmerged
from loradiag.analyzers.merge.routes import ROUTES
from loradiag.analyzers.merge.swapping import Swapped, peaks
from loradiag.core.errors import InputError, UsageError
from tests.adapters.peft_models import trained
from tests.analyzers.merge.making import (
    WHOLE_BLOCKS,
    adapter_of,
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
    wrapped,
)
from tests.analyzers.merge.quantizing import dequantized, layers, quantized

torch: Any = pytest.importorskip("torch", reason="weights are torch tensors")
pytest.importorskip("peft", reason="it runs the reference")

pytestmark = pytest.mark.models

IDS = [[5, 9, 20, 17, 33, 41, 2, 48, 7], [1, 4, 9, 16, 25, 36, 49, 55, 3]]
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "dora": {"use_dora": True},
    "biases": {"bias": "all"},
    "embedding": {"target_modules": ["embed_tokens", "lm_head", "q_proj"]},
    "stored whole": {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"]},
}


def logits(model: Any) -> Any:
    """On fixed tokens, in FP32."""
    with torch.no_grad():
        return model(input_ids=torch.tensor(IDS), use_cache=False).logits.float()


def made(folder: Path, precision: str = "bf16", model: Any = None, **config: Any) -> tuple[Path, Inspection]:
    """A base with biases and an adapter on it."""
    model = llama(attention_bias=True, mlp_bias=True, **WHOLE_BLOCKS) if model is None else model
    base = base_of(model, folder / "base", precision)
    return base, inspected(base, adapter_of(rounded(model, precision), folder / "adapter", **config))


def in_precision(base: Path, precision: str) -> Any:
    """The base as it is loaded in a precision, in FP32: of few bits the numbers that its layers compute with."""
    if precision in ("bf16", "fp16", "fp32"):
        return loaded(base, precision).float()
    found = loaded(base, "bf16")
    for name, layer in layers(quantized(found, precision)).items():
        weight = found.get_submodule(name).weight
        weight.data = dequantized(layer).float()
    return found.float()


@pytest.mark.parametrize(
    ("stored", "kind"), [*(("bf16", kind) for kind in KINDS), ("fp32", "biases"), ("fp32", "embedding")]
)
def test_every_exchange_ends_as_a_fresh_load(stored: str, kind: str, tmp_path: Path) -> None:
    """Bases, routes, folds and the run by PEFT, one after the other, leave nothing behind."""
    base, inspection = made(tmp_path, stored, **KINDS[kind])
    ours = swapped(inspection, stored=stored)
    precisions = ["fp32", "bf16", "fp16", "nf4", "fp4", "int8"]
    # What other routes leave has no part in what comes next.
    for number, precision in enumerate(precisions):
        ours.put_route(ROUTES[["bf16", "nf4", "int8-inplace", "q8_0", "fp8-e4m3", "bf16-from-nf4"][number]])
        ours.put_base(precision)
        assert differing(ours.model, in_precision(base, precision)) == [], precision
        with unmerged(ours, inspection.adapter, precision) as (model, told):
            assert told == BY_PEFT
            logits(model)
        ours.put_base(precision)
        assert differing(ours.model, in_precision(base, precision)) == [], precision
    ours.put_fold(ROUTES["bf16"])
    ours.restore()
    assert differing(ours.model, loaded(base)) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["fp32", "nf4"])
def test_the_reference_is_what_peft_computes(kind: str, precision: str, tmp_path: Path) -> None:
    """The adapter beside its base in the precision of training, run in FP32."""
    base, inspection = made(tmp_path, **KINDS[kind])
    ours = swapped(inspection)
    ours.put_base(precision)
    with unmerged(ours, inspection.adapter, precision) as (model, told):
        assert told == BY_PEFT
        assert not model.training
        found = logits(model)
    theirs = wrapped(in_precision(base, precision), tmp_path / "adapter")
    assert found.equal(logits(theirs))
    assert not found.equal(logits(in_precision(base, precision)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["fp32", "nf4"])
def test_the_exact_fold_is_the_reference_but_for_rounding(kind: str, precision: str, tmp_path: Path) -> None:
    """Within FP32's last digits of what PEFT computes with the adapter beside the base."""
    base, inspection = made(tmp_path, **KINDS[kind])
    ours = swapped(inspection)
    ours.put_fold(ROUTES[precision])
    theirs = logits(wrapped(in_precision(base, precision), tmp_path / "adapter"))
    effect = float((theirs - logits(in_precision(base, precision))).abs().max())
    assert float((logits(ours.model) - theirs).abs().max()) < 1e-4 * effect


@pytest.mark.parametrize("compute", ["bf16", "fp32"])
def test_a_model_that_computes_in_its_own_precision(compute: str, tmp_path: Path) -> None:
    """Its parameters are in it, and routes are rounded to it."""
    base, inspection = made(tmp_path)
    ours = swapped(inspection, compute)
    ours.put_route(ROUTES["bf16"])
    theirs = merged(loaded(base, "bf16"), tmp_path / "adapter")
    assert {parameter.dtype for parameter in ours.model.parameters()} == {
        getattr(torch, {"bf16": "bfloat16", "fp32": "float32"}[compute])
    }
    assert differing(ours.model, theirs) == []


def test_untouched_parameters_stay(tmp_path: Path) -> None:
    """A route in the base's own type changes what has an update, and nothing else."""
    base, inspection = made(tmp_path, target_modules=["q_proj"])
    ours = swapped(inspection)
    ours.put_route(ROUTES["bf16"])
    changed = {f"model.layers.{layer}.self_attn.q_proj.weight" for layer in range(2)}
    assert set(differing(ours.model, loaded(base))) == changed


@pytest.mark.parametrize("route", ["bf16", "nf4", "q8_0"])
def test_tied_embeddings_stay_tied(route: str, tmp_path: Path) -> None:
    """In value and as one parameter, by whichever name they are read."""
    base, inspection = made(tmp_path, model=llama(**{**WHOLE_BLOCKS, "tie_word_embeddings": True}))
    ours = swapped(inspection)
    ours.put_route(ROUTES[route])
    embedding, head = ours.model.get_input_embeddings().weight, ours.model.get_output_embeddings().weight
    assert embedding is head
    same = embedding.equal(loaded(base).get_input_embeddings().weight)
    assert same == (route != "q8_0")  # llama.cpp has embeddings in blocks too
    ours.restore()
    assert differing(ours.model, loaded(base)) == []


@pytest.mark.parametrize("route", ["fp8-e4m3", "q8_0", "q4_0"])
def test_routes_of_other_tools(route: str, tmp_path: Path) -> None:
    """PEFT's merge in BF16, each weight in the form that the format's own tools give it."""
    import gguf
    import numpy as np

    base, inspection = made(tmp_path)
    ours = swapped(inspection)
    ours.put_route(ROUTES[route])
    kinds = gguf.GGMLQuantizationType
    head = ("model.embed_tokens.weight", "lm_head.weight")
    for name, tensor in merged(loaded(base, "bf16"), tmp_path / "adapter").state_dict().items():
        wide = tensor.float().numpy()
        if route != "fp8-e4m3" and tensor.ndim > 1:
            which = getattr(kinds, route.upper())
            expected = gguf.quants.dequantize(gguf.quants.quantize(wide, which), which)
        elif route == "fp8-e4m3" and tensor.ndim > 1 and name not in head:
            scale = np.abs(wide).max(axis=1, keepdims=True) / np.float32(448)
            expected = torch.from_numpy(wide / scale).to(torch.float8_e4m3fn).float().numpy() * scale
        else:
            expected = wide
        np.testing.assert_array_equal(ours.model.get_parameter(name).numpy(), expected, err_msg=name)


@pytest.mark.parametrize("route", ["bf16", "fp32"])
def test_weights_that_are_stored_transposed(route: str, tmp_path: Path) -> None:
    """GPT-2, whose head is its embedding."""
    config = {"target_modules": ["c_attn", "c_fc"], "fan_in_fan_out": True}
    base, inspection = made(tmp_path, model=gpt2(), **config)
    ours = swapped(inspection)
    ours.put_route(ROUTES[route])
    assert differing(ours.model, merged(loaded(base, route), tmp_path / "adapter")) == []
    ours.put_base("bf16")
    assert differing(ours.model, loaded(base, "bf16")) == []


def test_quantizers_see_transposed_weights_as_they_multiply(tmp_path: Path) -> None:
    """[out, in], whatever the base has: blocks run along what is summed over."""
    base, inspection = made(tmp_path, model=gpt2(n_embd=64, n_inner=128), target_modules=["c_fc"], fan_in_fan_out=True)
    ours = swapped(inspection)
    ours.put_base("nf4")
    import bitsandbytes as bnb

    name = "transformer.h.0.mlp.c_proj.weight"
    weight = loaded(base, "bf16").get_parameter(name).data.T.contiguous()
    packed, state = bnb.functional.quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
    assert ours.model.get_parameter(name).equal(bnb.functional.dequantize_4bit(packed, state).T.float())


# --- how the reference is run ---


def test_layouts_that_peft_does_not_read_are_folded(tmp_path: Path) -> None:
    """In FP32, with the same outputs."""
    base, inspection = made(tmp_path)
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    file.rename(file.with_name("another.safetensors"))
    renamed = inspected(base, tmp_path / "adapter")
    ours = swapped(renamed)
    ours.put_base("bf16")
    with unmerged(ours, renamed.adapter, "bf16") as (model, told):
        assert told == BY_FOLD
        found = logits(model)
    file.with_name("another.safetensors").rename(file)
    torch.testing.assert_close(found, logits(wrapped(in_precision(base, "bf16"), tmp_path / "adapter")))
    assert inspection.adapter.layout == renamed.adapter.layout == "peft"


def test_an_adapter_that_peft_refuses(tmp_path: Path) -> None:
    """Its reason in one line, and what to do."""
    _, inspection = made(tmp_path)
    ours = swapped(inspection)
    ours.put_base("bf16")
    (tmp_path / "adapter" / "adapter_config.json").write_text('{"peft_type": "NOTHING"}')
    said = r"cannot be loaded by PEFT .*; leave --prompts out"
    with pytest.raises(InputError, match=said) as caught, unmerged(ours, inspection.adapter, "bf16"):
        pytest.fail("there is nothing to run")
    assert "\n" not in str(caught.value)


def test_the_model_is_whole_again_when_a_run_fails(tmp_path: Path) -> None:
    """Whatever the error."""
    base, inspection = made(tmp_path)
    ours = swapped(inspection)
    ours.put_base("bf16")
    with pytest.raises(KeyboardInterrupt), unmerged(ours, inspection.adapter, "bf16"):
        raise KeyboardInterrupt
    ours.put_base("bf16")
    assert differing(ours.model, loaded(base, "bf16")) == []


# --- places ---


def test_places_of_stacked_experts(tmp_path: Path) -> None:
    """One parameter for all experts, changed expert by expert, as PEFT's target_parameters do it."""
    from peft import LoraConfig
    from transformers import MixtralConfig, MixtralForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
    config = MixtralConfig(**sizes, vocab_size=60, num_key_value_heads=2, num_local_experts=3, num_experts_per_tok=2)
    model = rounded(MixtralForCausalLM(config), "bf16")
    base = base_of(model, tmp_path / "base")
    targets = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
    lora = LoraConfig(r=2, lora_alpha=3, target_modules=["q_proj"], target_parameters=targets)
    trained(model, lora).save_pretrained(tmp_path / "adapter")
    inspection = inspected(base, tmp_path / "adapter")
    ours = swapped(inspection)
    found = find_places(ours.model, pairs_of(inspection), inspection.pairing.renaming, "no way out")
    assert found["model.layers.0.mlp.experts.down_proj.2"] == Place("model.layers.0.mlp.experts.down_proj", 2)
    ours.put_route(ROUTES["fp32"])
    theirs = merged(loaded(base), tmp_path / "adapter").state_dict()
    for name, tensor in ours.model.state_dict().items():
        torch.testing.assert_close(tensor, theirs[name], rtol=0, atol=1e-6)
    assert "model.layers.0.mlp.experts.down_proj" in differing(ours.model, loaded(base))


def test_what_the_model_has_no_place_for_is_named(tmp_path: Path) -> None:
    """Modules and vectors, with what the command that asks can do about it."""
    _, inspection = made(tmp_path, bias="all")
    other = llama(num_hidden_layers=1, attention_bias=True, mlp_bias=True, **WHOLE_BLOCKS)
    with pytest.raises(UsageError, match=r"no place for model\.layers\.1\.\S+, .* and \d+ more; leave --route out$"):
        find_places(other, pairs_of(inspection), inspection.pairing.renaming, "leave --route out")
    with pytest.raises(UsageError, match=r"^the model has no place for \S+\.layers\.1\.\S+bias; leave --route out$"):
        extras_of(inspection.adapter, other, inspection.pairing.renaming, "leave --route out")


# --- activations ---


def test_peaks_are_the_largest_activations(tmp_path: Path) -> None:
    """Of every module, over all passes; and no longer than the context lasts."""
    model = llama().eval().requires_grad_(False)
    with peaks(model) as found:
        passes = [logits(model), model(torch.tensor([[3, 3, 3]]), use_cache=False).logits]
        seen = dict(found)
    assert seen["lm_head"] == pytest.approx(max(float(one.abs().max()) for one in passes))
    first = model.get_input_embeddings()(torch.tensor([*IDS[0], *IDS[1], 3]))
    assert seen["model.embed_tokens"] == pytest.approx(float(first.abs().max()))
    model.lm_head.weight.data *= 100
    logits(model)
    assert dict(found) == seen
    assert "" not in seen


def test_swapped_is_only_given_what_fits(tmp_path: Path) -> None:
    """Pairs that have no place are left alone: whoever calls has refused them."""
    base, inspection = made(tmp_path)
    model = loaded(base, "bf16")
    from tests.analyzers.merge.making import planned

    assert inspection.base is not None
    formats = {"carrier": "bf16", "device": "cpu", "compute": "float32"}
    nothing = Swapped(model, inspection.base, pairs_of(inspection), {}, {}, planned(inspection), **formats)
    nothing.put_route(ROUTES["bf16"])
    assert differing(nothing.model, loaded(base)) == []
