"""Small models wrapped by PEFT itself, saved to disk, and what PEFT says their updates are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from loradiag.adapters.model import Adapter
from loradiag.adapters.opening import open_adapter


def tiny_llama(**changes: Any) -> Any:
    """A Llama of two layers whose widths all differ, so that no mix-up of dimensions goes unseen."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    settings = {
        "use_cache": False,
        "vocab_size": 60,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "pad_token_id": 0,
    }
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**(settings | changes)))


def layers_of_all_kinds() -> Any:
    """A module with a linear layer, an embedding, and convolutions of one and two dimensions."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Module()
    model.embedding = nn.Embedding(20, 16)
    model.linear = nn.Linear(24, 40)
    model.square = nn.Conv2d(6, 10, 3)
    model.pointwise = nn.Conv2d(6, 10, 1)
    model.line = nn.Conv1d(8, 12, 5)
    return model


def trained(model: Any, config: Any) -> Any:
    """Wrap a model and give every parameter of the adapter a random value, as training would."""
    import torch
    from peft import get_peft_model

    wrapped = get_peft_model(model, config)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in wrapped.named_parameters():
        if parameter.requires_grad and "magnitude" not in name:
            parameter.data.normal_(0.0, 0.3, generator=generator)
    return wrapped


def saved(wrapped: Any, folder: Path) -> Adapter:
    """Save with PEFT and open with loradiag."""
    wrapped.save_pretrained(folder)
    return open_adapter(folder)


def peft_layers(wrapped: Any) -> dict[str, Any]:
    """PEFT's own layers by the name of the module that they adapt."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = {}
    for name, module in wrapped.named_modules():
        if isinstance(module, BaseTunerLayer):
            layers[name.removeprefix("base_model.model.")] = module
    return layers


def peft_spectra(wrapped: Any) -> dict[str, npt.NDArray[np.float64]]:
    """Singular values of PEFT's ``get_delta_weight``, which is computed in float64, by the dense SVD."""
    spectra = {}
    for name, layer in peft_layers(wrapped.double()).items():
        delta = layer.get_delta_weight("default").detach().numpy()
        spectra[name] = np.linalg.svd(delta.reshape(delta.shape[0], -1), compute_uv=False)
    return spectra
