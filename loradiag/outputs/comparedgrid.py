"""Modules of two adapters as a grid of layers and roles, for heat maps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from loradiag.core.comparing import ComparedModule, ComparedPair
from loradiag.core.numbers import median
from loradiag.outputs.comparing import MEASURES
from loradiag.outputs.grid import Cell, Grid, rank


def pair_grids(pair: ComparedPair, measure: str) -> list[Grid]:
    """Arrange a measure of :data:`MEASURES` by stack, role and layer."""
    stacks: dict[str, dict[tuple[str, int | None], list[ComparedModule]]] = defaultdict(lambda: defaultdict(list))
    for row in pair.modules:
        stacks[row.stack][row.role, row.layer].append(row)
    found = []
    for stack, places in stacks.items():
        roles = sorted({role for role, _ in places}, key=lambda role: (rank(role), role))
        layers = sorted({layer for _, layer in places}, key=lambda layer: -1 if layer is None else layer)
        cells = {place: _cell(rows, measure) for place, rows in places.items()}
        found.append(Grid(stack, tuple(roles), tuple(layers), cells))
    return found


def _cell(rows: Sequence[ComparedModule], measure: str) -> Cell:
    """A cell counts as dead where one of the two changes nothing."""
    value = MEASURES[measure][1]
    live = [row for row in rows if row.norm_a and row.norm_b]
    return Cell(
        value=median(number for row in live if (number := value(row)) is not None),
        modules=tuple(row.name for row in rows),
        dead=len(rows) - len(live),
        broken=0,
    )
