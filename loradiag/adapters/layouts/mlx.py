"""MLX: ``….lora_a`` [in, r] and ``….lora_b`` [r, out], in safetensors or npz; experts stacked in a third dimension."""

from __future__ import annotations

import re
from typing import Any

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Parts, Provenance, Scale
from loradiag.adapters.scales import number
from loradiag.adapters.slots import SlotTable, Slots, assemble
from loradiag.adapters.tensors import Matrix, Tensor, flattened
from loradiag.core.text import printable

_FACTOR = re.compile(r"^(?P<module>.+)\.(?P<slot>lora_a|lora_b|m)$")

DEFAULT_SCALE = 20.0
"""What mlx-lm multiplies by when nothing is said: scale 20, in older versions 10 · (alpha 16 / rank 8)."""


class MlxReader:
    """Reads what mlx-lm and mlx-examples write."""

    layout = "mlx"
    config_expected = True

    def recognise(self, bundle: Bundle) -> str | None:
        """See :class:`loradiag.adapters.interface.Reader`."""
        sample = next((name for name in bundle.tensors if name.endswith((".lora_a", ".lora_b"))), None)
        return f'tensor names like "{printable(sample)}"' if sample else None

    def read(self, bundle: Bundle) -> Parts:
        """See :class:`loradiag.adapters.interface.Reader`."""
        parts, table = Parts(), SlotTable()
        for name, tensor in bundle.tensors.items():
            match = _FACTOR.match(name)
            if match is None or not _place(table, match["module"], match["slot"], tensor):
                parts.unexpected.append(name)
        settings = _parameters(bundle)

        def scale(name: str, rank: int, slots: Slots) -> Scale:
            return _scale(settings, "lora_layers" in (bundle.config or {}), rank, bundle.located.config)

        rank = settings.get("rank")
        assemble(table, scale, parts, lambda name: rank if isinstance(rank, int) else None)
        return parts

    def provenance(self, bundle: Bundle) -> Provenance:
        """See :class:`loradiag.adapters.interface.Reader`."""
        base = bundle.setting("model")
        kind = bundle.setting("fine_tune_type")
        return Provenance(
            base=base if isinstance(base, str) else None, peft_type=kind if isinstance(kind, str) else None
        )


def _place(table: SlotTable, module: str, slot: str, tensor: Tensor) -> bool:
    if slot == "m":
        return table.add(module, "magnitude", tensor, Matrix(tensor, 1, tensor.size))
    if len(tensor.shape) == 3:  # experts: lora_a [E, r, in] and lora_b [E, out, r], both already the usual way round
        count, rows, cols = tensor.shape
        return all(
            table.add(f"{module}.experts.{index}", slot[-1].upper(), tensor, Matrix(tensor, rows, cols, index * rows * cols))
            for index in range(count)
        )
    return table.add(module, slot[-1].upper(), tensor, flattened(tensor).T)


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
