"""Which module of one adapter is which of another, where they may be named by different tools."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.adapters.model import Adapter, Module
from loradiag.analyzers.pairing import find_renaming

Row = list[Module | None]


def aligned(adapters: Sequence[Adapter]) -> dict[str, Row]:
    """Return every module's name in the first adapter that has it, with each adapter's module of it, or None.

    Names are taken as they are where they agree; else by how those of the whole adapter begin (``base_model.model.`` and the
    like), as they are for the weights of a base.
    """
    rows: dict[str, Row] = {}
    for place, adapter in enumerate(adapters):
        names = [module.name for module in adapter.modules]
        renaming = find_renaming(names, list(rows)) if rows else None
        for module in adapter.modules:
            name = renaming(module.name) if renaming and module.name not in rows else module.name
            row = rows.setdefault(name, [None] * len(adapters))
            if row[place] is None:
                row[place] = module
    return rows


def stored_whole(adapter: Adapter) -> list[str]:
    """Names of layers that an adapter holds in full."""
    found = [extra.module for extra in adapter.parts.extras if extra.kind == "saved" and extra.module]
    return sorted(dict.fromkeys(found))
