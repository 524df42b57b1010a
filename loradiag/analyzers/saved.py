"""Layers that the adapter stores whole, as pairs with the weights of the base whose place they take."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loradiag.adapters.model import Adapter, Extra, Method, Module, Scale
from loradiag.adapters.names import place_of
from loradiag.analyzers.pairing import Pair, Renaming
from loradiag.bases.model import Base
from loradiag.core.dtypes import DTYPES
from loradiag.storage.tensors import flattened

_WRAPPER = re.compile(r"\.(modules_to_save(\.\w+)?|base_layer)(?=\.)")


def weight_name(extra: Extra) -> str:
    """What the base calls the weight that a stored tensor is of, as the adapter names things."""
    return _WRAPPER.sub("", extra.module)


def saved_pairs(adapter: Adapter, base: Base, renaming: Renaming) -> Iterator[Pair]:
    """Yield the matrices that are stored whole, as numbers that can be read, and that the base has in the same shape.

    PEFT also stores the weight under an adapted embedding or head: there the update is the one that counts.
    """
    adapted = {module.name for module in adapter.modules}
    for extra in adapter.parts.extras:
        name = weight_name(extra)
        weight = base.weights.get(renaming(name))
        stem = name.removesuffix(".weight")
        if extra.kind != "saved" or stem in adapted or weight is None or extra.tensor.dtype not in DTYPES:
            continue
        if weight.shape == extra.tensor.shape:
            factors = {"saved": flattened(extra.tensor)}
            rows, cols = weight.shape
            module = Module(stem, Method.SAVED, place_of(stem), factors, 0, Scale(1.0, "stored"), rows, cols)
            yield Pair(module, weight, shape=(rows, cols), covers=(stem,))
