"""What is not resized. An adapter is resized whole or refused: a tensor passed over would be a loss that nobody sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loradiag.adapters.model import Adapter, Method, Module
from loradiag.core.errors import InputError, UsageError
from loradiag.core.starts import holds_part_of_base
from loradiag.core.text import printable, shorten
from loradiag.linalg.narrow import PRECISIONS

_METHODS = (Method.LORA, Method.DORA, Method.ADALORA)


def check(adapter: Adapter) -> Mapping[str, Any]:
    """Return the configuration of an adapter that can be resized.

    Raises:
        InputError: Something is wrong with the file.
        UsageError: It is sound, but its kind cannot be resized.
    """
    config = _configuration(adapter)
    _check_start(adapter)
    for module in adapter.modules:
        _check_module(adapter, module)
    _check_accounting(adapter)
    if not adapter.modules:
        raise _refused(adapter, "holds no low-rank factors")
    return config


def _configuration(adapter: Adapter) -> Mapping[str, Any]:
    if adapter.layout not in ("peft", "mlx"):
        raise _refused(adapter, f"is of layout {adapter.layout}; only PEFT and MLX adapters are resized")
    if adapter.config is None:
        raise InputError(
            adapter.path,
            "has no adapter_config.json, so the scale of its modules is not known",
            "restore it",
            kind="config",
        )
    kind = adapter.config.get("peft_type")
    if adapter.layout == "peft" and not (isinstance(kind, str) and kind.upper() in ("LORA", "ADALORA")):
        said = shorten(printable(str(kind)), 40) if kind is not None else "not given"
        raise _refused(adapter, f"has peft_type {said}; only LORA and ADALORA have factors that can be cut")
    return adapter.config


def _check_start(adapter: Adapter) -> None:
    start = adapter.provenance.init or ""
    if holds_part_of_base(start):  # PEFT repeats such a start when it loads, at the rank that the file says
        raise _refused(
            adapter,
            f"was initialised with {printable(start)} and stored unconverted, so its factors hold part of the base",
            "convert it first (save_pretrained with path_initial_model_for_weight_conversion)",
        )


def _check_module(adapter: Adapter, module: Module) -> None:
    name = shorten(printable(module.name), 80)
    if module.method not in _METHODS or "mid" in module.factors:
        raise _refused(adapter, f"has a module of another kind than LoRA: {name} ({module.method.value})")
    if (adapter.layout == "peft") and (module.method is Method.ADALORA) != _adalora(adapter):
        raise InputError(adapter.path, f"has a module that its peft_type does not fit: {name}", "save it again")
    odd = next((m.dtype for m in module.factors.values() if m.dtype not in PRECISIONS), None)
    if odd is not None:
        raise _refused(adapter, f"stores {name} as {printable(odd)}; only {', '.join(PRECISIONS)} are rounded to")


def _adalora(adapter: Adapter) -> bool:
    return str((adapter.config or {}).get("peft_type")).upper() == "ADALORA"


def _check_accounting(adapter: Adapter) -> None:
    parts = adapter.parts
    if parts.problems:
        problem = parts.problems[0]
        where = f"module {shorten(printable(problem.module), 80)}: " if problem.module else ""
        raise InputError(adapter.path, f"is broken: {where}{printable(problem.detail)}", "loradiag inspect says more")
    for row in parts.unsupported:
        raise _refused(adapter, f"has {shorten(printable(row.tensor), 80)}: {printable(row.reason)}")
    for name in (*parts.broken, *parts.unexpected):
        raise InputError(
            adapter.path,
            f"has a tensor of unknown purpose, {shorten(printable(name), 80)}, which resizing might make wrong",
            "remove it if nothing needs it",
        )
    for extra in parts.extras:
        if extra.kind == "training":
            raise _refused(adapter, f"holds state of a training method: {shorten(printable(extra.tensor.name), 80)}")


def _refused(adapter: Adapter, reason: str, remedy: str = "") -> UsageError:
    return UsageError(
        f"{printable(str(adapter.path))}: cannot be resized: it {reason}" + (f"; {remedy}" if remedy else "")
    )
