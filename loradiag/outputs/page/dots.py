"""Sizes of updates beside their weights: a mark a module, by layer and role."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.beside import RelativeModule
from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.outputs.facts import percent, short_number
from loradiag.outputs.grid import grids
from loradiag.outputs.page.axes import Axis, horizontal_lines, log_axis
from loradiag.outputs.page.curves import COLORS
from loradiag.outputs.page.legends import picture
from loradiag.outputs.page.markup import Markup, element, join
from loradiag.outputs.page.shapes import SHAPES

NOTE = "Each mark is one module: the size of its update over that of the weight that it changes, by layer and role."
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 980, 300, 64, 16, 12, 40


def dots(report: Report) -> Markup:
    """Relative sizes by layer. Empty without a base, or where no module lies in a layer."""
    relative = report.measurements.relative
    found = [row for row in relative.modules if row.relative_frobenius and row.layer is not None] if relative else []
    y = log_axis([row.relative_frobenius or 0.0 for row in found], HEIGHT - BOTTOM, TOP)
    if y is None:
        return Markup("")
    layers = sorted({row.layer for row in found if row.layer is not None})
    x = Axis(layers[0] - 0.5, layers[-1] + 0.5, LEFT, WIDTH - RIGHT)
    here = [row.role for row in found]
    order = [
        role for grid in grids(report, "stable_rank") for role in grid.rows
    ]  # a role looks as it does among curves
    roles = list(dict.fromkeys([*(role for role in order if role in here), *here]))
    ticks = [
        element("text", f"{layer:,}", x=x.at(layer), y=HEIGHT - BOTTOM + 18, text_anchor="middle")
        for layer in layers[:: max(len(layers) // 16, 1)]
    ]
    labels = [
        element("text", "layer", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 4, text_anchor="middle"),
        element("text", "‖ΔW‖/‖W‖", transform=f"translate(14 {HEIGHT / 2:g}) rotate(-90)", text_anchor="middle"),
    ]
    chart = element(
        "svg",
        horizontal_lines(y, LEFT, WIDTH - RIGHT),
        *_dividers(layers, x),
        *ticks,
        *labels,
        *(_dot(row, roles, x, y, layers[-1] - layers[0] + 1) for row in found),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"‖ΔW‖/‖W‖ of {plural(len(found), 'module')} by layer, logarithmic",
        class_="chart",
    )
    keys = [element("span", _mark(index, 8, 8, boxed=True), " ", role) for index, role in enumerate(roles)]
    left_out = len(relative.modules if relative else []) - len(found)
    said = f"{plural(left_out, 'module')} not drawn: zero, not compared, or outside any layer."
    return join(
        [
            element("p", *keys, class_="legend"),
            element("div", chart, class_="scroll"),
            element("p", said, class_="dim") if left_out else "",
        ]
    )


def _dividers(layers: Sequence[int], x: Axis) -> list[Markup]:
    """Lines between layers, while there are few."""
    if not 1 < len(layers) <= 24:
        return []
    return [
        element("line", x1=x.at(layer - 0.5), x2=x.at(layer - 0.5), y1=TOP, y2=HEIGHT - BOTTOM, class_="rule")
        for layer in layers[1:]
    ]


def _dot(row: RelativeModule, roles: Sequence[str], x: Axis, y: Axis, layers: int) -> Markup:
    index = roles.index(row.role)
    # Roles of one layer stand side by side, in the order of the legend.
    room = min((WIDTH - LEFT - RIGHT) / layers * 0.7, 84)
    shift = (index - (len(roles) - 1) / 2) * room / max(len(roles), 1)
    value = row.relative_frobenius or 0.0
    lost = "" if row.swallowed_share is None else f", {percent(row.swallowed_share)} lost in a merge"
    said = element("title", f"{shorten(row.name, 120)} ({row.role}): {short_number(value)}{lost}")
    return element("g", said, _mark(index, round(x.at(row.layer or 0) + shift, 1), y.at(value)), class_="line")


def _mark(index: int, x: float, y: float, *, boxed: bool = False) -> Markup:
    shape = element("path", d=SHAPES[index % len(SHAPES)], transform=f"translate({x:g} {y:g})", class_="mark")
    coloured = element("g", shape, class_=f"c{index % COLORS}")
    return picture(coloured) if boxed else coloured
