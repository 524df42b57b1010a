"""GGUF LoRA files: ``blk.3.attn_q.weight.lora_a`` [r, in] and ``.lora_b`` [out, r], α in the metadata."""

from __future__ import annotations

import re

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Parts, Provenance, Scale
from loradiag.adapters.scales import from_alpha
from loradiag.adapters.slots import SlotTable, Slots, assemble
from loradiag.core.errors import InputError
from loradiag.core.text import printable

_FACTOR = re.compile(r"^(?P<module>.+?)(?:\.weight)?\.lora_(?P<side>[ab])$")


class GgufReader:
    """Reads adapters that llama.cpp's converter writes."""

    layout = "gguf"
    config_expected = False

    def recognise(self, bundle: Bundle) -> str | None:
        """See :class:`loradiag.adapters.interface.Reader`."""
        if bundle.format != "gguf":
            return None
        kind = bundle.metadata.get("general.type", "")
        if kind != "adapter" and not any(_FACTOR.match(name) for name in bundle.tensors):
            raise InputError(
                bundle.located.weights[0], f"is a GGUF {printable(kind) or 'model'}", "name a GGUF adapter", kind="no-adapter"
            )
        return f"GGUF with general.type {printable(kind)}" if kind else "GGUF with tensors named .lora_a"

    def read(self, bundle: Bundle) -> Parts:
        """See :class:`loradiag.adapters.interface.Reader`."""
        parts, table = Parts(), SlotTable()
        for name, tensor in bundle.tensors.items():
            match = _FACTOR.match(name)
            if match is None or not table.add(match["module"], match["side"].upper(), tensor):
                parts.unexpected.append(name)
        alpha = _alpha(bundle)

        def scale(name: str, rank: int, slots: Slots) -> Scale:
            return from_alpha(alpha, rank, "metadata")

        assemble(table, scale, parts)
        return parts

    def provenance(self, bundle: Bundle) -> Provenance:
        """See :class:`loradiag.adapters.interface.Reader`."""
        metadata = bundle.metadata
        return Provenance(
            base=metadata.get("general.base_model.0.repo_url") or metadata.get("general.base_model.0.name"),
            peft_type=metadata.get("adapter.type"),
        )


def _alpha(bundle: Bundle) -> float | None:
    text = bundle.metadata.get("adapter.lora.alpha")
    try:
        alpha = float(text) if text is not None else None
    except ValueError:
        return None
    # llama.cpp: scale = alpha / rank where alpha is given and not zero, else 1.
    return alpha or None
