"""PEFT: ``base_model.model.….lora_A.weight`` and the other methods of the same library."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from loradiag.adapters.bundle import Bundle
from loradiag.adapters.model import Extra, Parts, Provenance, Scale
from loradiag.adapters.scales import PeftScales
from loradiag.adapters.slots import SlotTable, Slots, assemble
from loradiag.adapters.tensors import Matrix, Tensor, flattened
from loradiag.core.report import Unsupported
from loradiag.core.text import printable

_PREFIX = re.compile(r"^(base_model\.model\.|base_model\.)")
_FACTOR = re.compile(
    r"^(?P<module>.+)\."
    r"(?P<slot>lora_A|lora_B|lora_E|lora_embedding_A|lora_embedding_B|lora_magnitude_vector|"
    r"hada_[wt][12](?:_[ab])?|lokr_[wt][12](?:_[ab])?|vera_lambda_[bd]|ia3_l)"
    r"(?P<adapter>\.(?!weight$|bias$)[^.]+)?(?:\.(?P<part>weight|bias))?$"
)
_SHARED_VERA = re.compile(r"(?:^|\.)vera_(?P<side>[AB])(?:\.[^.]+)?$")
_PROMPT = re.compile(r"(?:^|\.)prompt_embeddings$")
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
# Heads that PEFT saves by itself for classification tasks, and embeddings that it saves when the vocabulary has grown.
_SAVED_HEADS = re.compile(
    r"(^|\.)(classifier|score|lm_head|embed_tokens|qa_outputs|v_head|summary|pre_classifier|wte|embed_out|word_embeddings)(\.|$)"
)
# Tensor names by which other PEFT methods are known even where there is no configuration.
_OTHER_METHODS = re.compile(
    r"(^|\.)(oft_|boft_|hra_|fourierft_|vblora_|bone_|miss_|randlora_|shira_|c3a_|road_|waveft_|gralora_|delora_|poly_|"
    r"ln_tuning|adaption_|prefix_|unilora_|psoft_|cartridge_|tinylora_|trainable_tokens|prompt_encoder|xlora_|hira_)"
)


class PeftReader:
    """Reads what PEFT writes."""

    layout = "peft"
    config_expected = True

    def recognise(self, bundle: Bundle) -> str | None:
        """See :class:`loradiag.adapters.interface.Reader`."""
        peft_type = bundle.setting("peft_type")
        if isinstance(peft_type, str):
            return f"adapter_config.json says peft_type {printable(peft_type)}"
        sample = next((name for name in bundle.tensors if _is_peft_name(name)), None)
        return f'tensor names like "{printable(sample)}"' if sample else None

    def read(self, bundle: Bundle) -> Parts:
        """See :class:`loradiag.adapters.interface.Reader`."""
        return _PeftReading(bundle).parts()

    def provenance(self, bundle: Bundle) -> Provenance:
        """See :class:`loradiag.adapters.interface.Reader`."""
        init = bundle.setting("init_lora_weights")
        return Provenance(
            base=_text(bundle.setting("base_model_name_or_path")),
            revision=_text(bundle.setting("revision")),
            peft_type=_text(bundle.setting("peft_type")),
            task_type=_text(bundle.setting("task_type")),
            library_version=_text(bundle.setting("peft_version")),
            init=init if isinstance(init, str) else None,
        )


class _PeftReading:
    """One pass over the tensors of a bundle."""

    def __init__(self, bundle: Bundle) -> None:
        config = bundle.config or {}
        self.bundle = bundle
        self.scales = PeftScales(config, bundle.located.config)
        self.table = SlotTable()
        self.result = Parts()
        self.shared: dict[str, Tensor] = {}
        self.saved = tuple(_strings(config.get("modules_to_save")))
        self.bias = config.get("bias") not in (None, "none") or bool(config.get("lora_bias"))
        self.peft_type = str(config.get("peft_type") or "")

    def parts(self) -> Parts:
        for name, tensor in self.bundle.tensors.items():
            self._place(_PREFIX.sub("", name), tensor)
        self._share_vera()
        assemble(self.table, self._scale, self.result, self._expected_rank)
        return self.result

    def _place(self, name: str, tensor: Tensor) -> None:
        factor = _FACTOR.match(name)
        if factor:
            self._place_factor(factor, tensor)
        elif side := _SHARED_VERA.search(name):
            self.shared[side["side"]] = tensor
        elif _PROMPT.search(name) or name == "prompt_embeddings":
            self.table.add("prompt", "prompt", tensor)
        else:
            self._place_other(name, tensor)

    def _place_factor(self, factor: re.Match[str], tensor: Tensor) -> None:
        module, slot = factor["module"], factor["slot"]
        if factor["part"] == "bias":
            self.result.extras.append(Extra(tensor, "bias", module))
            return
        if ".original_module." in f".{module}.":
            self.result.extras.append(Extra(tensor, "copy", module))
            return
        canonical = _SLOTS.get(slot) or slot.partition("_")[2]
        matrix = _conv_factor(canonical, slot, tensor)
        experts = self._experts(canonical, slot, tensor)
        if experts is not None:
            for index, expert in enumerate(experts):
                self.table.add(f"{module}.experts.{index}", canonical, tensor, expert)
        elif not self.table.add(module, canonical, tensor, matrix):
            self.result.unexpected.append(tensor.name)

    def _experts(self, canonical: str, slot: str, tensor: Tensor) -> list[Matrix] | None:
        """Split the factors of ``target_parameters``, which stack E experts: A is [E·r, in], B is [out, r·E].

        PEFT multiplies A as [E, r, in] with B as [out, r, E], so expert e owns rows e·r … of A and every E-th column of B.
        """
        targets = self.bundle.setting("target_parameters")
        if not targets or slot not in ("lora_A", "lora_B") or len(tensor.shape) != 2 or not self.scales.rank:
            return None
        rank = int(self.scales.rank)
        wide = tensor.shape[0] if canonical == "A" else tensor.shape[1]
        count = wide // rank
        if wide % rank or count < 2:
            return None
        if canonical == "A":
            width = tensor.shape[1]
            return [Matrix(tensor, rank, width, start=index * rank * width) for index in range(count)]
        return [
            Matrix(tensor, tensor.shape[0], wide, column_offset=index, column_step=count) for index in range(count)
        ]

    def _place_other(self, name: str, tensor: Tensor) -> None:
        if ".original_module." in f".{name}":
            self.result.extras.append(Extra(tensor, "copy", name))
        elif ".modules_to_save." in f".{name}" or self._is_saved(name):
            self.result.extras.append(Extra(tensor, "saved", name))
        elif self.bias and name.endswith(".bias"):
            self.result.extras.append(Extra(tensor, "bias", name))
        elif name.endswith(".base_layer.weight") and _SAVED_HEADS.search(name):
            self.result.extras.append(Extra(tensor, "saved", name))
        elif self._is_other_method(name):
            method = self.peft_type or "another PEFT method"
            self.result.unsupported.append(Unsupported(tensor=tensor.name, reason=f"{printable(method)} is not analysed"))
        else:
            self.result.unexpected.append(tensor.name)

    def _is_saved(self, name: str) -> bool:
        words = name.split(".")
        return any(word in words for word in self.saved) or bool(_SAVED_HEADS.search(name))

    def _is_other_method(self, name: str) -> bool:
        known = {"LORA", "ADALORA", "LOHA", "LOKR", "VERA", "IA3", "PROMPT_TUNING", "PREFIX_TUNING"}
        return bool(_OTHER_METHODS.search(name)) or (bool(self.peft_type) and self.peft_type.upper() not in known)

    def _share_vera(self) -> None:
        """Hand the shared projections of VeRA to each module, where the file holds them."""
        modules = {name: slots for name, slots in self.table.modules.items() if {"b", "d"} & slots.factors.keys()}
        if not modules:
            return
        if {"A", "B"} <= self.shared.keys():
            for slots in modules.values():
                slots.factors["vera_A"] = flattened(self.shared["A"])
                slots.factors["vera_B"] = flattened(self.shared["B"])
            return
        for name, slots in modules.items():
            reason = "VeRA without its shared projections (save_projection=false): they come from a seed"
            self.result.unsupported += [Unsupported(tensor=tensor.name, reason=reason) for tensor in slots.tensors]
            del self.table.modules[name]

    def _expected_rank(self, name: str) -> int | None:
        return None if re.search(r"\.experts\.\d+$", name) else self.scales.expected_rank(name)

    def _scale(self, name: str, rank: int, slots: Slots) -> Scale:
        if {"b", "l", "prompt"} & slots.factors.keys():
            return Scale(1.0, "stored")
        return self.scales.resolve(name, rank)


def _conv_factor(canonical: str, slot: str, tensor: Tensor) -> Matrix | None:
    """Matrix view of factors that are not simply ``flattened``: B of a convolution [out, r, 1, 1] is, IA³ is one row."""
    if canonical == "l" or (canonical in ("magnitude", "E", "b", "d")):
        return Matrix(tensor, 1, tensor.size)
    return None


def _is_peft_name(name: str) -> bool:
    match = _FACTOR.match(_PREFIX.sub("", name))
    return match is not None and (name.startswith("base_model.") or match["slot"] not in ("lora_A", "lora_B"))


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
