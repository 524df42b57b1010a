"""PEFT: ``base_model.model.….lora_A.weight`` and the other methods of the same library."""

from __future__ import annotations

import re

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.layouts import vera
from loradiag.adapters.layouts.peft_experts import split
from loradiag.adapters.layouts.peft_others import OtherTensors, strings
from loradiag.adapters.model import Extra, Parts, Provenance, Scale, shown
from loradiag.adapters.scales import PeftScales
from loradiag.adapters.slots import Slots, SlotTable, assemble
from loradiag.core.text import printable, quoted, shorten
from loradiag.storage.tensors import Matrix, Tensor

PREFIX = re.compile(r"\Abase_model\.(?:model\.)?")
_FACTOR = re.compile(
    r"(?P<module>.+)\."
    r"(?P<slot>lora_A|lora_B|lora_E|lora_embedding_A|lora_embedding_B|lora_magnitude_vector|"
    r"hada_[wt][12](?:_[ab])?|lokr_[wt][12](?:_[ab])?|vera_lambda_[bd]|ia3_l)"
    r"(?:\.(?!weight\Z|bias\Z)[^.\s]+)?(?:\.(?P<part>weight|bias))?"
)
_SHARED_VERA = re.compile(r"(?:.+\.)?vera_(?P<side>[AB])(?:\.[^.\s]+)?")
_PROMPT = re.compile(r"(?:.+\.)?prompt_embeddings")
_VECTORS = frozenset({"l", "magnitude", "E", "b", "d"})
_SLOTS = {
    "lora_A": "A",
    "lora_B": "B",
    "lora_E": "E",
    "lora_embedding_A": "A",
    "lora_embedding_B": "B",
    "lora_magnitude_vector": "magnitude",
    "vera_lambda_b": "b",
    "vera_lambda_d": "d",
    "ia3_l": "l",
}
# Variants of LoRA whose files look like LoRA's while their update is another formula.
_VARIANTS = {"use_qalora": "QALoRA", "use_bdlora": "BD-LoRA", "kasa_config": "KaSA", "arrow_config": "Arrow"}


class PeftReader:
    """Reads what PEFT writes."""

    layout = "peft"
    config_expected = True

    def recognise(self, bundle: Bundle) -> str | None:
        """See :class:`loradiag.adapters.interface.Reader`."""
        peft_type = bundle.setting("peft_type")
        if isinstance(peft_type, str):
            return f"adapter_config.json says peft_type {shorten(printable(peft_type), 40)}"
        sample = next((name for name in bundle.tensors if _is_peft_name(name)), None)
        return f"tensor names like {quoted(sample)}" if sample else None

    def read(self, bundle: Bundle) -> Parts:
        """See :class:`loradiag.adapters.interface.Reader`."""
        return _PeftReading(bundle).parts()

    def provenance(self, bundle: Bundle) -> Provenance:
        """See :class:`loradiag.adapters.interface.Reader`."""
        init = bundle.setting("init_lora_weights")
        return Provenance(
            base=shown(bundle.setting("base_model_name_or_path")),
            revision=shown(bundle.setting("revision")),
            peft_type=shown(bundle.setting("peft_type")),
            task_type=shown(bundle.setting("task_type")),
            library_version=shown(bundle.setting("peft_version")),
            init=init if isinstance(init, str) else None,
        )


class _PeftReading:
    """One pass over the tensors of a bundle."""

    def __init__(self, bundle: Bundle) -> None:
        config = bundle.config or {}
        self.bundle = bundle
        self.scales = PeftScales(config, bundle.located.config or bundle.located.weights[0])
        self.others = OtherTensors(config)
        # Without its E, an AdaLoRA module is filled with E = 0 by PEFT and does nothing.
        self.table = SlotTable(required=("E",) if self.others.peft_type == "ADALORA" else ())
        self.result = Parts()
        self.shared: dict[str, Tensor] = {}
        self.targets = strings(config.get("target_parameters"))
        self.parameters: dict[str, str] = {}

    def parts(self) -> Parts:
        for name, tensor in self.bundle.tensors.items():
            self._place(PREFIX.sub("", name), tensor)
        self._set_variants_aside()
        self._set_grouped_convolutions_aside()
        self.result.unexpected += vera.share(self.table, self.shared)
        assemble(self.table, self._scale, self.result, self._expected_rank)
        self.result.modules = vera.with_input_widths(self.result.modules)
        return self.result

    def _place(self, name: str, tensor: Tensor) -> None:
        factor = _FACTOR.fullmatch(name)
        side = _SHARED_VERA.fullmatch(name)
        if factor and ".original_module." not in f".{factor['module']}.":
            self._place_factor(factor, tensor)
        elif side and side["side"] not in self.shared:
            self.shared[side["side"]] = tensor
        elif _PROMPT.fullmatch(name):
            self.table.add("prompt", "prompt", tensor)
        else:
            module = self.others.place(name, tensor, self.result)
            if module is not None:
                self.table.aside[module] = self.result.unsupported[-1].reason

    def _place_factor(self, factor: re.Match[str], tensor: Tensor) -> None:
        module, slot = factor["module"], factor["slot"]
        if factor["part"] == "bias":
            self.result.extras.append(Extra(tensor, "bias", module))
            return
        canonical = _SLOTS.get(slot) or slot.partition("_")[2]
        stack = split(module, canonical, tensor, self.targets, self.scales) if slot in ("lora_A", "lora_B") else None
        if stack is not None:
            self.parameters |= dict.fromkeys(stack.parts, stack.parameter)
            self.table.add_parts(canonical, tensor, stack.parts)
        else:
            row = Matrix(tensor, 1, tensor.size) if canonical in _VECTORS else None
            self.table.add(module, canonical, tensor, row)

    def _set_variants_aside(self) -> None:
        for setting, variant in _VARIANTS.items():
            if self.bundle.setting(setting):
                self.table.aside |= dict.fromkeys(self.table.modules, f"{variant} is not analysed")

    def _set_grouped_convolutions_aside(self) -> None:
        """B of a grouped convolution holds [out, r / groups, 1, 1]: the update is no product of the two factors."""
        for name, slots in self.table.modules.items():
            if not {"A", "B"} <= slots.factors.keys():
                continue
            a, b = slots.factors["A"], slots.factors["B"]
            inner = b.shape[1]
            if len(b.tensor.shape) > 2 and 0 < inner < a.shape[0] and a.shape[0] % inner == 0:
                self.table.aside[name] = "LORA on a grouped convolution is not analysed"

    def _expected_rank(self, name: str) -> int | None:
        return self.scales.expected_rank(self.parameters.get(name, name))

    def _scale(self, name: str, rank: int, slots: Slots) -> Scale:
        if {"b", "l", "prompt"} & slots.factors.keys():
            return Scale(1.0, "stored")
        return self.scales.resolve(self.parameters.get(name, name), rank)


def _is_peft_name(name: str) -> bool:
    match = _FACTOR.fullmatch(PREFIX.sub("", name))
    return match is not None and (name.startswith("base_model.") or match["slot"] not in ("lora_A", "lora_B"))
