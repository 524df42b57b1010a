"""The heat map of layers and roles for a terminal: a shade for the value, a mark for what has none."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from loradiag.core.text import printable
from loradiag.outputs.grid import Cell, Grid, between
from loradiag.outputs.style import MEASURES

SHADES = "▁▂▃▄▅▆▇█"
DEAD, BROKEN, ABSENT, UNKNOWN = "0", "!", "·", "?"
# Nine steps of cividis, a scale made to read alike with and without colour vision; shades carry the value without it.
_COLORS = ("#575d6d", "#666970", "#7d7c78", "#948e77", "#aaa074", "#c4b56c", "#ddc95c", "#fee838")


def heat_map(grids: Sequence[Grid], measure: str, width: int, title: str | None = None) -> list[Text]:
    """Lines of all grids on one common scale, with a legend. Empty if there is nothing to show."""
    values = [value for grid in grids for value in grid.values]
    if not grids:
        return []
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    lines = [Text(f"{title or MEASURES[measure]} by role and layer", style="bold")]
    for grid in grids:
        lines += _grid(grid, low, high, width)
    lines.append(_legend(grids, low, high))
    return lines


def _grid(grid: Grid, low: float, high: float, width: int) -> list[Text]:
    label = max(len(printable(role)) for role in grid.rows) + 2
    # One column a layer when they are many, two when they are few; wider stacks are cut into bands.
    step = 2 if len(grid.columns) * 2 + label <= width else 1
    room = max((width - label) // step, 8)
    lines = [Text(f"  {printable(grid.stack)}", style="italic")] if grid.stack else []
    for start in range(0, len(grid.columns), room):
        columns = grid.columns[start : start + room]
        lines.append(Text(" " * label + _ruler(columns, step), style="dim"))
        for role in grid.rows:
            line = Text(f"{printable(role):<{label}}")
            for column in columns:
                line.append(*_mark(grid.cells.get((role, column)), low, high))
                line.append(" " * (step - 1))
            lines.append(line)
    return lines


def _ruler(columns: Sequence[int | None], step: int) -> str:
    """Layer numbers over every fifth column, as far as they fit."""
    ruler = [" "] * (len(columns) * step + 4)
    for index, column in enumerate(columns):
        if column is not None and column % 5 == 0:
            ruler[index * step : index * step + len(str(column))] = str(column)
        elif column is None:
            ruler[index * step] = "-"
    return "".join(ruler).rstrip()


def _mark(cell: Cell | None, low: float, high: float) -> tuple[str, str]:
    if cell is None:
        return ABSENT, "dim"
    if cell.broken:
        return BROKEN, "bold red"
    if cell.unmeasured:
        return UNKNOWN, "dim"
    if cell.value is None or cell.dead == len(cell.modules):
        return DEAD, "bold red"
    share = between(cell.value, low, high)
    index = min(int(share * len(SHADES)), len(SHADES) - 1)
    return SHADES[index], _COLORS[index]


def _legend(grids: Sequence[Grid], low: float, high: float) -> Text:
    cells = [cell for grid in grids for cell in grid.cells.values()]
    line = Text("  ")
    if high > 0:
        line.append(f"{low:.3g} ")
        for shade, color in zip(SHADES, _COLORS, strict=True):
            line.append(shade, color)
        line.append(f" {high:.3g}")
    if any(cell.dead == len(cell.modules) for cell in cells if not cell.broken):
        line.append("   0", "bold red").append(" zero update")
    if any(cell.broken for cell in cells):
        line.append("   !", "bold red").append(" not finite")
    if any(grid.unmeasured for grid in grids):
        line.append(f"   {UNKNOWN} not measured")
    if any(len(grid.cells) < len(grid.rows) * len(grid.columns) for grid in grids):
        line.append(f"   {ABSENT} not adapted")
    return line
