"""cloneofsimo/lora: ``unet:0:up``, ``text_encoder:3:down``, and learned token embeddings ``<s1>``."""

from __future__ import annotations

import re

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Extra, Parts, Place, Provenance, Scale
from loradiag.adapters.slots import Slots, SlotTable, assemble
from loradiag.core.text import quoted

_FACTOR = re.compile(r"(?P<part>[\w.-]+):(?P<index>\d{1,6}):(?P<side>up|down)", re.ASCII)
_TOKEN = re.compile(r"<.+>")


class CloneofsimoReader:
    """Reads numbered factors. The file does not say which weight each number stands for, so the number is the layer."""

    layout = "cloneofsimo"
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
            if match:
                module = f"{match['part']}.{match['index']}"
                table.add(module, "A" if match["side"] == "down" else "B", tensor)
                table.slots(module).place = Place("other", int(match["index"]), match["part"])
            elif _TOKEN.fullmatch(name):
                parts.extras.append(Extra(tensor, "saved", name))
            else:
                parts.unexpected.append(name)
        assemble(table, _scale, parts)
        return parts

    def provenance(self, _bundle: Bundle) -> Provenance:
        """The format records none."""
        return Provenance()


def _scale(_name: str, _rank: int, _slots: Slots) -> Scale:
    # The trainer multiplies by a strength that the user chooses when loading; 1 is its default, and nothing is stored.
    return Scale(1.0, "default")
