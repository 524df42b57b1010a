"""Singular-value curves: a line a module, by role in colour and shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.report import Report
from loradiag.core.updates import ModuleSpectrum
from loradiag.outputs.arrange import worst_first
from loradiag.outputs.facts import short_number
from loradiag.outputs.grid import grids
from loradiag.outputs.sigma import NOTE, alive, drawn, fair, indices, said_of_rest
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.palette import categories
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.views.inspection.heat import place_of

if TYPE_CHECKING:
    import pandas as pd

CURVES = 100
"""Curves at once: more cannot be told apart, and a chart of more marks is slow to draw."""

SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right", "triangle-left")
DASHES = ([1, 0], [6, 3], [2, 2])
_ALL = "all"
_VALUES = {"share": "σ / σ₁", "size": "σ"}
_AXES = {"log": "log", "linear": "linear"}


def has(report: Report) -> bool:
    """Whether anything has a spectrum."""
    return bool(report.measurements.spectrum and report.measurements.spectrum.modules)


def spectra(report: Report) -> None:
    """The curves, with a choice of roles, of a layer, and of axes."""
    spectrum = report.measurements.spectrum
    assert spectrum is not None, "asked where there are spectra"
    roles = roles_of(report)
    places = st.columns([3, 1.1, 1.5, 2.2], vertical_alignment="bottom")
    names = {label(role, 40): role for role in roles}
    wanted = places[0].multiselect("Roles", list(names), key="role", bind="query-params", placeholder="all")
    levels = sorted({row.layer for row in spectrum.modules}, key=lambda layer: -1 if layer is None else layer)
    with places[1]:
        level = kept("layer", [_ALL, *map(place_of, levels)], "Layer")
    with places[2]:
        value = kept(
            "sigma", list(_VALUES), "Values", draw=st.segmented_control, format_func=_VALUES.get, required=True
        )
    with places[3]:
        axis = kept("axis", list(_AXES), "Axis", draw=st.segmented_control, format_func=_AXES.get, required=True)
    chosen = [
        row
        for row in worst_first(report)
        if (not wanted or row.role in {names[name] for name in wanted}) and level in (_ALL, place_of(row.layer))
    ]
    live = alive(chosen)
    rows = fair(live, CURVES)
    rest = said_of_rest(chosen, live, rows)
    if rows:
        frame = curves_frame(rows, relative=value == "share")
        made = curves(frame, roles, _VALUES[value], log=axis == "log")
        chart(made, frame.drop(columns="line"), name="singular-values", title="Singular values", about=NOTE)
    elif not chosen:
        st.caption("No module is of these roles and in this layer.")
    if rest:
        st.caption(md(rest, 400))


def roles_of(report: Report) -> list[str]:
    """All roles in the order in which a model applies them."""
    return [*dict.fromkeys(role for grid in grids(report, "stable_rank") for role in grid.rows)]


def curves_frame(rows: Sequence[ModuleSpectrum], *, relative: bool, of: Sequence[str] | None = None) -> pd.DataFrame:
    """The points of the curves.

    Args:
        rows: Modules that have a curve.
        relative: Whether values are shares of the module's largest.
        of: What each curve is called beside its module, as where they are of several reports.
    """
    import pandas as pd

    points = [
        {
            "line": str(number),
            "module": label(row.name, 120),
            "role": label(row.role, 44),
            **({"of": of[number]} if of else {}),
            "index": at,
            "value": row.sigma[at - 1] / (row.sigma[0] if relative else 1.0),
            "rank": row.rank,
            "stable rank": short_number(row.stable_rank),
            "largest": short_number(row.spectral_norm),
        }
        for number, row in enumerate(rows)
        for at in indices(len(drawn(row)))
    ]
    return pd.DataFrame(points)


def curves(frame: pd.DataFrame, roles: Sequence[str], title: str, *, log: bool, field: str = "role") -> Any:
    """The chart; every kind keeps its colour and its shape whatever is chosen."""
    import altair as alt

    order = [label(role, 44) for role in roles]
    there = set(frame[field])
    shown = [name for name in order if name in there]
    kinds = [order.index(name) for name in shown]
    colors = alt.Scale(domain=shown, range=[categories()[kind % 8] for kind in kinds])
    shapes = alt.Scale(domain=shown, range=[SHAPES[kind % 8] for kind in kinds])
    dashes = alt.Scale(domain=shown, range=[DASHES[kind // 8 % 3] for kind in kinds])
    hover = alt.selection_point(name="near", on="pointerover", fields=["line"], empty=False, clear="pointerout")
    crowd = frame["line"].nunique() > 30
    base = alt.Chart(frame).encode(
        x=alt.X("index:Q", axis=alt.Axis(title="index of the singular value", tickMinStep=1, format="d")),
        y=alt.Y("value:Q", scale=alt.Scale(type="log" if log else "linear", nice=not log), axis=alt.Axis(title=title)),
        color=alt.Color(f"{field}:N", scale=colors, legend=alt.Legend(columns=7)),
        detail="line:N",
        opacity=alt.condition(hover, alt.value(1.0), alt.value(0.45 if crowd else 0.8)),
        tooltip=[alt.Tooltip(f"{name}:N") for name in frame.columns if name not in ("line", "value")]
        + [alt.Tooltip("value:Q", format=".3g")],
    )
    lines = base.mark_line().encode(
        strokeDash=alt.StrokeDash(f"{field}:N", scale=dashes, legend=None),
        strokeWidth=alt.condition(hover, alt.value(3), alt.value(1.4)),
    )
    ends = base.transform_window(
        back="row_number()", sort=[alt.SortField("index", order="descending")], groupby=["line"]
    )
    ends = ends.transform_filter("datum.back == 1").mark_point(filled=True, size=46)
    ends = ends.encode(shape=alt.Shape(f"{field}:N", scale=shapes))
    touched = base.mark_point(size=120, opacity=0).add_params(hover).encode(opacity=alt.value(0))
    return alt.layer(lines, ends, touched).properties(height=380, width="container")
