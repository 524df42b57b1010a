"""Singular-value curves: one line a module, coloured and marked by role."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.measurements import ModuleSpectrum
from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.outputs.arrange import worst_first
from loradiag.outputs.facts import short_number
from loradiag.outputs.grid import grids
from loradiag.outputs.page.axes import Axis, horizontal_lines, linear_axis, log_axis, whole_ticks
from loradiag.outputs.page.markup import Markup, element

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 980, 360, 64, 16, 12, 40
POINTS = 48
"""Curves of more singular values than this are drawn through so many of them, evenly spread."""

FLOOR = 1e-7
"""Singular values below this share of their module's largest are rounding of 32-bit factors, and would flatten the rest."""

NOTE = (
    "A curve that falls steeply means that few directions carry the update. Each line is one module; "
    "singular values below 10⁻⁷ of the module's largest are not drawn."
)

CROWD = 40
"""From this number of curves on, they are drawn fainter."""

COLORS = 8
SHAPES = (
    "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0Z",
    "M-2.6-2.6h5.2v5.2h-5.2Z",
    "M0-3.6L3.4 2.6H-3.4Z",
    "M0-3.8L3.2 0L0 3.8L-3.2 0Z",
    "M0 3.6L3.4-2.6H-3.4Z",
    "M-3-3L3 3M-3 3L3-3",
    "M-3.6 0H3.6M0-3.6V3.6",
    "M-3.4 0H3.4",
)
"""End marks of curves, so that roles can be told apart without colour."""


def curves(report: Report, key: str, most: int) -> Markup:
    """The chart with its legend, and in words what it leaves out. Empty if nothing has a spectrum."""
    spectrum = report.measurements.spectrum
    if spectrum is None or not spectrum.modules:
        return Markup("")
    live = [row for row in worst_first(report) if row.spectral_norm and row.sigma and row.sigma[0] > 0]
    shown = _fair(live, most)
    left_out = _left_out(spectrum.modules, live, shown)
    if not shown:
        return element("p", left_out, class_="dim")
    drawn = {row.role for row in shown}
    order = [role for grid in grids(report, "stable_rank") for role in grid.rows]
    roles = [role for role in dict.fromkeys(order) if role in drawn]
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


def _fair(ranked: Sequence[ModuleSpectrum], most: int) -> list[ModuleSpectrum]:
    """The first ``most`` modules, but some of every role, so that no role vanishes from the chart."""
    by_role: dict[str, list[ModuleSpectrum]] = {}
    for row in ranked:
        by_role.setdefault(row.role, []).append(row)
    share = max(most // max(len(by_role), 1) // 2, 1)
    chosen = {id(row) for rows in by_role.values() for row in rows[:share]}
    for row in ranked:
        if len(chosen) >= most:
            break
        chosen.add(id(row))
    return [row for row in ranked if id(row) in chosen][: max(most, len(by_role))]


def _left_out(every: Sequence[ModuleSpectrum], live: Sequence[ModuleSpectrum], shown: Sequence[ModuleSpectrum]) -> str:
    dead = sum(row.spectral_norm == 0 for row in every)
    broken = sum(row.spectral_norm is None for row in every)
    parts = []
    if len(shown) < len(live):
        parts.append(f"Showing the {len(shown):,} worst of {plural(len(live), 'module')}, some of every role.")
    if dead:
        parts.append(f"{plural(dead, 'module')} not drawn: the update is zero.")
    if broken:
        parts.append(f"{plural(broken, 'module')} not drawn: the update is not finite or could not be measured.")
    return " ".join(parts)


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
    values = [value / unit for row, unit in zip(shown, units, strict=True) for value in _drawn(row)]
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
    points = [(x.at(at), y.at(row.sigma[at - 1] / unit)) for at in _indices(len(_drawn(row)))]
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


def _drawn(row: ModuleSpectrum) -> list[float]:
    """The singular values that a curve shows; they come largest first, so those left out are at the end."""
    return [value for value in row.sigma if value > 0 and value >= row.sigma[0] * FLOOR]


def _indices(last: int) -> list[int]:
    """Which of the first ``last`` singular values to draw through, counted from 1; always both ends."""
    if last <= POINTS:
        return list(range(1, last + 1))
    return sorted({1 + round(step * (last - 1) / (POINTS - 1)) for step in range(POINTS)})
