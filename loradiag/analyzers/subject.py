"""The subject of a report: what was inspected, in the words that a reader looks for first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from loradiag.adapters.model import Adapter, Method
from loradiag.core.report import Subject
from loradiag.core.text import path_text

if TYPE_CHECKING:
    from loradiag.bases.fingerprint import Fingerprint

_NAMES = {
    Method.LORA: "LoRA",
    Method.DORA: "DoRA",
    Method.ADALORA: "AdaLoRA",
    Method.LOHA: "LoHa",
    Method.LOKR: "LoKr",
    Method.VERA: "VeRA",
    Method.IA3: "IA³",
    Method.PROMPT: "prompt",
}


def subject_of(adapter: Adapter, sha256: str, base: Fingerprint | None = None) -> Subject:
    """Describe an adapter. ``sha256`` is of its content, ``base`` identifies the base where one is given."""
    modules = adapter.modules
    sizes = Counter[str]()
    for tensor in adapter.tensors.values():
        sizes[tensor.dtype] += tensor.nbytes
    return Subject(
        path=path_text(adapter.path),
        sha256=sha256,
        layout=adapter.layout,
        layout_reason=adapter.layout_reason,
        peft_type=adapter.provenance.peft_type,
        method=method_name(adapter),
        base=adapter.provenance.base,
        revision=adapter.provenance.revision,
        base_fingerprint=f"sampled:{base.sampled}" if base else None,
        modules=len(modules),
        parameters=sum(tensor.size for tensor in adapter.tensors.values()),
        bytes=sum(path.stat().st_size for path in adapter.weights),
        dtype=sizes.most_common(1)[0][0] if sizes else None,
        ranks=counted(f"{module.rank}" for module in modules),
        scales=counted(f"{module.scale.value:.6g}" for module in modules),
        step=adapter.step,
    )


def method_name(adapter: Adapter) -> str | None:
    """What people call the method: LoRA with √r is rsLoRA, with a PiSSA start PiSSA (as stored)."""
    found = Counter(module.method for module in adapter.modules)
    if not found:
        return adapter.provenance.peft_type
    name = " + ".join(_NAMES[method] for method, _ in found.most_common())
    if found.keys() <= {Method.LORA, Method.DORA} and (adapter.config or {}).get("use_rslora"):
        name = f"rs{name}"
    init = (adapter.provenance.init or "").lower()
    known = {"pissa": "PiSSA", "olora": "OLoRA", "corda": "CorDA", "loftq": "LoftQ", "eva": "EVA"}
    label = known.get(init.partition("_niter")[0])
    return f"{name}, {label} as stored" if label else name


def counted(values: Iterable[str]) -> dict[str, int]:
    """How often each value is there, the most frequent first."""
    return dict(Counter(values).most_common())
