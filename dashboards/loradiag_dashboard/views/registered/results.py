"""The results of an adapter over time: each question that can be compared with itself, with its interval and the base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.api.registryview import Course, courses
from loradiag.core.text import plural
from loradiag.outputs.facts import short_number
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.parts.told import bracketed

if TYPE_CHECKING:
    import pandas as pd

    from loradiag.api.registryview import Detail

ACROSS, DRAWN = 3, 6
_BASE = "base"


def results(found: Detail) -> None:
    """Draw the questions that were asked more than once, and a table of the newest result of each."""
    series = courses(found.evaluations)
    if not series:
        return
    st.subheader("Results", anchor="results")
    again = [one for one in series if len(one.results) > 1][:DRAWN]
    for start in range(0, len(again), ACROSS):
        for place, one in zip(st.columns(ACROSS, gap="medium"), again[start : start + ACROSS], strict=False):
            with place:
                about = f"{label(one.terms, 120)}, with its 95% interval. Dashed: the base."
                frame = course_frame(one)
                title = md(label(one.task, 60))
                chart(_drawn(frame), frame, name=f"result-{series.index(one)}", title=title, about=md(about))
    config = st.column_config
    table(
        results_frame(series),
        "results",
        placeholder="–",
        column_config={
            "score": config.NumberColumn("score", format="%.4g"),
            "beside base": config.NumberColumn("beside base", format="%+.4g"),
            "times": config.NumberColumn("times", help="How often it was asked in this way."),
            "newest": config.DatetimeColumn("newest", format="YYYY-MM-DD HH:mm"),
            "asked": config.TextColumn("asked", width="medium", help="Metric, filter, route and settings."),
        },
    )
    st.caption(f"{plural(len(series), 'question')}, those that judge first.")


def results_frame(series: list[Course]) -> pd.DataFrame:
    """A row a question, with its newest result."""
    import pandas as pd

    last = [one.results[-1] for one in series]
    return pd.DataFrame(
        {
            "task": [label(one.task, 80) for one in series],
            "asked": [label(one.terms, 120) for one in series],
            "score": pd.array([row.value for row in last], dtype="Float64"),
            "95%": [_interval(row.low, row.high) for row in last],
            "beside base": pd.array([row.difference for row in last], dtype="Float64"),
            "n": pd.array([row.n for row in last], dtype="Int64"),
            "times": [len(one.results) for one in series],
            "newest": pd.to_datetime([row.at for row in last], utc=True, errors="coerce"),
            "by": [label(row.who or row.source, 32) for row in last],
        }
    )


def _interval(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else bracketed(f"{short_number(low)} to {short_number(high)}")


def course_frame(one: Course) -> pd.DataFrame:
    """The results of a question, the oldest first."""
    import pandas as pd

    rows = [(row.at, row.value, row.low, row.high, row.base_value) for row in one.results]
    frame = pd.DataFrame(rows, columns=["time", "score", "low", "high", _BASE])
    frame = frame.astype(dict.fromkeys(("score", "low", "high", _BASE), "float64"))
    return frame.assign(time=pd.to_datetime(frame["time"], utc=True, errors="coerce")).dropna(subset=["time"])


def _drawn(frame: pd.DataFrame) -> Any:
    import altair as alt

    x = alt.X("time:T", axis=alt.Axis(title=None, format="%d %b", tickCount=4, labelOverlap=True))
    y = alt.Y("score:Q", axis=alt.Axis(title=None, format="~g", tickCount=4), scale=alt.Scale(zero=False))
    hover = [
        alt.Tooltip("time:T", format="%Y-%m-%d %H:%M"),
        *(alt.Tooltip(f"{name}:Q", format=".4g") for name in ("score", "low", "high", _BASE)),
    ]
    base = alt.Chart(frame).encode(x=x)
    layers = [
        base.mark_line(strokeDash=[5, 3], color=color("dim"), strokeWidth=1.2).encode(y=alt.Y(f"{_BASE}:Q")),
        base.mark_rule(strokeWidth=2, opacity=0.5, color=color("blue")).encode(y="low:Q", y2="high:Q"),
        base.mark_line(color=color("blue"), strokeWidth=1.5).encode(y=y),
        base.mark_point(filled=True, size=60, opacity=1, color=color("blue")).encode(y=y, tooltip=hover),
    ]
    return alt.layer(*layers).properties(height=170, width="container")
