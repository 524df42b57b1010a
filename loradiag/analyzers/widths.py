"""Input widths that an adapter does not hold and the base does: VeRA stores one shared projection for all modules."""

from __future__ import annotations

import msgspec

from loradiag.adapters.model import Adapter, Module
from loradiag.analyzers.pairing import Pair, Pairing


def completed(adapter: Adapter, pairing: Pairing) -> tuple[Adapter, Pairing]:
    """Return the adapter and its pairing with the widths of paired weights where modules lacked them."""
    pairs = [_with_width(pair) for pair in pairing.pairs]
    parts = msgspec.structs.replace(adapter.parts, modules=[pair.module for pair in pairs])
    return msgspec.structs.replace(adapter, parts=parts), msgspec.structs.replace(pairing, pairs=pairs)


def lacking(module: Module) -> bool:
    """Whether the width of a module's input is not known without the base."""
    return module.d_in is None and module.d_out is not None


def _with_width(pair: Pair) -> Pair:
    if pair.weight is None or not lacking(pair.module):
        return pair
    width = pair.weight.shape[0 if pair.transposed else 1]
    return msgspec.structs.replace(pair, module=msgspec.structs.replace(pair.module, d_in=width))
