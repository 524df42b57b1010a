"""Sam_LoRA and ViT adapters of its kind: ``w_a_000`` [r, in] and ``w_b_000`` [out, r], queries and values in turn."""

from __future__ import annotations

import re

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Parts, Place, Provenance, Scale
from loradiag.adapters.slots import Slots, SlotTable, assemble
from loradiag.core.text import quoted

_FACTOR = re.compile(r"w_(?P<side>[ab])_(?P<index>\d{1,6})", re.ASCII)


class SamReader:
    """Reads ``w_a``/``w_b`` pairs. Index 2i is the query of block i, 2i + 1 its value."""

    layout = "sam"
    config_expected = False

    def recognise(self, bundle: Bundle) -> str | None:
        """See :class:`loradiag.adapters.interface.Reader`."""
        sample = next((name for name in bundle.tensors if _FACTOR.fullmatch(name)), None)
        return f"tensor names like {quoted(sample)}" if sample else None

    def read(self, bundle: Bundle) -> Parts:
        """See :class:`loradiag.adapters.interface.Reader`."""
        parts, table = Parts(), SlotTable()
        for name, tensor in bundle.tensors.items():
            match = _FACTOR.fullmatch(name)
            if match is None:
                parts.unexpected.append(name)
                continue
            block, part = divmod(int(match["index"]), 2)
            letter = "qv"[part]
            module = f"image_encoder.blocks.{block}.attn.qkv.{letter}"
            table.add(module, match["side"].upper(), tensor)
            table.slots(module).place = Place(f"attention.{letter}", block, "vision")
        assemble(table, _scale, parts)
        return parts

    def provenance(self, _bundle: Bundle) -> Provenance:
        """The format records none."""
        return Provenance()


def _scale(_name: str, _rank: int, _slots: Slots) -> Scale:
    return Scale(1.0, "default")  # these trainers add B·A as it is
