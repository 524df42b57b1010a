"""Deployability: which tools take the adapter as it is. Facts about named tools, read off their sources; no thresholds.

A status is ``yes``; ``with-flag`` (works once the tool is told something); ``no`` (refused, or taken and computed
wrongly, which is worse); ``unknown`` (the file has not what the tool needs to be asked about).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from loradiag.adapters.model import Adapter, Method
from loradiag.analyzers.inspection import Inspection
from loradiag.core.identity import Deployability, DeployTarget

VLLM_DEFAULT_RANK = 16
"""vLLM's default for --max-lora-rank (LoRAConfig.max_lora_rank)."""


class Features(msgspec.Struct, frozen=True):
    """What tools ask about an adapter."""

    layout: str
    methods: frozenset[Method]
    other_method: str | None
    top_rank: int
    rslora: bool
    alpha_pattern: bool
    rank_pattern: bool
    saved: bool
    biases: bool
    embedding: bool
    conv: bool
    expert: bool
    image: bool
    alora: bool
    pickle_only: bool
    unexpected: bool


def deployability(inspection: Inspection) -> Deployability:
    """Ask for every known tool whether it would take the adapter."""
    features = _features(inspection.adapter)
    return Deployability(
        targets=[_target(name, version, features, check) for name, (version, check) in _TARGETS.items()]
    )


def _features(adapter: Adapter) -> Features:
    config = adapter.config or {}
    roles = {module.place.role for module in adapter.modules}
    kinds = {extra.kind for extra in adapter.parts.extras}
    unsupported = adapter.parts.unsupported
    return Features(
        layout=adapter.layout,
        methods=frozenset(module.method for module in adapter.modules),
        other_method=(adapter.provenance.peft_type or "another method") if unsupported else None,
        top_rank=max((module.rank for module in adapter.modules), default=0),
        rslora=bool(config.get("use_rslora")),
        alpha_pattern=bool(config.get("alpha_pattern")),
        rank_pattern=bool(config.get("rank_pattern")),
        saved="saved" in kinds,
        biases="bias" in kinds,
        embedding="embedding" in roles,
        conv="conv" in roles,
        expert="expert" in roles,
        image=any(module.place.stack in ("unet", "vision") for module in adapter.modules),
        alora=bool(config.get("alora_invocation_tokens")),
        pickle_only=adapter.weight_format == "torch",
        unexpected=bool(adapter.parts.unexpected or adapter.parts.problems),
    )


Answer = Iterable[tuple[str, str]]
"""Pairs of status and reason; no pair means yes."""


def _target(name: str, version: str, features: Features, check: Callable[[Features], Answer]) -> DeployTarget:
    order = ["yes", "with-flag", "unknown", "no"]
    answers = list(check(features))
    worst = max((status for status, _ in answers), key=order.index, default="yes")
    return DeployTarget(target=name, version=version, status=worst, reasons=[reason for _, reason in answers])


def _peft_merge(f: Features) -> Answer:
    if f.layout not in ("peft", "legacy-enable-lora"):
        yield "unknown", f"a {f.layout} file must be converted first"
    if f.layout == "legacy-enable-lora":
        yield "no", "enable_lora was removed in PEFT 0.3"
    if Method.PROMPT in f.methods:
        yield "no", "prompts cannot be merged into weights"
    if f.alora:
        yield "no", "an activated LoRA (aLoRA) acts on part of the input only"
    if f.other_method:
        yield "unknown", f"{f.other_method} is not analysed"
    if f.unexpected:
        yield "unknown", "the file has broken or unexpected parts"


def _vllm(f: Features) -> Answer:
    yield from _serving_common("vLLM", f)
    if f.top_rank > VLLM_DEFAULT_RANK:
        yield "with-flag", f"rank {f.top_rank} needs --max-lora-rank {f.top_rank} or more (default {VLLM_DEFAULT_RANK})"
    if f.alpha_pattern:
        yield "no", "alpha_pattern is not read: the matched modules would run at the wrong scale"
    if f.rank_pattern and not f.alpha_pattern:
        yield "no", "rank_pattern is not read: the matched modules would run at the wrong scale"
    if f.embedding:
        yield "unknown", "LoRA on embeddings depends on the model's class"


def _sglang(f: Features) -> Answer:
    yield from _serving_common("SGLang", f)
    if f.rslora:
        yield "unknown", "versions that compute α/r only would run rsLoRA at the wrong scale"
    if f.rank_pattern or f.alpha_pattern:
        yield "unknown", "rank and alpha patterns are read by recent versions only"
    if f.embedding:
        yield "unknown", "LoRA on embeddings depends on the version"


def _serving_common(tool: str, f: Features) -> Answer:
    if f.layout != "peft":
        yield "no", f"{tool} reads PEFT's layout, this is {f.layout}"
        return
    if f.image:
        yield "no", f"{tool} serves language models; this adapts an image model"
    if f.methods - {Method.LORA}:
        names = ", ".join(sorted(method.value for method in f.methods - {Method.LORA}))
        yield "no", f"{names} is not served, only LoRA"
    if f.other_method:
        yield "no", f"{f.other_method} is not served"
    if f.saved:
        yield "no", "modules_to_save (or saved heads and embeddings) are not served"
    if f.biases:
        yield "no", "biases of the adapter are not served"
    if f.expert:
        yield "unknown", "LoRA on experts depends on the model's class"
    if f.conv:
        yield "no", "LoRA on convolutions is not served"


def _gguf(f: Features) -> Answer:
    if f.layout == "gguf":
        return
    if f.layout != "peft":
        yield "no", f"the converter reads PEFT's layout, this is {f.layout}"
        return
    if f.image:
        yield "no", "the converter knows language models; this adapts an image model"
    if f.methods - {Method.LORA} or f.other_method:
        yield "no", "only plain LoRA factors can be converted"
    if f.saved or f.biases:
        yield "no", "the converter stops at tensors that are no lora_A or lora_B (saved modules, biases)"
    if f.rslora:
        yield "no", "llama.cpp computes α/r from the file's α: rsLoRA would run at the wrong scale"
    if f.alpha_pattern or f.rank_pattern:
        yield "no", "one α for all modules is written: patterns would run at the wrong scale"
    if f.conv:
        yield "no", "convolutions cannot be converted"


_TARGETS: Mapping[str, tuple[str, Callable[[Features], Answer]]] = {
    "PEFT merge": ("0.21", _peft_merge),
    "vLLM": ("0.11", _vllm),
    "SGLang": ("0.5", _sglang),
    "GGUF": ("convert_lora_to_gguf 2026", _gguf),
}
