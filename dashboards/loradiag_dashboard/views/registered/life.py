"""The life of an adapter in one chart: its stages, the verdicts of its reports, and what people said of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.api.registryview import happened
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.plain import label
from loradiag_dashboard.parts.verdicts import COLORS, SHAPES, verdict_mark
from loradiag_dashboard.views.registered.listing import staged

if TYPE_CHECKING:
    import pandas as pd

    from loradiag.api.registryview import Detail

STAGE, SAID = "stage", "said"
_TINTS = {"live": "green", "canary": "blue", "staging": "gold", "retired": "gray"}
_DAYS = 6
_MOST = 800
"""Marks that are drawn, the newest."""


def life(found: Detail) -> None:
    """Draw the chart."""
    stages, marks = stages_frame(found), marks_frame(found)
    if stages.empty and marks.empty:
        st.caption("Nothing has happened to it yet.")
        return
    numbers = marks[["time", "lane", "status", "said"]]
    about = (
        "The bar: its stage over time. A mark a report, by its kind and verdict, with a line to when the same came out "
        "last; squares: what people said of it."
    )
    chart(_drawn(stages, marks.tail(_MOST)), numbers, name="life", title="Its life", about=about)


def stages_frame(found: Detail) -> pd.DataFrame:
    """A row a stage, from when to when; the last one lasts until now."""
    import pandas as pd

    steps = sorted(
        ((event.at, event.after) for event in found.history if event.what == STAGE), key=lambda step: step[0]
    )
    ends = [at for at, _ in steps[1:]] + [datetime.now(UTC).isoformat()]
    rows = [
        (at, end, label(stage, 24), staged(stage), _TINTS.get(stage, "gray"))
        for (at, stage), end in zip(steps, ends, strict=False)
        if stage
    ]
    frame = pd.DataFrame(rows, columns=["time", "until", "stage", "said", "tint"])
    for name in ("time", "until"):
        frame[name] = pd.to_datetime(frame[name], utc=True, errors="coerce", format="ISO8601")
    return frame.assign(lane=STAGE)


def marks_frame(found: Detail) -> pd.DataFrame:
    """A row a report or event, the oldest first."""
    import pandas as pd

    rows = [
        (
            row.created,
            row.confirmed,
            label(row.kind, 24),
            verdict_mark(row.verdict),
            label(" ".join(row.codes[:8]) or None),
        )
        for row in found.reports
    ]
    rows += [
        (event.at, event.at, SAID, label(event.what.replace("data_sha256", "data"), 24), label(said, 160))
        for event, said in zip(found.history, happened(found), strict=True)
        if event.what != STAGE
    ]
    frame = pd.DataFrame(rows, columns=["time", "until", "lane", "status", "said"])
    for name in ("time", "until"):
        frame[name] = pd.to_datetime(frame[name], utc=True, errors="coerce", format="ISO8601")
    return frame.dropna(subset=["time"]).sort_values("time", kind="stable")


def _drawn(stages: pd.DataFrame, marks: pd.DataFrame) -> Any:
    import altair as alt

    kinds = sorted(set(marks["lane"]) - {SAID})
    lanes = [*([STAGE] if len(stages) else []), *kinds, *([SAID] if (marks["lane"] == SAID).any() else [])]
    x = alt.X("time:T", axis=alt.Axis(title=None, labelOverlap=True, format=_form(stages, marks), tickCount=6))
    scale = alt.Scale(domain=lanes, paddingInner=0.25)
    y = alt.Y("lane:N", sort=lanes, scale=scale, axis=alt.Axis(title=None, ticks=False, labelFontSize=12))
    verdicts = [verdict_mark(name) for name in COLORS]
    there = [name for name in verdicts if name in set(marks["status"])]
    tints = dict(zip(verdicts, COLORS.values(), strict=True))
    shapes = dict(zip(verdicts, SHAPES.values(), strict=True))
    hover = [
        alt.Tooltip("time:T", format="%Y-%m-%d %H:%M", title="when"),
        alt.Tooltip("lane:N", title="of"),
        alt.Tooltip("status:N", title="what"),
        alt.Tooltip("said:N"),
    ]
    base = alt.Chart(marks).encode(x=x, y=y)
    reports = base.transform_filter(f"datum.lane != '{SAID}'")
    layers = [
        reports.mark_rule(strokeWidth=2, color=color("gray"), opacity=0.5).encode(x2="until:T"),
        reports.mark_point(filled=True, size=110, opacity=1).encode(
            color=alt.Color("status:N", scale=alt.Scale(domain=there, range=[color(tints[name]) for name in there])),
            shape=alt.Shape("status:N", scale=alt.Scale(domain=there, range=[shapes[name] for name in there])),
            tooltip=hover,
        ),
        base.transform_filter(f"datum.lane == '{SAID}'")
        .mark_point(shape="square", size=70, filled=True, opacity=0.9, color=color("dim"))
        .encode(tooltip=hover),
        *_bars(stages, x, y),
    ]
    return alt.layer(*layers).properties(height=alt.Step(34), width="container")


def _form(*frames: pd.DataFrame) -> str:
    """How times are written under the chart: with the hour where all happened within days."""
    first = min(frame["time"].min() for frame in frames if len(frame))
    last = max(frame["until"].max() for frame in frames if len(frame))
    return "%d %b %Y" if (last - first).days > _DAYS else "%d %b %H:%M"


def _bars(stages: pd.DataFrame, x: Any, y: Any) -> list[Any]:
    """The stages, each with its name where there is room."""
    import altair as alt

    if stages.empty:
        return []
    base = alt.Chart(stages).encode(x=x, y=y)
    told = [
        alt.Tooltip("said:N", title="stage"),
        alt.Tooltip("time:T", format="%Y-%m-%d %H:%M", title="from"),
        alt.Tooltip("until:T", format="%Y-%m-%d %H:%M", title="to"),
    ]
    bars = [
        base.transform_filter(f"datum.tint == '{tint}'")
        .mark_bar(height=18, cornerRadius=3, opacity=0.35, color=color(tint), stroke=color("dim"), strokeWidth=0.5)
        .encode(x2="until:T", tooltip=told)
        for tint in sorted(set(stages["tint"]))
    ]
    text = base.mark_text(align="left", dx=6, color=color("ink"), fontSize=12).encode(text="said:N")
    return [*bars, text]
