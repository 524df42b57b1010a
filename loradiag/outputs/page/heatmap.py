"""The heat map of layers and roles as tables: a cell's colour repeats the number that stands in it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from loradiag.core.report import Report
from loradiag.outputs.facts import short_number
from loradiag.outputs.grid import Cell, Grid, between, grids, measured, shown
from loradiag.outputs.page.colors import step_of
from loradiag.outputs.page.legends import scale_bar
from loradiag.outputs.page.markup import Markup, element, join, rows
from loradiag.outputs.style import BESIDE_BASE, LOGARITHMIC, MEASURES

DENSE = 18
"""From this number of layers on, cells are too narrow for their numbers, which a pointer or a screen reader then tells."""


class Scale(msgspec.Struct, frozen=True):
    """From values of a measure to the colour scale."""

    low: float
    high: float
    log: bool

    def share(self, value: float) -> float:
        """Where a value lies between the least (0) and the largest (1)."""
        low, high, value = ((math.log(v) if self.log else v) for v in (self.low, self.high, value))
        return between(value, low, high) if high > low else 0.5


def scales(reports: Iterable[Report]) -> dict[str, Scale | None]:
    """One scale for each measure over all ``reports``; None where there is no value."""
    maps = list(reports)
    found: dict[str, Scale | None] = {}
    for measure in MEASURES:
        values = [value for report in maps for grid in grids(report, measure) for value in grid.values]
        log = measure in LOGARITHMIC and bool(values) and min(values) > 0
        found[measure] = Scale(min(values), max(values), log) if values else None
    return found


def heat_map(report: Report, chosen: str, key: str, common: dict[str, Scale | None]) -> Markup:
    """Every measure's map with a switch between them that needs no script. Empty if there is none to draw."""
    first = shown(report, chosen)
    if not grids(report, first):
        return Markup("")
    has = measured(report)
    alone = () if report.measurements.spectrum is None else [name for name in MEASURES if name not in BESIDE_BASE]
    switch, panels = [], []
    for index, (measure, title) in enumerate(MEASURES.items()):
        if measure not in has and measure not in alone:
            continue
        radio = element("input", type="radio", name=f"{key}-measure", class_=f"m{index}", checked=measure == first)
        switch.append(element("label", radio, element("span", title)))
        panels.append(_panel(grids(report, measure), title, index, common[measure]))
    legend = element("legend", "Measure", class_="hidden")
    return element("div", element("fieldset", legend, *switch, class_="switch"), *panels, class_="heat")


def _panel(maps: Sequence[Grid], title: str, index: int, scale: Scale | None) -> Markup:
    tables = [map_table(grid, title, scale) for grid in maps]
    return element("div", *tables, _legend(maps, title, scale), class_=f"panel h{index}")


def map_table(grid: Grid, title: str, scale: Scale | None) -> Markup:
    """One stack's grid as a table."""
    dense = len(grid.columns) > DENSE
    heads = [element("td")] + [_head(column, index, dense) for index, column in enumerate(grid.columns)]
    body = rows(
        [
            element("th", role, scope="row"),
            *(_cell(grid.cells.get((role, column)), scale) for column in grid.columns),
        ]
        for role in grid.rows
    )
    said = element("span", f" {title} by role and layer", class_="hidden")
    caption = element("caption", grid.stack, said, class_=None if grid.stack else "bare")
    parts = [caption, element("thead", element("tr", *heads)), element("tbody", body)]
    return element("div", element("table", *parts, class_=density(len(grid.columns))), class_="scroll")


def density(columns: int) -> str:
    """The class of a map with so many columns: wide, plain, or dense."""
    return "map dense" if columns > DENSE else "map wide" if columns <= DENSE * 2 // 3 else "map"


def _head(column: int | None, index: int, dense: bool) -> Markup:
    if column is None:
        return element("th", element("span", "–", title="outside any layer"), scope="col")
    quiet = dense and column % 5 and index
    return element("th", element("span", str(column)), scope="col", class_="quiet" if quiet else None)


def _cell(cell: Cell | None, scale: Scale | None) -> Markup:
    if cell is None:
        return element("td", class_="absent")
    several = len(cell.modules) if len(cell.modules) > 1 else None
    if cell.broken:
        return element("td", "!", class_="broken", data_n=several, data_broken=cell.broken)
    if cell.unmeasured:
        return element("td", "–", class_="unknown", data_n=several)
    if cell.value is None or scale is None:
        return element("td", "0", class_="dead", data_n=several)
    step = step_of(scale.share(cell.value))
    class_ = f"v{step} part" if cell.dead else f"v{step}"
    return element("td", short_number(cell.value), class_=class_, data_n=several, data_dead=cell.dead or None)


def _legend(maps: Sequence[Grid], title: str, scale: Scale | None) -> Markup:
    cells = [cell for grid in maps for cell in grid.cells.values()]
    parts = []
    if scale:
        parts.append(element("span", short_number(scale.low), " ", scale_bar(), " ", short_number(scale.high)))
        parts.append(element("span", title + (", logarithmic colours" if scale.log else "")))
    if any(grid.unmeasured for grid in maps):
        parts.append(element("span", "–: not measured"))
    if any(not cell.broken and cell.dead == len(cell.modules) for cell in cells):
        parts.append(_key("0", "dead", "zero update"))
    if any(cell.dead and cell.value is not None for cell in cells):
        parts.append(_key("", "v12 part", "some of its modules are zero"))
    if any(cell.broken for cell in cells):
        parts.append(_key("!", "broken", "not finite"))
    if any(len(grid.cells) < len(grid.rows) * len(grid.columns) for grid in maps):
        parts.append(element("span", "blank: not adapted"))
    if any(len(cell.modules) > 1 for cell in cells):
        parts.append(element("span", "cells of several modules show their median"))
    return element("p", *parts, class_="legend")


def _key(mark: str, class_: str, said: str) -> Markup:
    return element("span", element("b", mark, class_=f"key {class_}", aria_hidden="true"), " ", said)


def note(common: bool) -> Markup:
    """What the colours compare."""
    return join(["The colours of all checkpoints are on one scale."]) if common else Markup("")
