"""The map of layers and roles: a measure by colour and number, with signs for what is zero, broken or not measured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.report import Report
from loradiag.core.text import listed, plural
from loradiag.outputs.facts import short_number
from loradiag.outputs.grid import Cell, Grid, grids, measured, shown
from loradiag.outputs.style import LOGARITHMIC, MEASURES
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.heatmap import COLUMNS, Look, look_of, map_of
from loradiag_dashboard.parts.plain import label, md

if TYPE_CHECKING:
    import pandas as pd

ZERO, BROKEN, UNMEASURED, PARTLY = "0", "!", "–", "*"
SIGNS = {
    ZERO: "the update is zero",
    BROKEN: "not finite",
    UNMEASURED: "not measured",
    PARTLY: "some of its modules are zero",
}
"""What stands in a cell beside, or instead of, its number."""

_ABOUT = "Each cell is what was adapted of one role in one layer. Cells that are not there were not adapted."
_NAMED = 4


def layers(report: Report) -> int:
    """How many columns the widest map has; 0 where there is none to draw."""
    return max((len(grid.columns) for grid in grids(report, shown(report, "stable_rank"))), default=0)


def heat(report: Report) -> None:
    """A map for every stack of the network, with a choice of measure."""
    has = measured(report)
    measure = shown(report, "stable_rank")
    if len(has) > 1:
        measure = kept("measure", has, "Measure", usual=measure, format_func=titled)
    found = grids(report, measure)
    look = look_of([value for grid in found for value in grid.values], log=measure in LOGARITHMIC)
    for index, grid in enumerate(found):
        _draw(grid, measure, look, index)
    signs = {sign for grid in found for cell in grid.cells.values() if (sign := sign_of(cell))}
    said = [f"{md(sign)}: {meaning}" for sign, meaning in SIGNS.items() if sign in signs]
    if any(len(cell.modules) > 1 for grid in found for cell in grid.cells.values()):
        said.append("cells of several modules show their median")
    if look.log:
        said.append("logarithmic colours")
    if said:
        st.caption(" · ".join(said))


def _draw(grid: Grid, measure: str, look: Look, index: int) -> None:
    frame = frame_of(grid, look)
    stack = f", {md(grid.stack, 40)}" if grid.stack else ""
    drawn = map_of(frame, roles=[label(role, 40) for role in grid.rows], columns=_columns(grid), look=look)
    title = f"{titled(measure)} by layer and role{stack}"
    numbers = frame[["layer", "role", "value", "said", "count", "modules"]]
    chart(drawn, numbers, name=f"map-{index}", title=title, about=_ABOUT)


def titled(measure: str) -> str:
    """A measure at the start of a line, without what Markdown takes for itself."""
    text = MEASURES[measure].replace("_", "")
    return f"{text[:1].upper()}{text[1:]}" if text[:1].isascii() else text


def _columns(grid: Grid) -> list[str]:
    return [place_of(layer) for layer in grid.columns]


def place_of(layer: int | None) -> str:
    """A layer as axes name it."""
    return "none" if layer is None else str(layer)


def sign_of(cell: Cell) -> str:
    """What is to be known of a cell beside its number; empty where it is sound."""
    if cell.broken:
        return BROKEN
    if cell.unmeasured:
        return UNMEASURED
    if cell.value is None:
        return ZERO
    return PARTLY if cell.dead else ""


def frame_of(grid: Grid, look: Look) -> pd.DataFrame:
    """The cells of a map, a row each."""
    import pandas as pd

    dense = len(grid.columns) > COLUMNS
    return pd.DataFrame([_row(role, layer, cell, look, dense) for (role, layer), cell in grid.cells.items()])


def _row(role: str, layer: int | None, cell: Cell, look: Look, dense: bool) -> dict[str, Any]:
    sign = sign_of(cell)
    value = None if sign in (BROKEN, UNMEASURED, ZERO) else cell.value
    number = "" if value is None else short_number(value)
    names = listed([label(name, 90) for name in cell.modules], _NAMED)
    state = [
        f"{cell.broken:,} not finite" if cell.broken else "",
        f"{cell.dead:,} with a zero update" if cell.dead else "",
        SIGNS[UNMEASURED] if sign == UNMEASURED else "",
    ]
    return {
        "layer": place_of(layer),
        "role": label(role, 40),
        "value": math.nan if value is None else value,
        "text": sign if dense or value is None else f"{number}{sign}",
        "bright": value is not None and look.is_bright(value),
        "said": "; ".join(part for part in (number, *state) if part),
        "count": len(cell.modules),
        "modules": names if len(cell.modules) == 1 else f"{plural(len(cell.modules), 'module')}: {names}",
    }
