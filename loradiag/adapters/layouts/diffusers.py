"""diffusers: ``unet.….to_q_lora.down.weight``, ``….processor.to_k_lora.up.weight``, ``transformer.….lora_A.weight``."""

from __future__ import annotations

import json
import re
from typing import Any

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Parts, Provenance, Scale
from loradiag.adapters.scales import PeftScales, from_alpha
from loradiag.adapters.slots import SlotTable, Slots, assemble
from loradiag.adapters.tensors import Matrix
from loradiag.core.text import printable

_FACTOR = re.compile(
    r"^(?P<module>.+?)(?:(?P<old>_lora|\.lora|\.lora_linear_layer)\.(?P<side>up|down)(?:\.weight)?|"
    r"\.(?P<slot>lora_A|lora_B|lora_magnitude_vector)(?:\.(?!weight$)[^.]+)?(?:\.weight)?|\.(?P<alpha>alpha|network_alpha))$"
)


class DiffusersReader:
    """Reads the names that diffusers has used over the years, also those of trainers that follow it."""

    layout = "diffusers"
    config_expected = False

    def recognise(self, bundle: Bundle) -> str | None:
        """See :class:`loradiag.adapters.interface.Reader`."""
        for name in bundle.tensors:
            match = _FACTOR.match(name)
            if match and not match["alpha"]:
                return f'tensor names like "{printable(name)}"'
        return None

    def read(self, bundle: Bundle) -> Parts:
        """See :class:`loradiag.adapters.interface.Reader`."""
        parts, table = Parts(), SlotTable()
        for name, tensor in bundle.tensors.items():
            match = _FACTOR.match(name)
            if match is None:
                parts.unexpected.append(name)
                continue
            module = match["module"].replace(".processor.", ".")
            if match["alpha"]:
                table.add_alpha(module, tensor)
                continue
            slot = {"down": "A", "up": "B", "lora_A": "A", "lora_B": "B"}.get(match["side"] or match["slot"], "magnitude")
            matrix = Matrix(tensor, 1, tensor.size) if slot == "magnitude" else None
            if not table.add(module, slot, tensor, matrix):
                parts.unexpected.append(name)
        assemble(table, _Scales(bundle), parts)
        return parts

    def provenance(self, bundle: Bundle) -> Provenance:
        """See :class:`loradiag.adapters.interface.Reader`."""
        base = bundle.setting("base_model_name_or_path") or bundle.metadata.get("modelspec.architecture")
        return Provenance(base=base if isinstance(base, str) else None)


class _Scales:
    """α from a tensor beside the factors, from the metadata that diffusers ≥ 0.34 writes, or r."""

    def __init__(self, bundle: Bundle) -> None:
        settings: dict[str, dict[str, Any]] = {}
        for key, value in _metadata(bundle).items():
            part, _, setting = key.partition(".")
            settings.setdefault(part, {})[setting] = value
        self._by_part = {part: PeftScales(values, bundle.located.weights[0]) for part, values in settings.items()}

    def __call__(self, name: str, rank: int, slots: Slots) -> Scale:
        scales = self._by_part.get(name.partition(".")[0])
        if slots.alpha is None and scales is not None and scales.alpha is not None:
            resolved = scales.resolve(name.partition(".")[2], rank)
            return Scale(resolved.value, "metadata", resolved.alpha)
        return from_alpha(slots.alpha, rank)


def _metadata(bundle: Bundle) -> dict[str, Any]:
    try:
        settings = json.loads(bundle.metadata.get("lora_adapter_metadata", "{}"))
    except (ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}
