"""kohya sd-scripts and LyCORIS: ``lora_unet_….lora_down.weight``, ``.alpha``, ``.hada_w1_a``, ``.lokr_w2_b``."""

from __future__ import annotations

import re

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Extra, Parts, Provenance, Scale
from loradiag.adapters.names import dotted
from loradiag.adapters.scales import from_alpha
from loradiag.adapters.slots import SlotTable, Slots, assemble
from loradiag.adapters.tensors import Matrix
from loradiag.core.report import Unsupported
from loradiag.core.text import printable

# Also the botched names "…_to_k_lora_down.weight" that a converter once wrote.
_FACTOR = re.compile(
    r"^(?P<module>(?:lora|lycoris)_.+?)(?:[._](?P<slot>lora_down|lora_up|lora_mid)\.weight|"
    r"\.(?P<plain>alpha|dora_scale|hada_[wt][12](?:_[ab])?|lokr_[wt][12](?:_[ab])?|lora_[AB]\.weight))$"
)
_OTHER = re.compile(r"^(?:lora|lycoris)_.+\.(?P<what>diff|diff_b|oft_\w+|oft_blocks|on_input|scalar|norm\w*|glora\w*|[abcd][12]\.weight|w_norm|b_norm|bias\w*)$")
_SLOTS = {"lora_down": "A", "lora_up": "B", "lora_mid": "mid", "lora_A.weight": "A", "lora_B.weight": "B", "dora_scale": "magnitude"}


class KohyaReader:
    """Reads kohya's names, LyCORIS's methods among them."""

    layout = "kohya"
    config_expected = False

    def recognise(self, bundle: Bundle) -> str | None:
        """See :class:`loradiag.adapters.interface.Reader`."""
        if bundle.setting("peft_type"):
            return None
        sample = next((name for name in bundle.tensors if _FACTOR.match(name)), None)
        return f'tensor names like "{printable(sample)}"' if sample else None

    def read(self, bundle: Bundle) -> Parts:
        """See :class:`loradiag.adapters.interface.Reader`."""
        parts, table = Parts(), SlotTable()
        for name, tensor in bundle.tensors.items():
            match = _FACTOR.match(name)
            if match is None:
                other = _OTHER.match(name)
                if other:
                    what = printable(other["what"])
                    parts.unsupported.append(Unsupported(tensor=name, reason=f"LyCORIS {what} is not analysed"))
                elif name.startswith(("bundle_emb", "emb_params")):
                    parts.extras.append(Extra(tensor, "saved", name))
                else:
                    parts.unexpected.append(name)
                continue
            slot = match["slot"] or match["plain"]
            if slot == "alpha":
                table.add_alpha(match["module"], tensor)
            else:
                canonical = _SLOTS.get(slot) or slot.partition("_")[2]
                matrix = Matrix(tensor, 1, tensor.size) if canonical == "magnitude" else None
                if not table.add(match["module"], canonical, tensor, matrix):
                    parts.unexpected.append(name)
        assemble(table, _scale, parts, name_of=dotted)
        return parts

    def provenance(self, bundle: Bundle) -> Provenance:
        """See :class:`loradiag.adapters.interface.Reader`."""
        metadata = bundle.metadata
        base = metadata.get("ss_sd_model_name") or metadata.get("ss_base_model_version") or metadata.get("modelspec.architecture")
        return Provenance(
            base=base or None,
            revision=metadata.get("ss_new_sd_model_hash") or metadata.get("ss_sd_model_hash"),
            library_version=metadata.get("ss_sd_scripts_commit_hash"),
            peft_type=metadata.get("ss_network_module"),
        )


def _scale(name: str, rank: int, slots: Slots) -> Scale:
    # A LoKr module whose two sides are both stored whole has no rank to divide by; LyCORIS then applies no scale.
    if {"w1", "w2"} <= slots.factors.keys():
        return Scale(1.0, "stored", slots.alpha)
    return from_alpha(slots.alpha, rank)
