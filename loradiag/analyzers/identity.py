"""Identity: where the adapter says it comes from, and what it is stored as."""

from __future__ import annotations

import re
from collections import Counter

from loradiag.adapters.model import Adapter
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.leaves import is_conv1d
from loradiag.core.identity import Identity
from loradiag.core.text import path_text

_HUB_ID = re.compile(r"^[\w][\w.-]*(/[\w][\w.-]*)?$")


def identity(inspection: Inspection) -> Identity:
    """Collect what is known of the adapter's origin and storage. Reads no tensor."""
    adapter = inspection.adapter
    origin = adapter.provenance
    fan = (adapter.config or {}).get("fan_in_fan_out")
    return Identity(
        base_name=origin.base,
        base_kind=base_kind(origin.base),
        revision=origin.revision,
        library_version=origin.library_version,
        task_type=origin.task_type,
        init=origin.init,
        weight_format=adapter.weight_format,
        weight_files=[path_text(path.name) for path in adapter.weights],
        pickle_only=adapter.weight_format == "torch",
        dtypes=_dtypes(adapter),
        fan_in_fan_out=fan if isinstance(fan, bool) else None,
        conv1d_targets=any(is_conv1d(module.name) for module in adapter.modules),
    )


def base_kind(name: str | None) -> str:
    """``missing``, ``hub-id`` (``name`` or ``owner/name``) or ``local-path``."""
    if not name or not name.strip():
        return "missing"
    if name.startswith((".", "/", "~", "\\")) or re.match(r"^[A-Za-z]:[\\/]", name) or name.count("/") > 1:
        return "local-path"
    return "hub-id" if _HUB_ID.match(name) else "local-path"


def _dtypes(adapter: Adapter) -> dict[str, int]:
    """Bytes by storage format of the trained tensors; α scalars and index buffers do not count."""
    counts: Counter[str] = Counter()
    for tensor in adapter.tensors.values():
        if tensor.size > 1:
            counts[tensor.dtype] += tensor.nbytes
    return dict(counts)
