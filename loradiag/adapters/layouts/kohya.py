"""kohya sd-scripts and LyCORIS: ``lora_unet_….lora_down.weight``, ``.alpha``, ``.hada_w1_a``, ``.lokr_w2_b``."""

from __future__ import annotations

import re

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Extra, Parts, Provenance, Scale, shown
from loradiag.adapters.scales import from_alpha
from loradiag.adapters.slots import Slots, SlotTable, assemble
from loradiag.adapters.underscored import dotted
from loradiag.core.report import Unsupported
from loradiag.core.text import quoted
from loradiag.storage.tensors import Matrix, Tensor

# Also the botched names "…_to_k_lora_down.weight" that a converter once wrote.
_FACTOR = re.compile(
    r"(?P<module>(?:lora|lycoris)_.+?)(?:[._](?P<slot>lora_down|lora_up|lora_mid)\.weight|"
    r"\.(?P<plain>alpha|dora_scale|hada_[wt][12](?:_[ab])?|lokr_[wt][12](?:_[ab])?|lora_[AB]\.weight))"
)
_OTHER = re.compile(
    r"(?P<module>(?:lora|lycoris)_[^.]+)\.(?P<what>diff|diff_b|oft_\w+|on_input|weight|scalar|norm\w*|w_norm|b_norm|bias\w*|"
    r"glora\w*|[abcd][12]\.weight)"
)
_SLOTS = {"lora_down": "A", "lora_up": "B", "lora_mid": "mid", "lora_A.weight": "A", "lora_B.weight": "B"}


class KohyaReader:
    """Reads kohya's names, LyCORIS's methods among them."""

    layout = "kohya"
    config_expected = False

    def recognise(self, bundle: Bundle) -> str | None:
        """See :class:`loradiag.adapters.interface.Reader`."""
        if bundle.setting("peft_type"):
            return None
        sample = next((name for name in bundle.tensors if _FACTOR.fullmatch(name)), None)
        return f"tensor names like {quoted(sample)}" if sample else None

    def read(self, bundle: Bundle) -> Parts:
        """See :class:`loradiag.adapters.interface.Reader`."""
        parts, table = Parts(), SlotTable()
        aside: dict[str, str] = {}
        for name, tensor in bundle.tensors.items():
            match, other = _FACTOR.fullmatch(name), _OTHER.fullmatch(name)
            if match:
                _place(table, match["module"], match["slot"] or match["plain"], tensor)
            elif other:
                reason = f"LyCORIS {other['what']} is not analysed"
                parts.unsupported.append(Unsupported(tensor=name, reason=reason))
                aside.setdefault(other["module"], reason)
                if (
                    other["what"] == "scalar"
                ):  # multiplies the update of the module, if the program that loads it does so
                    table.aside[other["module"]] = reason
            elif name.startswith(("bundle_emb", "emb_params")):
                parts.extras.append(Extra(tensor, "saved", name))
            else:
                parts.unexpected.append(name)
        # A module of another method leaves nothing here but its α.
        table.aside |= {
            name: why for name, why in aside.items() if name in table.modules and not table.slots(name).factors
        }
        assemble(table, _scale, parts, name_of=dotted)
        return parts

    def provenance(self, bundle: Bundle) -> Provenance:
        """See :class:`loradiag.adapters.interface.Reader`."""
        metadata = bundle.metadata
        names = ("ss_sd_model_name", "ss_base_model_version", "modelspec.architecture")
        hashes = ("ss_new_sd_model_hash", "ss_sd_model_hash")
        return Provenance(
            base=next((shown(metadata[name]) for name in names if metadata.get(name)), None),
            revision=next((shown(metadata[name]) for name in hashes if metadata.get(name)), None),
            library_version=shown(metadata.get("ss_sd_scripts_commit_hash")),
            peft_type=shown(metadata.get("ss_network_module")),
        )


def _place(table: SlotTable, module: str, slot: str, tensor: Tensor) -> None:
    if slot == "alpha":
        table.add_alpha(module, tensor)
    elif slot == "dora_scale":
        table.add(module, "magnitude", tensor, Matrix(tensor, 1, tensor.size))
    else:
        table.add(module, _SLOTS.get(slot) or slot.partition("_")[2], tensor)


def _scale(_name: str, rank: int, slots: Slots) -> Scale:
    # A LoKr module whose two sides are both stored whole has no rank to divide by; LyCORIS then applies no scale.
    if {"w1", "w2"} <= slots.factors.keys():
        return Scale(1.0, "stored", slots.alpha)
    return from_alpha(slots.alpha, rank)
