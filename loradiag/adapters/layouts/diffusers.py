"""diffusers: ``unet.….to_q_lora.down.weight``, ``….processor.to_k_lora.up.weight``, ``transformer.….lora_A.weight``.

Trainers for ComfyUI follow the same names with other prefixes (``diffusion_model.….lora_down.weight``).
"""

from __future__ import annotations

import re
from typing import Any

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Parts, Provenance, Scale, shown
from loradiag.adapters.scales import PeftScales, from_alpha
from loradiag.adapters.slots import Slots, SlotTable, assemble
from loradiag.core.errors import InputError
from loradiag.core.report import Unsupported
from loradiag.core.text import quoted
from loradiag.storage import strict_json
from loradiag.storage.tensors import Matrix

_FACTOR = re.compile(
    r"(?P<module>.+?)(?:"
    r"(?:_lora|\.lora|\.lora_linear_layer)\.(?P<side>up|down)(?:\.weight)?|"
    r"\.(?P<slot>lora_A|lora_B|lora_magnitude_vector|lora_down|lora_up|dora_scale)(?:\.(?!weight\Z)[^.\s]+)?(?:\.weight)?|"
    r"\.(?P<alpha>alpha|network_alpha))"
)
_FULL = re.compile(r".+\.(?P<what>diff|diff_b|set_weight|set_bias)")
_SLOTS = {"down": "A", "lora_down": "A", "lora_A": "A", "up": "B", "lora_up": "B", "lora_B": "B"}


class DiffusersReader:
    """Reads the names that diffusers has used over the years, also those of trainers that follow it."""

    layout = "diffusers"
    config_expected = False

    def recognise(self, bundle: Bundle) -> str | None:
        """See :class:`loradiag.adapters.interface.Reader`."""
        for name in bundle.tensors:
            match = _FACTOR.fullmatch(name)
            if match and not match["alpha"]:
                return f"tensor names like {quoted(name)}"
        return None

    def read(self, bundle: Bundle) -> Parts:
        """See :class:`loradiag.adapters.interface.Reader`."""
        parts, table = Parts(), SlotTable()
        for name, tensor in bundle.tensors.items():
            match = _FACTOR.fullmatch(name)
            if match is None:
                if full := _FULL.fullmatch(name):
                    reason = f"a whole difference of weights ({full['what']}) is not analysed"
                    parts.unsupported.append(Unsupported(tensor=name, reason=reason))
                else:
                    parts.unexpected.append(name)
                continue
            module = match["module"].replace(".processor.", ".").removesuffix(".processor")
            if match["alpha"]:
                table.add_alpha(module, tensor)
            else:
                slot = _SLOTS.get(match["side"] or match["slot"], "magnitude")
                table.add(module, slot, tensor, Matrix(tensor, 1, tensor.size) if slot == "magnitude" else None)
        assemble(table, _Scales(bundle), parts)
        return parts

    def provenance(self, bundle: Bundle) -> Provenance:
        """See :class:`loradiag.adapters.interface.Reader`."""
        named = bundle.setting("base_model_name_or_path") or bundle.metadata.get("modelspec.architecture")
        return Provenance(base=shown(named))


class _Scales:
    """α from a tensor beside the factors, from the metadata that diffusers writes since 0.34, or r.

    The metadata are PEFT configurations whose keys carry the name of the pipeline's part (``transformer.lora_alpha``);
    a model that is saved by itself has them without (``lora_alpha``).
    """

    def __init__(self, bundle: Bundle) -> None:
        path = bundle.located.weights[0]
        settings: dict[str, dict[str, Any]] = {}
        for key, value in _metadata(bundle).items():
            part, _, setting = key.rpartition(".")
            settings.setdefault(part, {})[setting] = value
        self._by_part = {part: PeftScales(values, path) for part, values in settings.items() if "lora_alpha" in values}

    def __call__(self, name: str, rank: int, slots: Slots) -> Scale:
        part, _, rest = name.partition(".")
        scales, inner = (self._by_part[part], rest) if part in self._by_part else (self._by_part.get(""), name)
        if slots.alpha is not None or scales is None:
            return from_alpha(slots.alpha, rank)
        resolved = scales.resolve(inner, rank)
        return Scale(resolved.value, "metadata", resolved.alpha)


def _metadata(bundle: Bundle) -> dict[str, Any]:
    text = bundle.metadata.get("lora_adapter_metadata")
    if text is None:
        return {}
    try:
        settings = strict_json.loads(text.encode())
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise InputError(
            bundle.located.weights[0],
            "has lora_adapter_metadata that are no JSON object",
            "save it again",
            kind="header",
        )
    return settings
