"""The same adapter at another strength: base + λ·Δ for base + Δ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loradiag.adapters.model import Adapter, Method
from loradiag.adapters.opening import open_adapter
from loradiag.adapters.scales import PEFT_DEFAULT, number
from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.resizing.plan import Piece
from loradiag.resizing.refusals import check
from loradiag.resizing.write import KIND, encoded, metadata_of, write_adapter
from loradiag.storage.directories import check_output, installed


def scaled(path: str | Path, output: Path, factor: float, *, allow_pickle: bool = False, force: bool = False) -> None:
    """Write an adapter whose updates are those of another times a factor. No number is rounded: α carries the factor.

    Args:
        path: A PEFT adapter: LoRA, rsLoRA or AdaLoRA.
        output: The directory to write.
        factor: λ, finite.
        allow_pickle: Whether ``.bin`` and ``.pt`` files may be read, by torch's weights-only loader.
        force: Whether an adapter that lies in ``output`` is replaced.

    Raises:
        InputError: The adapter cannot be read, or is broken.
        UsageError: Its α does not scale all that it changes, or the directory cannot be written.
    """
    adapter = open_adapter(path, allow_pickle=allow_pickle)
    config = check(adapter)
    _check_linear(adapter, factor)
    place = check_output(output, {"adapter": Path(path)}, KIND, force=force)
    pieces = [Piece(tensor.name, tensor.dtype, tensor.shape, tensor) for tensor in adapter.tensors.values()]
    weaker = encoded(_weaker(config, factor, adapter.path), adapter)
    with installed(place, KIND if force else None) as folder:
        write_adapter(folder, pieces, metadata_of(adapter), weaker)


def _weaker(config: Mapping[str, Any], factor: float, path: Path) -> dict[str, Any]:
    alpha = number(config.get("lora_alpha", PEFT_DEFAULT), path, "lora_alpha")
    pattern = {
        key: number(value, path, f"alpha_pattern.{key}") * factor
        for key, value in (config.get("alpha_pattern") or {}).items()
    }
    return {**config, "lora_alpha": alpha * factor, "alpha_pattern": pattern}


def _check_linear(adapter: Adapter, factor: float) -> None:
    reason = None
    if adapter.layout != "peft":
        reason = f"it is of layout {adapter.layout}"
    elif any(module.method is Method.DORA for module in adapter.modules):
        reason = "DoRA's magnitudes are not scaled by α"
    elif any(m.method is Method.ADALORA and (m.scale.alpha or 0) * factor <= 0 for m in adapter.modules):
        reason = "AdaLoRA takes an α that is not positive for none at all"
    elif any(extra.kind in ("saved", "bias") for extra in adapter.parts.extras):
        reason = "it stores layers or biases whole, which α does not scale"
    if reason is not None:
        raise UsageError(f"{printable(str(adapter.path))}: cannot be scaled: {reason}")
