"""Models whose linear layers are those of bitsandbytes, on a CPU, and what these layers compute with."""

from __future__ import annotations

import copy
from typing import Any


def quantized(model: Any, kind: str, *, block: int = 64, double: bool = True) -> Any:
    """A copy of a model with its linear layers, the head aside, in 4 bits (``nf4``, ``fp4``) or 8 (``int8``).

    On a CPU with BF16 instructions the first forward pass would pack 4-bit weights in place, which PEFT does not know.
    """
    import bitsandbytes as bnb
    import torch

    model = copy.deepcopy(model)
    head = model.get_output_embeddings()
    linear = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, torch.nn.Linear)]
    for name, layer in linear:
        if layer is head:
            continue
        shape, bias = (layer.in_features, layer.out_features), layer.bias is not None
        if kind == "int8":
            new = bnb.nn.Linear8bitLt(*shape, bias, has_fp16_weights=False)
            new.weight = bnb.nn.Int8Params(layer.weight.data, requires_grad=False, has_fp16_weights=False)
        else:
            new = bnb.nn.Linear4bit(*shape, bias, quant_type=kind, compress_statistics=double)
            new.support_avx512bf16_for_cpu = False
            new.weight = bnb.nn.Params4bit(
                layer.weight.data, requires_grad=False, blocksize=block, quant_type=kind, compress_statistics=double
            )
        if bias:
            new.bias = layer.bias
        model.set_submodule(name, new.to("cpu"))
    setattr(model, f"is_loaded_in_{8 if kind == 'int8' else 4}bit", True)  # what PEFT goes by, and transformers sets
    return model


def dequantized(layer: Any) -> Any:
    """The numbers that a layer of bitsandbytes computes with."""
    import bitsandbytes as bnb

    weight = layer.weight
    if isinstance(layer, bnb.nn.Linear4bit):
        return bnb.functional.dequantize_4bit(weight.data, weight.quant_state)
    return bnb.functional.int8_vectorwise_dequant(weight.data, weight.SCB)


def layers(model: Any) -> dict[str, Any]:
    """The layers of bitsandbytes, by name."""
    import bitsandbytes as bnb

    kinds = (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, kinds)}
