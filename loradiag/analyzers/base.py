"""The base that an adapter is inspected against: what its headers and its configuration say."""

from __future__ import annotations

from collections import Counter

from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.pairing import embeddings, ties_embeddings
from loradiag.core.beside import BaseFacts
from loradiag.core.text import shorten


def base(inspection: Inspection) -> BaseFacts | None:
    """Describe the base; None without one."""
    found, identity = inspection.base, inspection.fingerprint
    if found is None or identity is None:
        return None
    kind = found.setting("model_type")
    formats = Counter[str]()
    for tensor in found.tensors.values():
        formats[tensor.dtype] += tensor.nbytes
    names = embeddings(found)
    return BaseFacts(
        name=found.name,
        revision=found.revision,
        model_type=shorten(kind, 100) if isinstance(kind, str) else None,
        files=len(found.files),
        tensors=len(found.tensors),
        parameters=sum(weight.size for weight in found.weights.values()),
        bytes=identity.bytes,
        dtype=formats.most_common(1)[0][0] if formats else None,
        scheme=found.scheme,
        obstacle=found.obstacle,
        tied_embeddings=ties_embeddings(found),
        vocabulary=found.weights[names[0]].shape[0] if names else None,
        fingerprint=identity.sampled,
        fingerprint_full=identity.full,
    )
