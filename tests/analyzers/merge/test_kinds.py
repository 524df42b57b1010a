"""Which weights a route quantizes, beside what transformers quantizes with bitsandbytes."""

from __future__ import annotations

from typing import Any

import pytest

from loradiag.analyzers.merge.kinds import Way, kind_of, way_of
from loradiag.analyzers.merge.routes import ROUTES
from tests.analyzers.merge.making import gpt2, llama

KINDS = {
    "model.embed_tokens.weight": ((60, 32), "embedding"),
    "transformer.wte.weight": ((60, 32), "embedding"),
    "transformer.wpe.weight": ((32, 32), "embedding"),
    "gpt_neox.embed_in.weight": ((60, 32), "embedding"),
    "tok_embeddings.weight": ((60, 32), "embedding"),
    "shared.weight": ((60, 32), "embedding"),
    "bert.embeddings.position_embeddings.weight": ((60, 32), "embedding"),
    "lm_head.weight": ((60, 32), "head"),
    "embed_out.weight": ((60, 32), "head"),
    "output.weight": ((60, 32), "head"),
    "model.layers.0.mlp.output.weight": ((32, 32), "linear"),
    "model.layers.0.self_attn.q_proj.weight": ((32, 32), "linear"),
    "model.layers.0.mlp.experts.gate_up_proj": ((4, 32, 48), "linear"),
    "model.layers.0.self_attn.q_proj.bias": ((32,), "other"),
    "model.layers.0.input_layernorm.weight": ((32,), "other"),
    "model.norm.weight": ((32, 1), "other"),
    "visual.patch_embed.proj.weight": ((32, 3, 14, 14), "conv"),
    "encoder.conv1.weight": ((32, 80, 3), "conv"),
    "model.scale": ((), "other"),
}


@pytest.mark.parametrize("name", KINDS)
def test_kinds_by_name_and_shape(name: str) -> None:
    """As checkpoints store them."""
    shape, kind = KINDS[name]
    assert kind_of(name, shape) == kind


@pytest.mark.models
@pytest.mark.parametrize("make", [llama, gpt2])
def test_bitsandbytes_quantizes_what_is_linear(make: Any) -> None:
    """Transformers' own replacement of layers; GPT-2's Conv1D among them."""
    transformers: Any = pytest.importorskip("transformers", reason="its loader is the reference")
    from transformers.integrations.bitsandbytes import replace_with_bnb_linear
    from transformers.quantizers.base import get_keys_to_not_convert

    model = make()
    kept = get_keys_to_not_convert(model)
    settings = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    converted = replace_with_bnb_linear(make(), modules_to_not_convert=kept, quantization_config=settings)
    theirs = {f"{name}.weight" for name, layer in converted.named_modules() if type(layer).__name__ == "Linear4bit"}
    ours = {name for name, tensor in model.named_parameters() if kind_of(name, tuple(tensor.shape)) == "linear"}
    assert ours == theirs
    assert ours


QUANTIZED = {name: route for name, route in ROUTES.items() if route.storage not in ("bf16", "fp16", "fp32")}


@pytest.mark.parametrize("carrier", ["bf16", "fp16"])
@pytest.mark.parametrize("name", QUANTIZED)
def test_what_a_quantized_route_stores(name: str, carrier: str) -> None:
    """Linear layers in its format; embedding and head too by llama.cpp, which keeps vectors in FP32; else 16 bits."""
    route = ROUTES[name]
    gguf = route.storage in ("q8_0", "q4_0")
    assert way_of(route, "linear", carrier) == Way(route.source, route.storage, carrier, route.inplace)
    for kind in ("embedding", "head"):
        assert way_of(route, kind, carrier) == Way("original", route.storage if gguf else carrier, carrier)  # type: ignore[arg-type]
    assert way_of(route, "conv", carrier) == Way("original", carrier, carrier)
    assert way_of(route, "other", carrier) == Way("original", "fp32" if gguf else carrier, carrier)


@pytest.mark.parametrize("kind", ["linear", "embedding", "head", "conv", "other"])
@pytest.mark.parametrize("carrier", ["bf16", "fp16"])
def test_what_a_plain_route_stores(carrier: str, kind: Any) -> None:
    """Everything in its type. A base that is loaded in 4 bits has the rest in its own 16."""
    for name in ("bf16", "fp16", "fp32"):
        assert way_of(ROUTES[name], kind, carrier) == Way("original", name, name)
    source = "nf4" if kind == "linear" else "original"
    assert way_of(ROUTES["bf16-from-nf4"], kind, carrier) == Way(source, "bf16", carrier)
