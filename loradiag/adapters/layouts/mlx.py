"""MLX: ``….lora_a`` [in, r] and ``….lora_b`` [r, out], in safetensors or npz.

Experts are stacked: ``lora_b`` is [E, out, r], and ``lora_a`` [E, r, in] or, in older versions, [E·r, in].
"""

from __future__ import annotations

import re
from typing import Any

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Parts, Provenance, Scale, shown
from loradiag.adapters.scales import number
from loradiag.adapters.slots import Slots, SlotTable, assemble
from loradiag.core.text import quoted
from loradiag.storage.tensors import Matrix, Tensor, flattened, is_stack, stacked

_FACTOR = re.compile(r"(?P<module>.+)\.(?P<slot>lora_a|lora_b|m)")

DEFAULT_SCALE = 20.0
"""What mlx-lm multiplies by when nothing is said: scale 20, in older versions 10 · (alpha 16 / rank 8)."""


class MlxReader:
    """Reads what mlx-lm and mlx-examples write."""

    layout = "mlx"
    config_expected = True

    def recognise(self, bundle: Bundle) -> str | None:
        """See :class:`loradiag.adapters.interface.Reader`."""
        sample = next((name for name in bundle.tensors if name.endswith((".lora_a", ".lora_b"))), None)
        return f"tensor names like {quoted(sample)}" if sample else None

    def read(self, bundle: Bundle) -> Parts:
        """See :class:`loradiag.adapters.interface.Reader`."""
        parts, table = Parts(), SlotTable()
        for name, tensor in bundle.tensors.items():
            match = _FACTOR.fullmatch(name)
            if match is None:
                parts.unexpected.append(name)
                continue
            module, slot = match["module"], match["slot"]
            experts = _experts(bundle.tensors, module)
            factor = "magnitude" if slot == "m" else slot[-1].upper()
            matrices = _matrices(factor, tensor, experts)
            names = [module] if experts is None else [f"{module}.experts.{index}" for index in range(len(matrices))]
            table.add_parts(factor, tensor, dict(zip(names, matrices, strict=True)))
        settings = _parameters(bundle)
        path = bundle.located.config or bundle.located.weights[0]

        def scale(_name: str, rank: int, _slots: Slots) -> Scale:
            return _scale(settings, "lora_layers" in (bundle.config or {}), rank, path)

        rank = settings.get("rank")
        assemble(table, scale, parts, lambda _name: rank if type(rank) is int and rank > 0 else None)
        return parts

    def provenance(self, bundle: Bundle) -> Provenance:
        """See :class:`loradiag.adapters.interface.Reader`."""
        return Provenance(base=shown(bundle.setting("model")), peft_type=shown(bundle.setting("fine_tune_type")))


def _experts(tensors: Any, module: str) -> int | None:
    """How many experts the module stacks; None if it is a single weight."""
    for slot in ("lora_b", "lora_a"):
        tensor = tensors.get(f"{module}.{slot}")
        if tensor is not None and is_stack(tensor):
            return int(tensor.shape[0])
    return None


def _matrices(factor: str, tensor: Tensor, experts: int | None) -> list[Matrix]:
    """The factor of each expert, or the one factor, the usual way round: A [r, in] and B [out, r]."""
    if experts is None:
        return [Matrix(tensor, 1, tensor.size) if factor == "magnitude" else flattened(tensor).T]
    if is_stack(tensor):
        return stacked(tensor)
    if len(tensor.shape) == 2 and tensor.shape[0] % experts == 0:
        rows, cols = tensor.shape[0] // experts, tensor.shape[1]
        return [Matrix(tensor, rows, cols, start=index * rows * cols) for index in range(experts)]
    return [flattened(tensor)] * experts


def _parameters(bundle: Bundle) -> dict[str, Any]:
    parameters = bundle.setting("lora_parameters", {})
    return parameters if isinstance(parameters, dict) else {}


def _scale(settings: dict[str, Any], old: bool, rank: int, path: object) -> Scale:
    """Scale as MLX applies it.

    Versions whose configuration says ``lora_layers`` multiply ``scale`` by alpha/rank; later ones (``num_layers``) know
    no alpha, and ignore one that was left in the file.
    """
    scale, alpha = settings.get("scale"), settings.get("alpha")
    if scale is None and alpha is None:
        return Scale(DEFAULT_SCALE, "default")
    if scale is None:
        value = number(alpha, path, "lora_parameters.alpha")
        return Scale(value / rank if rank else 0.0, "config", value)
    stored = number(scale, path, "lora_parameters.scale")
    if alpha is not None and old:
        value = number(alpha, path, "lora_parameters.alpha")
        return Scale(stored * value / rank if rank else 0.0, "config", value)
    return Scale(stored, "config")
