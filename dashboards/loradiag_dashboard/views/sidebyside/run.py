"""The checkpoints of one run: what became of it, which checkpoint to take, and how every module moved."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.core.trajectory import ModuleTrajectory, Trajectory
from loradiag.outputs.facts import short_number
from loradiag.outputs.grid import rank
from loradiag.outputs.learning import CHARTS, MODULE_MEASURES, Curve, called, figures, statements, step_rows
from loradiag.outputs.story import story
from loradiag_dashboard.parts import told
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.findings import findings
from loradiag_dashboard.parts.heatmap import COLUMNS, Look, look_of, map_of
from loradiag_dashboard.parts.losses import losses
from loradiag_dashboard.parts.nothing import nothing
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.plain import label
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.source import overview
from loradiag_dashboard.views.sidebyside.choosing import one_of

if TYPE_CHECKING:
    import pandas as pd

MODULES, CELLS = 120, 4500
"""Modules in the map over steps, and cells of it: fewer modules where there are many steps."""

_ROW = 17
_CURVES = (("blue", "circle"), ("green", "square"), ("pink", "triangle-up"))


def run() -> None:
    """Draw it."""
    cards = {card.key: card for card in overview().cards if card.kind == "trajectory"}
    if not cards:
        nothing(
            "No run was followed",
            "Over the checkpoints of one run a report tells which of them to take, and how the update grew and turned.",
            "loradiag compare runs/my_run/ -o reports/my_run.json",
        )
        return
    made = one_of("run", cards, "Run")
    series = made.measurements.trajectory if made else None
    if made is None or series is None:
        return
    told.headline(story(made))
    losses(made)
    _charts(series)
    _steps(made)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _movement(series)
    with right:
        findings(made)
        if statements(made):
            told.statements(statements(made), "What was logged")


def _charts(series: Trajectory) -> None:
    """How the update grew and turned, four small charts."""
    drawn = [(title, frame, ends) for title, fields, ends in CHARTS if len(frame := curve_frame(series, fields)) > 1]
    for start in range(0, len(drawn), 2):
        for index, place in enumerate(st.columns(2, gap="medium")):
            if start + index < len(drawn):
                with place:
                    _curves(*drawn[start + index], number=start + index)


def curve_frame(series: Trajectory, fields: Any) -> pd.DataFrame:
    """Measures of the checkpoints, a row a point."""
    import pandas as pd

    chosen: list[Curve] = list(fields)
    rows = [
        (name, row.step, value)
        for field, name in chosen
        for row in series.steps
        if (value := getattr(row, field)) is not None
    ]
    return pd.DataFrame(rows, columns=["measure", "step", "value"])


def _curves(title: str, frame: pd.DataFrame, ends: tuple[float, float] | None, *, number: int) -> None:
    import altair as alt

    names = [*dict.fromkeys(frame["measure"])]
    colors = alt.Scale(domain=names, range=[color(tone) for tone, _ in _CURVES[: len(names)]])
    shapes = alt.Scale(domain=names, range=[shape for _, shape in _CURVES[: len(names)]])
    legend = alt.Legend() if len(names) > 1 else None
    low, high = ends or (0.0, float(frame["value"].max()) * 1.05 or 1.0)
    span = [min(low, float(frame["value"].min())), max(high, float(frame["value"].max()))]
    made = alt.Chart(frame).mark_line(point={"filled": True, "size": 55})
    made = made.encode(
        x=alt.X("step:Q", axis=alt.Axis(title="step", format=",d", tickMinStep=1, tickCount=7)),
        y=alt.Y("value:Q", axis=alt.Axis(title=None, tickCount=5), scale=alt.Scale(domain=span, nice=False)),
        color=alt.Color("measure:N", scale=colors, legend=legend),
        shape=alt.Shape("measure:N", scale=shapes, legend=legend),
        tooltip=["measure:N", alt.Tooltip("step:Q", format=","), alt.Tooltip("value:Q", format=".4g")],
    )
    made = made.properties(height=240, width="container")
    chart(made, frame, name=f"run-{number}", title=title, about="A mark a checkpoint.")


def _steps(made: Report) -> None:
    import pandas as pd

    rows = step_rows(made)
    shown = figures(rows)
    state = ["★ take this" if row.best else "✗ not finite" if row.step.nonfinite else "" for row in rows]
    frame = pd.DataFrame(
        {
            "checkpoint": [called(row.step) for row in rows],
            "": state,
            "step": [row.step.step for row in rows],
            **{figure.title: pd.array([figure.value(row) for row in rows], dtype="Float64") for figure in shown},
        }
    )
    st.markdown("**Checkpoints**", help="★: of those that were saved, the one with the least loss on held-out text.")
    columns = {figure.title: st.column_config.NumberColumn(help=figure.meaning, format="%.4g") for figure in shown}
    table(frame if any(state) else frame.drop(columns=[""]), "checkpoints", column_config=columns)


def _movement(series: Trajectory) -> None:
    """Every module over the steps, with a choice of measure."""
    if len(series.steps) < 2:
        return
    known = {
        field: (title, log)
        for field, title, log in MODULE_MEASURES
        if any(value is not None for row in series.modules for value in getattr(row, field))
    }
    if not known:
        return
    field = kept("moved", list(known), "Modules over steps", format_func=lambda name: known[name][0])
    title, log = known[field]
    ordered = sorted(series.modules, key=_order)
    drawn = ordered[: max(min(MODULES, CELLS // len(series.steps)), 1)]
    values = [value for row in drawn for value in getattr(row, field) if value is not None and (value > 0 or not log)]
    look = look_of(values, log=log)
    frame = movement_frame(series, drawn, field, look)
    steps = [f"{row.step:,}" for row in series.steps]
    hover = (("role", "module"), ("layer", "step"), ("said", "value"))
    names = [*dict.fromkeys(frame["role"])]
    made = map_of(frame, roles=names, columns=steps, look=look, x_title="step", tooltips=hover, row=_ROW)
    numbers = frame[["role", "layer", "value"]].rename(columns={"role": "module", "layer": "step"})
    chart(
        made,
        numbers,
        name="movement",
        title=f"Modules over steps: {title}",
        about="0: the update is zero. –: not known.",
    )
    if len(drawn) < len(ordered):
        st.caption(f"The first {len(drawn):,} of {plural(len(ordered), 'module')}.")


def _order(row: ModuleTrajectory) -> tuple[str, int, int, str]:
    return (row.stack, -1 if row.layer is None else row.layer, rank(row.role), row.name)


def movement_frame(series: Trajectory, modules: list[ModuleTrajectory], field: str, look: Look) -> pd.DataFrame:
    """The cells of the map of modules and steps."""
    import pandas as pd

    wide = len(series.steps) <= COLUMNS // 2
    rows = []
    for module in modules:
        for step, value in zip(series.steps, getattr(module, field), strict=True):
            there = value is not None and (value > 0 or not look.log)
            rows.append(
                {
                    "layer": f"{step.step:,}",
                    "role": label(module.name, 60),
                    "value": value if there else math.nan,
                    "text": short_number(value) if there and wide else "" if there else "–" if value is None else "0",
                    "bright": there and look.is_bright(value),
                    "said": short_number(value),
                }
            )
    return pd.DataFrame(rows)
