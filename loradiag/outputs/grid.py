"""The layers × roles grid that heat maps show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from loradiag.core.beside import RelativeModule
from loradiag.core.measurements import Measurements
from loradiag.core.numbers import median
from loradiag.core.report import Report
from loradiag.core.updates import ModuleSpectrum
from loradiag.outputs.style import BESIDE_BASE, MEASURES

_ORDER = (
    "embedding", "attention.q", "attention.k", "attention.v", "attention.qkv", "attention.o", "cross_attention.q",
    "cross_attention.k", "cross_attention.v", "cross_attention.qkv", "cross_attention.o", "mlp.gate", "mlp.up",
    "mlp.gate_up", "mlp.down", "expert", "conv", "norm", "head", "other",
)  # fmt: skip

Values = Mapping[str, float | None]


def _of(table: str, field: str) -> Callable[[Measurements], Values]:
    """A reader of one field of one table of measurements, by module."""

    def read(told: Measurements) -> Values:
        found = getattr(told, table)
        return {row.name: getattr(row, field) for row in found.modules} if found else {}

    return read


_SOURCES: Mapping[str, Callable[[Measurements], Values]] = {
    **{name: _of("spectrum", name) for name in MEASURES if name not in BESIDE_BASE},
    "relative_frobenius": _of("relative", "relative_frobenius"),
    "swallowed_share": _of("relative", "swallowed_share"),
    "intruders": _of("intruders", "count"),
}
"""Where each measure that a heat map can show is found."""


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


def grids(report: Report, measure: str) -> list[Grid]:
    """Arrange a measure of the modules by stack, role and layer."""
    values = _SOURCES[measure](report.measurements)
    stacks: dict[str, dict[tuple[str, int | None], list[_Placed]]] = defaultdict(lambda: defaultdict(list))
    for row in _placed(report.measurements, measure):
        stacks[row.stack][row.role, row.layer].append(row)
    result = []
    for stack, places in stacks.items():
        roles = sorted({role for role, _ in places}, key=lambda role: (rank(role), role))
        layers = sorted({layer for _, layer in places}, key=lambda layer: -1 if layer is None else layer)
        cells = {place: _cell(rows, values) for place, rows in places.items()}
        result.append(Grid(stack, tuple(roles), tuple(layers), cells))
    return result


def values_of(report: Report, measure: str) -> Values:
    """A measure of :data:`loradiag.outputs.style.MEASURES` by module."""
    return _SOURCES[measure](report.measurements)


def measured(report: Report) -> list[str]:
    """The measures that this report has values of."""
    values = {name: read(report.measurements).values() for name, read in _SOURCES.items()}
    return [name for name, found in values.items() if any(value is not None for value in found)]


def shown(report: Report, wanted: str) -> str:
    """The measure to show at first: the one that is wanted, or the first of those that there are values of."""
    has = measured(report)
    return wanted if wanted in has or not has else has[0]


_Placed = ModuleSpectrum | RelativeModule


def _placed(told: Measurements, measure: str) -> list[_Placed]:
    """The modules of a map: those with a spectrum, and for what only a base tells those without one as well."""
    rows: list[_Placed] = list(told.spectrum.modules) if told.spectrum else []
    if measure in BESIDE_BASE and told.relative:
        known = {row.name for row in rows}
        rows += [row for row in told.relative.modules if row.name not in known]
    return rows


def between(value: float, low: float, high: float) -> float:
    """Where a value lies from ``low`` (0) to ``high`` (1), which is more; of halves, so that no difference is infinite."""
    return (value / 2 - low / 2) / (high / 2 - low / 2) if high / 2 > low / 2 else 1.0


def rank(role: str) -> int:
    """Where a role stands among others: in the order in which a model applies them."""
    return _ORDER.index(role) if role in _ORDER else len(_ORDER)


def _cell(rows: Sequence[_Placed], values: Values) -> Cell:
    sizes = [row.spectral_norm if isinstance(row, ModuleSpectrum) else row.update_frobenius for row in rows]
    live = [
        value for row, size in zip(rows, sizes, strict=True) if (value := values.get(row.name)) is not None and size
    ]
    broken = sum(row.spectral_norm is None for row in rows if isinstance(row, ModuleSpectrum))
    return Cell(
        value=median(live),
        modules=tuple(row.name for row in rows),
        dead=sum(size == 0 for size in sizes),
        broken=broken,
    )
