"""The layers × roles grid that heat maps show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from loradiag.core.measurements import ModuleSpectrum
from loradiag.core.numbers import median
from loradiag.core.report import Report

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


class Grid(msgspec.Struct, frozen=True):
    """One stack's grid. ``rows`` are roles, ``columns`` layers (None: outside any layer)."""

    stack: str
    rows: tuple[str, ...]
    columns: tuple[int | None, ...]
    cells: dict[tuple[str, int | None], Cell]

    @property
    def values(self) -> list[float]:
        """All values that there are."""
        return [cell.value for cell in self.cells.values() if cell.value is not None]


def grids(report: Report, measure: str) -> list[Grid]:
    """Arrange a measure of the spectra by stack, role and layer."""
    spectrum = report.measurements.spectrum
    stacks: dict[str, dict[tuple[str, int | None], list[ModuleSpectrum]]] = defaultdict(lambda: defaultdict(list))
    for row in spectrum.modules if spectrum else []:
        stacks[row.stack][row.role, row.layer].append(row)
    result = []
    for stack, places in stacks.items():
        roles = sorted({role for role, _ in places}, key=lambda role: (_rank(role), role))
        layers = sorted({layer for _, layer in places}, key=lambda layer: -1 if layer is None else layer)
        cells = {place: _cell(rows, measure) for place, rows in places.items()}
        result.append(Grid(stack, tuple(roles), tuple(layers), cells))
    return result


def _rank(role: str) -> int:
    return _ORDER.index(role) if role in _ORDER else len(_ORDER)


def _cell(rows: Sequence[ModuleSpectrum], measure: str) -> Cell:
    values = [value for row in rows if (value := getattr(row, measure)) is not None and row.spectral_norm]
    return Cell(
        value=median(values),
        modules=tuple(row.name for row in rows),
        dead=sum(row.spectral_norm == 0 for row in rows),
        broken=sum(row.spectral_norm is None for row in rows),
    )
