"""Bases and adapters on disk, as transformers and PEFT write them, and what loradiag makes of them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.fold import fold_of
from loradiag.analyzers.merge.folding import Formats, Merged
from loradiag.analyzers.merge.places import extras_of, find_places
from loradiag.analyzers.merge.routes import Plan, Settings, carrier, plan_routes
from loradiag.analyzers.merge.swapping import Swapped
from loradiag.analyzers.merge.weights import Survival, strip_of, survey, ways_of
from loradiag.analyzers.pairing import Pair
from loradiag.analyzers.updates import Values
from loradiag.bases.opening import open_base
from loradiag.models.loading import load_model
from loradiag.models.plain import plain_checkpoint
from tests.adapters.peft_models import tiny_llama, trained
from tests.conftest import FIXTURES

BASE = FIXTURES / "base"
ADAPTERS = FIXTURES / "adapters"
TORCH = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
WHOLE_BLOCKS = {"hidden_size": 64, "intermediate_size": 128, "num_key_value_heads": 4, "tie_word_embeddings": False}
"""Of a Llama whose rows are whole blocks: for others bitsandbytes 0.50 dequantizes wrongly on a CPU."""


def base_of(model: Any, folder: Path, precision: str = "bf16") -> Path:
    """Write a base in a precision; the model keeps its own."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        copy.deepcopy(model).to(getattr(torch, TORCH[precision])).save_pretrained(folder)
    return folder


def rounded(model: Any, precision: str) -> Any:
    """A model in FP32 whose numbers are those of a precision, as of a checkpoint that is loaded for training."""
    import torch

    return copy.deepcopy(model).to(getattr(torch, TORCH[precision])).float()


def adapter_of(model: Any, folder: Path, **config: Any) -> Path:
    """Write a LoRA adapter of random values, as PEFT writes it."""
    from peft import LoraConfig

    settings = {"r": 4, "lora_alpha": 6, "target_modules": ["q_proj", "v_proj", "up_proj", "down_proj"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trained(copy.deepcopy(model), LoraConfig(**(settings | config))).save_pretrained(folder)
    return folder


def llama(**changes: Any) -> Any:
    """A Llama with an untied head."""
    return tiny_llama(**({"tie_word_embeddings": False} | changes))


def gpt2(**changes: Any) -> Any:
    """A GPT-2 of one layer, whose weights are stored [in, out] and whose head is its embedding."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    settings = {"vocab_size": 60, "n_positions": 32, "n_embd": 32, "n_layer": 1, "n_head": 2, "n_inner": 48}
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(**(settings | changes), bos_token_id=0, eos_token_id=0))


def loaded(base: Path, precision: str = "fp32") -> Any:
    """The base as transformers loads it in a precision."""
    import torch
    from transformers import AutoModelForCausalLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoModelForCausalLM.from_pretrained(
            base, dtype=getattr(torch, TORCH[precision]), local_files_only=True
        )
    return model.requires_grad_(False)


def wrapped(model: Any, adapter: Path) -> Any:
    """The model with the adapter beside it, as PEFT runs it."""
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PeftModel.from_pretrained(model, str(adapter)).eval()


def merged(model: Any, adapter: Path) -> Any:
    """The model with the adapter folded in by PEFT."""
    whole = wrapped(model, adapter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT warns that merging into few bits loses something
        return whole.merge_and_unload()


def inspected(base: Path, adapter: Path) -> Inspection:
    """An adapter with its base."""
    return Inspection(open_adapter(adapter), base=open_base(base))


def pairs_of(inspection: Inspection) -> list[Pair]:
    """All updates."""
    return [*inspection.pairing.pairs, *inspection.saved]


def planned(inspection: Inspection, *routes: str, **settings: Any) -> Plan:
    """Routes over the base."""
    assert inspection.base is not None
    return plan_routes(inspection.base, routes, Settings(**settings))


def along(inspection: Inspection, route: str, **settings: Any) -> Mapping[str, Merged]:
    """Every weight that is changed along a route, by its name in the base."""
    base, plan = inspection.base, planned(inspection, route, **settings)
    assert base is not None
    found = {}
    for pair in pairs_of(inspection):
        assert pair.weight is not None
        way = ways_of(pair, base, plan.routes, carrier(base))[route]
        strip = strip_of(pair, 0, pair.weight.shape[0], Formats(plan.settings), "cpu")
        found[pair.weight.name] = strip.along(way, fold_of(pair, Values()))
    return found


def surveyed(inspection: Inspection, *routes: str, **settings: Any) -> dict[str, Survival]:
    """Sums by module and route."""
    base, found = inspection.base, {}
    assert base is not None

    def done(row: Survival) -> None:
        found[row.pair.module.name] = row

    survey(pairs_of(inspection), base, planned(inspection, *routes, **settings), carrier(base), "cpu", done)
    return found


def swapped(
    inspection: Inspection, compute: str = "fp32", stored: str = "bf16", scratch: Path | None = None, **settings: Any
) -> Swapped:
    """A model whose weights can be exchanged.

    Args:
        inspection: The adapter with its base.
        compute: The precision that the model computes in.
        stored: The precision of the checkpoint.
        scratch: For the plain copy of a quantized one.
        settings: Of 4-bit formats.
    """
    base, adapter, pairing = inspection.base, inspection.adapter, inspection.pairing
    assert base is not None
    folder = plain_checkpoint(base, scratch) if scratch else base.path
    model = load_model(folder, dtype=TORCH[stored])
    return Swapped(
        model,
        base,
        pairs_of(inspection),
        find_places(model, pairs_of(inspection), pairing.renaming, "there is one for all"),
        extras_of(adapter, model, pairing.renaming, "there is one for all"),
        planned(inspection, **settings),
        carrier=carrier(base),
        device="cpu",
        compute=TORCH[compute],
    )


def differing(ours: Any, theirs: Any) -> list[str]:
    """Names of the parameters of two models that differ in any bit, each in the wider of both types."""
    import torch

    first, second = ours.state_dict(), theirs.state_dict()
    assert first.keys() == second.keys()
    wide = {name: (first[name].to(torch.float64), second[name].to(torch.float64)) for name in first}
    return [name for name, (one, other) in wide.items() if not one.equal(other)]
