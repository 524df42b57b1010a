"""What of an adapter cannot be folded into this base, by name and with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from loradiag.adapters.model import Adapter, Extra, Method
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.pairing import Pair, Renaming, embeddings, ties_embeddings
from loradiag.analyzers.relative import HELD_PARTS, REASONS
from loradiag.analyzers.saved import weight_name
from loradiag.bases.model import Base, Weight
from loradiag.core.merge import Refused
from loradiag.linalg.narrow import PRECISIONS, narrow
from loradiag.linalg.widen import widen
from loradiag.storage.tensors import Tensor

_AT_ONCE = 1 << 20
"""Entries."""

_TIED = (
    "the base ties embedding and head: folding into the one would change the other; untie them and save the base anew"
)
_PROMPT = "prompts are no weights and cannot be folded"
_NO_VECTOR = "the base has no vector of that name and length"
_NO_MATRIX = "it is stored whole, and the base has no weight of that name and shape"
_NO_COPY = "it is stored beside its update, to stand in the place of the base's, and is not what the base has"
_LORA_BIAS = "the bias of lora_B is not folded here"


def refused(inspection: Inspection) -> list[Refused]:
    """Name every part that cannot be folded.

    Raises:
        InputError: A file ends before its header says.
    """
    base = inspection.base
    assert base is not None, "asked for without a base"
    if not inspection.comparable:
        reason = f"{HELD_PARTS}; convert it to plain LoRA with PEFT's path_initial_model_for_weight_conversion"
        return [Refused(name=str(inspection.adapter.provenance.init), reason=reason)]
    found = [
        *_unpaired(inspection.pairing.pairs),
        *_tied(inspection.pairing.pairs, inspection.saved, base),
        *_unread(inspection.adapter),
        *(
            Refused(name=extra.tensor.name, reason=_NO_VECTOR)
            for extra in vectors(inspection.adapter, base, inspection.pairing.renaming).lost
        ),
        *_lost_matrices(inspection),
        *_other_copies(inspection, base),
        *(
            Refused(name=extra.tensor.name, reason=_LORA_BIAS)
            for extra in inspection.adapter.parts.extras
            if adds(extra)
        ),
    ]
    return list({row.name: row for row in found}.values())


def adds(extra: Extra) -> bool:
    """Whether a stored bias is LoRA's own, which is added to that of the layer and not put in its place."""
    return extra.kind == "bias" and ".lora_" in extra.tensor.name


class Vectors(NamedTuple):
    """Vectors that the adapter stores whole, by the base's name of what they replace, and those that the base lacks."""

    found: dict[str, Tensor]
    lost: list[Extra]


def vectors(adapter: Adapter, base: Base, renaming: Renaming) -> Vectors:
    """Find the place of every bias and norm that the adapter stores whole. Matrices are pairs of their own."""
    result = Vectors({}, [])
    for extra in adapter.parts.extras:
        if extra.kind not in ("saved", "bias") or len(extra.tensor.shape) > 1 or adds(extra):
            continue
        name = next((name for name in names_of(extra, renaming) if name in base.weights), None)
        if name is None or base.weights[name].size != extra.tensor.size:
            result.lost.append(extra)
        else:
            result.found[name] = extra.tensor
    return result


def names_of(extra: Extra, renaming: Renaming) -> list[str]:
    """What a vector that the adapter stores may be called in a base or a model."""
    name = weight_name(extra)
    return [other + leaf for other in (name, renaming(name)) for leaf in ("", ".weight", ".bias")]


def _unpaired(pairs: Sequence[Pair]) -> Iterator[Refused]:
    for pair in pairs:
        if pair.module.method is Method.PROMPT:
            yield Refused(name=pair.module.name, reason=_PROMPT)
        elif pair.weight is None:
            yield Refused(name=pair.module.name, reason=REASONS.get(pair.reason or "absent", "not in the base"))


def _tied(pairs: Sequence[Pair], saved: Sequence[Pair], base: Base) -> Iterator[Refused]:
    """Embedding or head of a base that ties them, unless both are stored whole: then a loader unties them."""
    if not ties_embeddings(base):
        return
    shared = {base.weights[name].name for name in embeddings(base)[:1]}
    whole = {pair.module.place.role for pair in saved}
    for pair in (*pairs, *saved):
        touched = pair.weight is not None and pair.weight.name in shared
        if touched and not (pair.module.method is Method.SAVED and {"embedding", "head"} <= whole):
            yield Refused(name=pair.module.name, reason=_TIED)


def _lost_matrices(inspection: Inspection) -> Iterator[Refused]:
    """Layers that are stored whole and that the base lacks: of a grown vocabulary, or single rows of an embedding."""
    held = {pair.module.name for pair in inspection.saved}
    for extra in inspection.adapter.parts.extras:
        copied = ".base_layer." in extra.tensor.name  # beside the update of an embedding, which is judged itself
        whole = extra.kind == "saved" and len(extra.tensor.shape) > 1 and not copied
        if whole and weight_name(extra).removesuffix(".weight") not in held:
            yield Refused(name=extra.tensor.name, reason=_NO_MATRIX)


def _other_copies(inspection: Inspection, base: Base) -> Iterator[Refused]:
    """Embeddings that PEFT stores beside their updates and loads in place of the base's, where they are others."""
    for extra in inspection.adapter.parts.extras:
        weight = base.weights.get(inspection.pairing.renaming(weight_name(extra)))
        beside = extra.kind == "saved" and ".base_layer." in extra.tensor.name and weight is not None
        if beside and weight is not None and weight.shape == extra.tensor.shape and not _same(extra.tensor, weight):
            yield Refused(name=extra.tensor.name, reason=_NO_COPY)


def _same(copy: Tensor, weight: Weight) -> bool:
    """Whether two matrices are the same numbers, when both are rounded to the type of one of them."""
    rows, cols = weight.shape
    step = max(_AT_ONCE // max(cols, 1), 1)
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        ours = widen(copy.read(start * cols, (stop - start) * cols), copy.dtype).reshape(-1, cols)
        theirs = widen(weight.read(start, stop), weight.dtype)
        kinds = {copy.dtype, weight.dtype} & PRECISIONS.keys()
        if not any(np.array_equal(narrow(ours, kind), narrow(theirs, kind)) for kind in kinds):
            return False
    return True


def _unread(adapter: Adapter) -> Iterator[Refused]:
    for row in adapter.parts.unsupported:
        yield Refused(name=row.tensor, reason=row.reason)
    for name in adapter.parts.broken:
        yield Refused(name=name, reason="belongs to a module that could not be put together")
