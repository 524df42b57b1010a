"""Which weights a route stores in its format, and which stay in 16 bits: by the habits of the formats' own tools."""

from __future__ import annotations

from typing import Literal

import msgspec

from loradiag.analyzers.leaves import EMBEDDINGS, is_head
from loradiag.analyzers.merge.routes import ORIGINAL, Route
from loradiag.linalg.formats import PLAIN

Kind = Literal["linear", "embedding", "head", "conv", "other"]

_GGUF = ("q8_0", "q4_0")


class Way(msgspec.Struct, frozen=True):
    """How one weight goes along a route. See the attributes of the same names of :class:`~..routes.Route`.

    ``before`` is the type that the weight is held in when the update is added.
    """

    source: str
    storage: str
    before: str
    inplace: bool = False


def kind_of(name: str, shape: tuple[int, ...]) -> Kind:
    """What a weight of the base is, by its name less ``.weight`` and its shape as stored."""
    leaf = name.removesuffix(".weight").rpartition(".")[2]
    if leaf in EMBEDDINGS or leaf.endswith(("embeddings", "wpe")):
        return "embedding"
    if is_head(name):
        return "head"
    if len(shape) > 3 or (len(shape) == 3 and name.endswith(".weight")):
        return "conv"
    return "linear" if len(shape) > 1 and min(shape) > 1 else "other"


def way_of(route: Route, kind: Kind, carrier: str) -> Way:
    """How a weight of this kind goes along a route.

    Args:
        route: The route.
        kind: Of the weight. bitsandbytes and FP8 checkpoints leave all but linear layers alone; so does their loader in
            transformers with the output head. GGUF has embedding and head in blocks too.
        carrier: The 16-bit format in which the base is held.
    """
    if route.storage in PLAIN:
        before = route.storage if route.source == ORIGINAL else carrier
        return Way(route.source if kind == "linear" else ORIGINAL, route.storage, before)
    quantized = kind == "linear" or (route.storage in _GGUF and kind in ("embedding", "head"))
    if not quantized:
        plain = "fp32" if route.storage in _GGUF and kind == "other" else carrier
        return Way(ORIGINAL, plain, carrier)
    return Way(route.source, route.storage, carrier, route.inplace)
