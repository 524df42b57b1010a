"""The layers × roles grid that heat maps show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from loradiag.core.measurements import ModuleSpectrum
from loradiag.core.numbers import median
from loradiag.core.report import Report
from loradiag.outputs.style import BESIDE_BASE

_ORDER = (
    "embedding", "attention.q", "attention.k", "attention.v", "attention.qkv", "attention.o", "cross_attention.q",
    "cross_attention.k", "cross_attention.v", "cross_attention.qkv", "cross_attention.o", "mlp.gate", "mlp.up",
    "mlp.gate_up", "mlp.down", "expert", "conv", "norm", "head", "other",
)  # fmt: skip


class Cell(msgspec.Struct, frozen=True):
    """One layer and role: the median of the measure over its modules, and how many are zero or could not be measured."""

    value: float | None
    modules: tuple[str, ...]
    dead: int
    broken: int

    @property
    def unmeasured(self) -> bool:
        """Whether there is something here that was not measured."""
        return self.value is None and not self.broken and self.dead < len(self.modules)


class Grid(msgspec.Struct, frozen=True):
    """One stack's grid. ``rows`` are roles, ``columns`` layers (None: outside any layer)."""

    stack: str
    rows: tuple[str, ...]
    columns: tuple[int | None, ...]
    cells: dict[tuple[str, int | None], Cell]

    @property
    def unmeasured(self) -> bool:
        """Whether some cell has live modules and no value: what only a base tells, where it could not be told."""
        return any(cell.unmeasured for cell in self.cells.values())

    @property
    def values(self) -> list[float]:
        """All values that there are."""
        return [cell.value for cell in self.cells.values() if cell.value is not None]


def values_of(report: Report, measure: str) -> dict[str, float | None]:
    """A measure of every module by name."""
    measured = report.measurements
    if measure == "intruders":
        return {row.name: row.count for row in measured.intruders.modules} if measured.intruders else {}
    if measure in BESIDE_BASE:
        return {row.name: getattr(row, measure) for row in measured.relative.modules} if measured.relative else {}
    return {row.name: getattr(row, measure) for row in measured.spectrum.modules} if measured.spectrum else {}


def grids(report: Report, measure: str) -> list[Grid]:
    """Arrange a measure of the modules that have a spectrum by stack, role and layer."""
    spectrum, values = report.measurements.spectrum, values_of(report, measure)
    stacks: dict[str, dict[tuple[str, int | None], list[ModuleSpectrum]]] = defaultdict(lambda: defaultdict(list))
    for row in spectrum.modules if spectrum else []:
        stacks[row.stack][row.role, row.layer].append(row)
    result = []
    for stack, places in stacks.items():
        roles = sorted({role for role, _ in places}, key=lambda role: (_rank(role), role))
        layers = sorted({layer for _, layer in places}, key=lambda layer: -1 if layer is None else layer)
        cells = {place: _cell(rows, values) for place, rows in places.items()}
        result.append(Grid(stack, tuple(roles), tuple(layers), cells))
    return result


def _rank(role: str) -> int:
    return _ORDER.index(role) if role in _ORDER else len(_ORDER)


def _cell(rows: Sequence[ModuleSpectrum], values: Mapping[str, float | None]) -> Cell:
    live = [value for row in rows if (value := values.get(row.name)) is not None and row.spectral_norm]
    return Cell(
        value=median(live),
        modules=tuple(row.name for row in rows),
        dead=sum(row.spectral_norm == 0 for row in rows),
        broken=sum(row.spectral_norm is None for row in rows),
    )
