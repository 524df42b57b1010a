"""What PEFT saves besides low-rank factors: layers kept whole, biases, the tensors of methods that are not analysed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from loradiag.adapters.model import Extra, Parts
from loradiag.core.report import Unsupported
from loradiag.core.text import printable, shorten
from loradiag.storage.tensors import Tensor

ANALYSED = frozenset({"LORA", "ADALORA", "LOHA", "LOKR", "VERA", "IA3", "PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING"})
"""Types whose tensors all have a place of their own: one that is left over is unexpected."""

# Heads that PEFT saves by itself for classification tasks, and embeddings that it saves when the vocabulary has grown.
_SAVED_HEADS = re.compile(
    r"(^|\.)(classifier|score|lm_head|embed_tokens|qa_outputs|v_head|summary|pre_classifier|wte|embed_out|word_embeddings)(\.|$)"
)
# Tensor names by which other PEFT methods are known even where there is no configuration.
_OTHER_METHODS = re.compile(
    r"(?:^|\.)(oft_|boft_|hra_|fourierft_|vblora_|bone_|miss_|randlora_|shira_|c3a_|road_|waveft_|gralora_|delora_|poly_|"
    r"ln_tuning|adaption_|prefix_|unilora_|psoft_|cartridge_|tinylora_|prompt_encoder|xlora_|internal_xlora|hira_|"
    r"adamss_|beft_|lily_|frod_|pvera_|glora_|osf_|peanut_|shadow_|supertuning_|deft_)"
)
# State of LoRA variants that only training uses: what is merged, and served, is B·A.
_TRAINING_ONLY = re.compile(r"\.lora_(monteclora_sampler|velora_embed)(\.|$)")
_LORA_VARIANT = re.compile(r"(?P<module>.+)\.(?P<slot>lora_\w+)(?:\..+)?")
_TOKENS = re.compile(r"(?:\.token_adapter)?\.trainable_tokens_\w+$")


class OtherTensors:
    """Sorts the tensors of a PEFT file that are no factors.

    Attributes:
        peft_type: In capitals; empty if the configuration has none.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        raw = config.get("peft_type")
        self.peft_type = raw.upper() if isinstance(raw, str) else ""
        self._saved = tuple(strings(config.get("modules_to_save")))
        self._bias = config.get("bias") not in (None, "none") or bool(config.get("lora_bias"))

    def place(self, name: str, tensor: Tensor, parts: Parts) -> str | None:
        """Give a tensor its place in ``parts``. ``name`` is its name without PEFT's prefix.

        Returns:
            The module that cannot be analysed because of this tensor, if there is one.
        """
        kind = self._kind(name)
        if kind is not None:
            parts.extras.append(Extra(tensor, kind, _TOKENS.sub("", name)))
            return None
        variant = _LORA_VARIANT.fullmatch(name)
        if variant:
            reason = f"the LoRA variant with {printable(shorten(variant['slot'], 40))} is not analysed"
            parts.unsupported.append(Unsupported(tensor=tensor.name, reason=reason))
            return variant["module"]
        if self._is_of_another_method(name):
            method = shorten(printable(self.peft_type), 40) or "another PEFT method"
            parts.unsupported.append(Unsupported(tensor=tensor.name, reason=f"{method} is not analysed"))
        else:
            parts.unexpected.append(tensor.name)
        return None

    def _kind(self, name: str) -> str | None:
        """What sort of extra the tensor is; None if it is none."""
        if ".original_module." in f".{name}":
            return "copy"
        if _TRAINING_ONLY.search(name):
            return "training"
        if ".modules_to_save." in f".{name}":
            return "saved"
        if _TOKENS.search(name):  # rows of an embedding, whole, as trainable_token_indices asks for
            return "saved" if self.peft_type != "TRAINABLE_TOKENS" else None
        if self._marks_method(name):
            return None
        if any(saved and f"{saved}." in name for saved in self._saved):  # by the ends of names, as PEFT goes
            return "saved"
        if self._bias and name.endswith(".bias"):
            return "bias"
        return "saved" if _SAVED_HEADS.search(name) and name.endswith((".weight", ".bias")) else None

    def _marks_method(self, name: str) -> bool:
        named = self.peft_type not in ANALYSED | {""} and f".{self.peft_type.lower()}_" in f".{name}"
        return named or _OTHER_METHODS.search(name) is not None

    def _is_of_another_method(self, name: str) -> bool:
        return self._marks_method(name) or self.peft_type not in ANALYSED | {""}


def strings(value: Any) -> list[str]:
    """The strings of a setting that may be one string or a list of them."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
