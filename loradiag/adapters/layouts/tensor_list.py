"""A bare list of tensors, up and down factors in turn: what cloneofsimo/lora kept in ``.pt`` files."""

from __future__ import annotations

import re

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Parts, Place, Provenance, Scale
from loradiag.adapters.slots import Slots, SlotTable, assemble

_ITEM = re.compile(r"list:(?P<index>\d{1,6})", re.ASCII)


class TensorListReader:
    """Reads ``list:0``, ``list:1`` … as pairs (up, down)."""

    layout = "tensor-list"
    config_expected = False

    def recognise(self, bundle: Bundle) -> str | None:
        """See :class:`loradiag.adapters.interface.Reader`."""
        if "list:0" not in bundle.tensors:
            return None
        return f"a list of {len(bundle.tensors)} tensors, taken as up and down factors in turn"

    def read(self, bundle: Bundle) -> Parts:
        """See :class:`loradiag.adapters.interface.Reader`."""
        parts, table = Parts(), SlotTable()
        for name, tensor in bundle.tensors.items():
            match = _ITEM.fullmatch(name)
            if match is None:
                parts.unexpected.append(name)
                continue
            index = int(match["index"])
            module = f"pair.{index // 2}"
            table.add(module, "A" if index % 2 else "B", tensor)
            table.slots(module).place = Place("other", index // 2)
        assemble(table, _scale, parts)
        return parts

    def provenance(self, _bundle: Bundle) -> Provenance:
        """A list records none."""
        return Provenance()


def _scale(_name: str, _rank: int, _slots: Slots) -> Scale:
    return Scale(1.0, "default")
