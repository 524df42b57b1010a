"""PEFT before 0.3 with ``enable_lora``: one pair of factors for several projections of a fused weight.

A is [r · n, in] for the n enabled projections and B is [Σ out, r] (stored as a grouped convolution, [Σ out, r, 1]); the
two do not multiply. Projection i owns rows i·r … (i+1)·r of A and the i-th part of the rows of B.
"""

from __future__ import annotations

import re

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.layouts.peft import PREFIX, PeftReader
from loradiag.adapters.layouts.peft_others import OtherTensors
from loradiag.adapters.model import Parts, Place, Provenance, Scale
from loradiag.adapters.names import place_of
from loradiag.adapters.scales import PeftScales
from loradiag.adapters.slots import Slots, SlotTable, assemble
from loradiag.core.errors import InputError
from loradiag.storage.tensors import Matrix, Tensor

_FACTOR = re.compile(r"(?:base_model\.model\.)?(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
_LETTERS = ("q", "k", "v")


class LegacyReader:
    """Splits the fused factors into one module a projection."""

    layout = "legacy-enable-lora"
    config_expected = True

    def recognise(self, bundle: Bundle) -> str | None:
        """See :class:`loradiag.adapters.interface.Reader`."""
        enabled = bundle.setting("enable_lora")
        if not isinstance(enabled, list) or not any(enabled):
            return None
        return f"adapter_config.json has enable_lora with {sum(map(bool, enabled))} of {len(enabled)} projections"

    def read(self, bundle: Bundle) -> Parts:
        """See :class:`loradiag.adapters.interface.Reader`."""
        letters = _enabled(bundle)
        config = bundle.config or {}
        scales, others = PeftScales(config, bundle.located.config), OtherTensors(config)
        parts, table = Parts(), SlotTable()
        fused: dict[str, str] = {}
        for name, tensor in bundle.tensors.items():
            match = _FACTOR.fullmatch(name)
            if match is None:
                others.place(PREFIX.sub("", name), tensor, parts)
            elif not tensor.shape or tensor.shape[0] % len(letters):
                parts.unexpected.append(name)
            else:
                module, place = match["module"], place_of(match["module"])
                names = [f"{module}.{letter}" for letter in letters]
                fused |= dict.fromkeys(names, module)
                table.add_parts(match["side"], tensor, dict(zip(names, _parts(tensor, len(letters)), strict=True)))
                for name_of_part, letter in zip(names, letters, strict=True):
                    table.slots(name_of_part).place = Place(f"attention.{letter}", place.layer, place.stack)

        def scale(name: str, rank: int, _slots: Slots) -> Scale:
            return scales.resolve(fused[name], rank)

        assemble(table, scale, parts, lambda name: scales.expected_rank(fused[name]))
        return parts

    def provenance(self, bundle: Bundle) -> Provenance:
        """See :class:`loradiag.adapters.interface.Reader`."""
        return PeftReader().provenance(bundle)


def _enabled(bundle: Bundle) -> list[str]:
    enabled = bundle.setting("enable_lora")
    if len(enabled) != len(_LETTERS):
        raise InputError(
            bundle.located.config,
            f"has enable_lora with {len(enabled)} entries",
            "three (q, k, v) are known",
            kind="config",
        )
    return [letter for letter, on in zip(_LETTERS, enabled, strict=True) if on]


def _parts(tensor: Tensor, count: int) -> list[Matrix]:
    rows = tensor.shape[0] // count
    cols = tensor.size // tensor.shape[0] if rows else 0
    return [Matrix(tensor, rows, cols, start=index * rows * cols) for index in range(count)]
