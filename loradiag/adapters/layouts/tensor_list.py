"""A bare list of tensors, up and down factors in turn: what cloneofsimo/lora kept in ``.pt`` files."""

from __future__ import annotations

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Parts, Place, Provenance, Scale
from loradiag.adapters.slots import SlotTable, Slots, assemble


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
            index = int(name.partition(":")[2])
            module = f"pair.{index // 2}"
            table.add(module, "A" if index % 2 else "B", tensor)
            table.modules[module].place = Place("other", index // 2)
        assemble(table, _scale, parts)
        return parts

    def provenance(self, bundle: Bundle) -> Provenance:
        """A list records none."""
        return Provenance()


def _scale(name: str, rank: int, slots: Slots) -> Scale:
    return Scale(1.0, "default")
