"""GGUF LoRA files: ``blk.3.attn_q.weight.lora_a`` [r, in] and ``.lora_b`` [out, r], α in the metadata."""

from __future__ import annotations

import math
import re

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Parts, Provenance, Scale, shown
from loradiag.adapters.scales import from_alpha
from loradiag.adapters.slots import Slots, SlotTable, assemble
from loradiag.core.errors import InputError
from loradiag.storage.tensors import Tensor, flattened, is_stack, stacked

_FACTOR = re.compile(r"(?P<module>.+?)(?:\.weight)?\.lora_(?P<side>[ab])")


class GgufReader:
    """Reads adapters that llama.cpp's converter writes."""

    layout = "gguf"
    config_expected = False

    def recognise(self, bundle: Bundle) -> str | None:
        """See :class:`loradiag.adapters.interface.Reader`."""
        if bundle.format != "gguf":
            return None
        kind = bundle.metadata.get("general.type", "")
        if kind != "adapter" and not any(_FACTOR.fullmatch(name) for name in bundle.tensors):
            raise InputError(
                bundle.located.weights[0],
                f"is a GGUF {shown(kind) or 'model'}",
                "name a GGUF adapter",
                kind="no-adapter",
            )
        return f"GGUF with general.type {shown(kind)}" if kind else "GGUF with tensors named .lora_a"

    def read(self, bundle: Bundle) -> Parts:
        """See :class:`loradiag.adapters.interface.Reader`."""
        parts, table = Parts(), SlotTable()
        for name, tensor in bundle.tensors.items():
            match = _FACTOR.fullmatch(name)
            if match is None:
                parts.unexpected.append(name)
            else:
                _place(table, match["module"], match["side"].upper(), tensor)
        alpha = _alpha(bundle)

        def scale(_name: str, rank: int, _slots: Slots) -> Scale:
            return from_alpha(alpha, rank, "metadata")

        assemble(table, scale, parts)
        return parts

    def provenance(self, bundle: Bundle) -> Provenance:
        """See :class:`loradiag.adapters.interface.Reader`."""
        metadata = bundle.metadata
        return Provenance(
            base=shown(metadata.get("general.base_model.0.repo_url") or metadata.get("general.base_model.0.name")),
            peft_type=shown(metadata.get("adapter.type")),
        )


def _place(table: SlotTable, module: str, side: str, tensor: Tensor) -> None:
    if module == "token_embd" and side == "A":  # llama.cpp looks rows of it up, so it is stored as [vocabulary, r]
        table.add(module, side, tensor, flattened(tensor).T)
    elif is_stack(tensor):  # experts
        table.add_parts(side, tensor, {f"{module}.experts.{index}": part for index, part in enumerate(stacked(tensor))})
    else:
        table.add(module, side, tensor)


def _alpha(bundle: Bundle) -> float | None:
    text = bundle.metadata.get("adapter.lora.alpha")
    try:
        alpha = float(text) if text is not None else None
    except ValueError:
        alpha = math.nan
    if alpha is not None and not math.isfinite(alpha):
        raise InputError(
            bundle.located.weights[0], "has an adapter.lora.alpha that is no number", "convert it again", "header"
        )
    # llama.cpp: scale = alpha / rank where alpha is given and not zero, else 1.
    return alpha or None
