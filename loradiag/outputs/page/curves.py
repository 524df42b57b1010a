"""Singular-value curves: one line a module, coloured and marked by role."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.core.updates import ModuleSpectrum
from loradiag.outputs.arrange import worst_first
from loradiag.outputs.facts import short_number
from loradiag.outputs.grid import grids
from loradiag.outputs.page.axes import Axis, horizontal_lines, linear_axis, log_axis, whole_ticks
from loradiag.outputs.page.markup import Markup, element
from loradiag.outputs.page.shapes import SHAPES
from loradiag.outputs.sigma import NOTE, alive, drawn, fair, indices, said_of_rest

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 980, 360, 64, 16, 12, 40
CROWD = 40
"""From this number of curves on, they are drawn fainter."""

COLORS = 8


def curves(report: Report, key: str, most: int) -> Markup:
    """The chart with its legend, and in words what it leaves out. Empty if nothing has a spectrum."""
    spectrum = report.measurements.spectrum
    if spectrum is None or not spectrum.modules:
        return Markup("")
    live = alive(worst_first(report))
    shown = fair(live, most)
    left_out = said_of_rest(spectrum.modules, live, shown)
    if not shown:
        return element("p", left_out, class_="dim")
    seen = {row.role for row in shown}
    order = [role for grid in grids(report, "stable_rank") for role in grid.rows]
    roles = [role for role in dict.fromkeys(order) if role in seen]
    modes = ((True, "σ / σ₁"), (False, "σ"))
    switch = [
        element(
            "label",
            element("input", type="radio", name=f"{key}-sigma", class_=f"y{index}", checked=index == 0),
            element("span", title),
        )
        for index, (_, title) in enumerate(modes)
    ]
    charts = [_chart(shown, roles, relative, title, index) for index, (relative, title) in enumerate(modes)]
    legend = element("legend", "Vertical axis", class_="hidden")
    choice = element("fieldset", legend, *switch, class_="switch")
    said = element("p", left_out, class_="dim") if left_out else ""
    return element(
        "div",
        element("p", NOTE, class_="dim"),
        element("div", choice, _roles(roles, shown), class_="bar"),
        *charts,
        said,
        class_="curves",
    )


def _roles(roles: Sequence[str], shown: Sequence[ModuleSpectrum]) -> Markup:
    keys = []
    for index, role in enumerate(roles):
        line = element("path", d="M0 6H18", class_="curve")
        end = element("path", d=_shape(index), transform="translate(18 6)", class_="mark")
        picture = element(
            "svg", line, end, viewBox="0 0 24 12", width=24, height=12, class_=_series(index), aria_hidden="true"
        )
        count = sum(row.role == role for row in shown)
        box = element("input", type="checkbox", class_=f"k{index % 24}", checked=True)
        keys.append(element("label", box, picture, role, element("small", f"×{count}")))
    legend = element("legend", "Roles shown", class_="hidden")
    return element("fieldset", legend, *keys, class_="keys")


def _shape(index: int) -> str:
    return SHAPES[index % len(SHAPES)]


def _series(index: int) -> str:
    dash = index // COLORS % 3
    return f"c{index % COLORS}" + (f" dash{dash}" if dash else "")


def _chart(shown: Sequence[ModuleSpectrum], roles: Sequence[str], relative: bool, title: str, index: int) -> Markup:
    units = [row.sigma[0] if relative else 1.0 for row in shown]
    values = [value / unit for row, unit in zip(shown, units, strict=True) for value in drawn(row)]
    y = log_axis(values, HEIGHT - BOTTOM, TOP)
    longest = max(len(row.sigma) for row in shown)
    x = Axis(1, longest, LEFT + 8, WIDTH - RIGHT - 8) if longest > 1 else linear_axis([1.0], LEFT, WIDTH - RIGHT)
    assert y is not None  # every module shown has a positive leading value
    lines = [_line(row, roles.index(row.role), unit, x, y) for row, unit in zip(shown, units, strict=True)]
    grid = horizontal_lines(y, LEFT, WIDTH - RIGHT)
    labels = [
        whole_ticks(x, HEIGHT - BOTTOM + 18),
        element("text", "index of the singular value", x=(LEFT + WIDTH) / 2, y=HEIGHT - 4, text_anchor="middle"),
        element("text", title, transform=f"translate(14 {HEIGHT / 2}) rotate(-90)", text_anchor="middle"),
    ]
    name = f"{title} by index for {plural(len(shown), 'module')}, logarithmic"
    svg = element(
        "svg",
        grid,
        element("g", *labels),
        *lines,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=name,
        class_="chart crowded" if len(shown) > CROWD else "chart",
    )
    return element("div", svg, class_=f"scroll g{index}")


def _line(row: ModuleSpectrum, role: int, unit: float, x: Axis, y: Axis) -> Markup:
    points = [(x.at(at), y.at(row.sigma[at - 1] / unit)) for at in indices(len(drawn(row)))]
    path = "M" + "L".join(f"{px:g} {py:g}" for px, py in points)
    numbers = f"stable rank {short_number(row.stable_rank)}, σ₁ {short_number(row.spectral_norm)}"
    said = f"{shorten(row.name, 120)} ({row.role}): rank {row.rank}, {numbers}"
    end = element("path", d=_shape(role), transform=f"translate({points[-1][0]:g} {points[-1][1]:g})", class_="mark")
    return element(
        "g",
        element("title", said),
        element("path", d=path, class_="curve") if len(points) > 1 else "",
        end,
        class_=f"line {_series(role)} s{role % 24}",
    )
