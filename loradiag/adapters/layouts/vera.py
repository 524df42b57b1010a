"""VeRA's shared projections: which modules use them, and how much of A each module uses.

PEFT makes one A [r, widest input] and one B [widest output, r] for all modules and cuts them to each module's shape
(Kopiczko et al. 2023, arXiv 2310.11454). The file tells a module's output width by its vector b, and nothing of its input
width, without which A cannot be cut. Where the modules are those of an ordinary transformer it follows from the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from loradiag.adapters.model import Method, Module
from loradiag.adapters.slots import SlotTable
from loradiag.storage.tensors import Tensor, flattened

FROM_SEED = "VERA without its shared projections (save_projection=false): they come from a seed"

# By the whole name of the leaf: a role is too wide (DeepSeek's q_b_proj is a query that does not read the residual).
_READERS = frozenset({"q_proj", "k_proj", "v_proj", "qkv_proj", "gate_proj", "up_proj", "gate_up_proj"})
_FED_BY = {"o_proj": ("q_proj",), "down_proj": ("up_proj", "gate_proj")}


def share(table: SlotTable, shared: Mapping[str, Tensor]) -> list[str]:
    """Hand the shared projections to each module; return the names of those that no module uses."""
    modules = {name: slots for name, slots in table.modules.items() if {"b", "d"} & slots.factors.keys()}
    for name, slots in modules.items():
        slots.factors |= {f"vera_{side}": flattened(tensor) for side, tensor in shared.items()}
        if not shared:
            table.aside[name] = FROM_SEED
    return [] if modules else [tensor.name for tensor in shared.values()]


def with_input_widths(modules: Sequence[Module]) -> list[Module]:
    """Give VeRA modules the input width that the others make certain; where nothing does, it stays None."""
    vera = [module for module in modules if module.method is Method.VERA]
    if not vera:
        return list(modules)
    widest = vera[0].factors["vera_A"].shape[1]
    widths = _widths(vera, widest)
    known = [widths.get(module.name) for module in vera]
    # A is as wide as the widest input. If all are known and none is that wide, some reasoning above does not hold here.
    if None not in known and widest not in known:
        widths = {}
    return [msgspec.structs.replace(module, d_in=widths.get(module.name, module.d_in)) for module in modules]


def _widths(vera: Iterable[Module], widest: int) -> dict[str, int]:
    by_block: dict[str, dict[str, Module]] = defaultdict(dict)
    for module in vera:
        prefix, _, name = module.name.rpartition(".")
        by_block[prefix][name] = module
    leaves = {leaf for block in by_block.values() for leaf in block}
    if len({module.place.stack for module in vera}) > 1 or not leaves <= _READERS | _FED_BY.keys():
        return {}  # other widths are at play: a vision tower, an encoder, projections of projections
    residual = {block[leaf].d_out for block in by_block.values() for leaf in _FED_BY.keys() & block.keys()}
    if len(leaves) == 1 and leaves.isdisjoint(_READERS):
        # One kind of module alone, in layers that are alike as far as one can see: they have the width of A.
        return {module.name: widest for module in vera} if len(residual) == 1 else {}
    if not residual and leaves <= _READERS:
        residual = {widest}
    if len(residual) != 1:
        return {}
    width = residual.pop()
    found = {}
    for block in by_block.values():
        for leaf, module in block.items():
            source = next((block[feeder] for feeder in _FED_BY.get(leaf, ()) if feeder in block), None)
            extent = width if leaf in _READERS else source.d_out if source else None
            # Gated attention has queries of twice the width that o_proj reads.
            doubtful = leaf == "o_proj" and extent not in (width, widest)
            if extent is not None and extent <= widest and not doubtful:
                found[module.name] = extent
    return found
