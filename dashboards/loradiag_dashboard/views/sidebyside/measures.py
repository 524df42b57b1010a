"""Modules of inspections: a measure of A beside that of another, how far it moved where, and the spectra of one module."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.updates import ModuleSpectrum
from loradiag.outputs.differing import Shift, ShiftGrid, in_common, shift, shift_grids
from loradiag.outputs.facts import short_number
from loradiag.outputs.grid import measured, shown
from loradiag.outputs.sigma import alive
from loradiag.outputs.style import LOGARITHMIC
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.heatmap import COLUMNS, Look, centred, map_of
from loradiag_dashboard.parts.palette import categories, color
from loradiag_dashboard.parts.plain import label
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.views.inspection.heat import place_of, titled
from loradiag_dashboard.views.inspection.spectra import SHAPES, curves, curves_frame, roles_of
from loradiag_dashboard.views.sidebyside.choosing import Side

if TYPE_CHECKING:
    import pandas as pd

MARKS = 4000
"""Modules in the scatter, those that moved farthest first."""


def measures(sides: Sequence[Side]) -> None:
    """Draw A beside one of the others, with a choice of measure among those that both have, and spectra of all."""
    a, b = sides[0], _other(sides)
    has = [name for name in measured(a.report) if name in measured(b.report)]
    if not has:
        st.caption("No measure of modules is in both reports.")
        return
    usual = shown(a.report, "stable_rank")
    measure = kept("measure", has, "Measure", usual=usual if usual in has else has[0], format_func=titled)
    frame = modules_frame(a, b, measure)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        if frame.empty:
            st.caption("The two have no module in common by name.")
        else:
            _scatter(a, b, frame, measure)
    with right:
        _maps(a, b, measure)
    if not frame.empty:
        _spectra(sides, frame)
        with st.expander(f"{len(frame):,} modules, those that moved farthest first"):
            config = {name: st.column_config.NumberColumn(format="%.4g") for name in ("A", b.letter)}
            config[_moved(measure, b.letter)] = st.column_config.NumberColumn(format="%+.4g")
            named = frame.rename(columns={"B": b.letter, "moved": _moved(measure, b.letter)})
            table(named.drop(columns=["said"]), "modules-beside", column_config=config)


def _other(sides: Sequence[Side]) -> Side:
    """The one that is drawn beside A."""
    if len(sides) == 2:
        return sides[1]
    by_letter = {side.letter: side for side in sides[1:]}
    letter = kept(
        "with",
        list(by_letter),
        "Drawn beside A",
        draw=st.segmented_control,
        format_func=lambda letter: by_letter[letter].name,
        required=True,
    )
    return by_letter[letter]


def _moved(measure: str, letter: str) -> str:
    return f"doublings from A to {letter}" if measure in LOGARITHMIC else f"{letter} − A"


def modules_frame(a: Side, b: Side, measure: str) -> pd.DataFrame:
    """The modules that both have, those that moved farthest first."""
    import pandas as pd

    places = _places(a) | _places(b)
    rows = [
        {
            "module": label(name, 160),
            "role": label(places[name][0], 40) if name in places else "",
            "layer": places[name][1] if name in places else None,
            "A": one,
            "B": other,
            "moved": shift(measure, one, other),
        }
        for name, (one, other) in in_common(a.report, b.report, measure).items()
    ]
    frame = pd.DataFrame(rows, columns=["module", "role", "layer", "A", "B", "moved"])
    frame = frame.astype({"layer": "Int64", "A": "float64", "B": "float64", "moved": "float64"})
    frame["said"] = [
        f"{short_number(None if math.isnan(one) else one)} → {short_number(None if math.isnan(other) else other)}"
        for one, other in zip(frame["A"], frame["B"], strict=True)
    ]
    return frame.sort_values("moved", key=abs, ascending=False, na_position="last", kind="stable")


def _places(side: Side) -> dict[str, tuple[str, int | None]]:
    found = side.report.measurements
    tables = (found.relative, found.spectrum)
    return {row.name: (row.role, row.layer) for part in tables if part for row in part.modules}


def _scatter(a: Side, b: Side, frame: pd.DataFrame, measure: str) -> None:
    import altair as alt
    import pandas as pd

    drawn = frame.dropna(subset=["A", "B"])
    log = measure in LOGARITHMIC
    if log:
        drawn = drawn[(drawn["A"] > 0) & (drawn["B"] > 0)]
    drawn = drawn.head(MARKS)
    if drawn.empty:
        st.caption("No module has a value in both reports.")
        return
    low, high = float(drawn[["A", "B"]].min().min()), float(drawn[["A", "B"]].max().max())
    ends = [low / 1.15, high * 1.15] if log else [low - 0.05 * (high - low) - 1e-9, high + 0.05 * (high - low) + 1e-9]
    scale = alt.Scale(type="log" if log else "linear", domain=ends, nice=False, zero=alt.Undefined if log else False)
    roles = [*dict.fromkeys([*map(_short, roles_of(a.report)), *map(_short, roles_of(b.report)), *drawn["role"]])]
    roles = [role for role in roles if role in set(drawn["role"])]
    x = alt.X("A:Q", scale=scale, axis=alt.Axis(title=a.name, tickCount=5))
    y = alt.Y("B:Q", scale=scale, axis=alt.Axis(title=b.name, tickCount=5))
    colors, shapes = (alt.Scale(domain=roles, range=_cycle(kind, len(roles))) for kind in (categories(), SHAPES))
    points = alt.Chart(drawn).mark_point(filled=True, size=60, opacity=0.75)
    points = points.encode(
        x=x,
        y=y,
        color=alt.Color("role:N", scale=colors, legend=alt.Legend(columns=4)),
        shape=alt.Shape("role:N", scale=shapes),
        tooltip=[
            "module:N",
            "role:N",
            alt.Tooltip("A:Q", format=".4g"),
            alt.Tooltip("B:Q", format=".4g", title=b.letter),
        ],
    )
    line = alt.Chart(pd.DataFrame({"A": ends, "B": ends})).mark_line(
        strokeDash=[4, 4], strokeWidth=1, color=color("dim")
    )
    made = alt.layer(line.encode(x=x, y=y), points).properties(height=360, width="container")
    numbers = drawn[["module", "role", "layer", "A", "B"]].rename(columns={"B": b.letter})
    about = f"A mark a module. On the dashed line both are alike; above it {b.letter} has more."
    chart(made, numbers, name="scatter", title=f"{titled(measure)}: A beside {b.letter}", about=about)


def _short(role: str) -> str:
    return label(role, 40)


def _cycle(values: Any, count: int) -> list[str]:
    return [values[index % len(values)] for index in range(count)]


def _maps(a: Side, b: Side, measure: str) -> None:
    found = shift_grids(a.report, b.report, measure)
    values = [cell.value for grid in found for cell in grid.cells.values() if cell.value is not None]
    look = centred(values)
    for index, grid in enumerate(found):
        frame = shifts_frame(grid, look, b.letter)
        roles = [label(role, 40) for role in grid.rows]
        made = map_of(frame, roles=roles, columns=[place_of(layer) for layer in grid.columns], look=look)
        unit = ", in doublings" if measure in LOGARITHMIC else ""
        about = (
            f"Blue: less in {b.letter}, orange: more in {b.letter}, 0 in the middle. "
            "A letter in a cell: only that one was adapted there."
        )
        numbers = frame[["layer", "role", "value", "said"]]
        chart(made, numbers, name=f"shift-{index}", title=f"{titled(measure)}: {b.letter} less A{unit}", about=about)


def shifts_frame(grid: ShiftGrid, look: Look, letter: str = "B") -> pd.DataFrame:
    """The cells of a map of shifts, a row each."""
    import pandas as pd

    dense = len(grid.columns) > COLUMNS
    rows = [
        {
            "layer": place_of(layer),
            "role": label(role, 40),
            "value": math.nan if cell.value is None else cell.value,
            "text": _sign(cell, letter) if cell.value is None else "" if dense else f"{cell.value:+.2g}",
            "bright": cell.value is not None and look.is_bright(cell.value),
            "said": _told(cell, letter),
            "modules": f"{label(role, 40)} of layer {place_of(layer)}",
        }
        for (role, layer), cell in grid.cells.items()
    ]
    return pd.DataFrame(rows)


def _sign(cell: Shift, letter: str) -> str:
    return letter if cell.a is None else "A" if cell.b is None else "–"


def _told(cell: Shift, letter: str) -> str:
    if cell.a is None or cell.b is None:
        return f"only in {_sign(cell, letter)}"
    moved = "" if cell.value is None else f", {cell.value:+.3g}"
    return f"A {short_number(cell.a.value)}, {letter} {short_number(cell.b.value)}{moved}"


def _spectra(sides: Sequence[Side], frame: pd.DataFrame) -> None:
    """The singular values of one module over each other; of all that have it."""
    own = [{label(row.name, 160): row for row in alive(_spectrum(side))} for side in sides]
    names = [name for name in frame["module"] if sum(name in rows for rows in own) > 1]
    if not names:
        return
    name = kept("module", names, "Spectra of a module")
    there = [(side.name, rows[name]) for side, rows in zip(sides, own, strict=True) if name in rows]
    points = curves_frame([row for _, row in there], relative=False, of=[of for of, _ in there])
    made = curves(points, [side.name for side in sides], "σ", log=True, field="of").properties(height=300)
    about = "Singular values of the module's update in each. A line that lies higher is a larger update."
    title = f"Singular values, {' and '.join(side.letter for side in sides) if len(sides) == 2 else 'all'}"
    chart(made, points.drop(columns="line"), name="spectra-beside", title=title, about=about)


def _spectrum(side: Side) -> list[ModuleSpectrum]:
    found = side.report.measurements.spectrum
    return list(found.modules) if found else []
