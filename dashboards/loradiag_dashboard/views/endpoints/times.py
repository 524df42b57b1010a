"""How long the first token takes, right after a request to the same adapter and right after one to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.served import Served, ServedModel
from loradiag.outputs.served import ratio
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.rows import height_of, places, rows_axis
from loradiag_dashboard.views.endpoints.order import MOST, called, gravest_first

if TYPE_CHECKING:
    import pandas as pd

KINDS = {"same adapter before": ("circle", "gray"), "another before": ("diamond", "orange")}


def times(found: Served) -> None:
    """Draw the chart; nothing where no time was taken."""
    rows = [row for row in gravest_first(found) if row.times is not None and row.times.n]
    frame = times_frame(rows)
    if frame.empty:
        st.caption("No time to the first token was taken.")
        return
    what = "of a stream" if found.streamed else "of an answer of one token"
    about = (
        f"Milliseconds {what}: marks are medians, lines reach to the 95th percentile. On the right: switch over stay, "
        f"with its 95% interval. {MOST} at most."
    )
    numbers = frame.drop(columns=["place"])
    made = _drawn(frame[frame["place"] < MOST], rows[:MOST])
    chart(made, numbers, name="times", title="Time to the first token", about=about)


def times_frame(rows: list[ServedModel]) -> pd.DataFrame:
    """A row an adapter and kind of time."""
    import pandas as pd

    lines = []
    for place, row in enumerate(rows):
        times = row.times
        assert times is not None, "rows that have none were left out"
        ends = zip(KINDS, ((times.stay, times.stay_p95), (times.switch, times.switch_p95)), strict=True)
        lines += [
            {"place": place, "adapter": called(row), "kind": kind, "median": middle, "p95": far, "ratio": ratio(times)}
            for kind, (middle, far) in ends
            if middle is not None
        ]
    return pd.DataFrame(lines, columns=["place", "adapter", "kind", "median", "p95", "ratio"])


def _drawn(frame: pd.DataFrame, rows: list[ServedModel]) -> Any:
    import altair as alt

    tones = alt.Scale(domain=list(KINDS), range=[color(tone) for _, tone in KINDS.values()])
    marks = alt.Scale(domain=list(KINDS), range=[mark for mark, _ in KINDS.values()])
    most = float(frame[["median", "p95"]].max().max())
    scale = alt.Scale(domain=[0, 1.05 * most], nice=False)
    x = alt.X("median:Q", scale=scale, axis=alt.Axis(title="first token, ms", tickCount=5))
    tint = alt.Color("kind:N", scale=tones, legend=alt.Legend(symbolOpacity=1))
    hover = [
        alt.Tooltip("adapter:N"),
        alt.Tooltip("kind:N"),
        alt.Tooltip("median:Q", format=".1f", title="median, ms"),
        alt.Tooltip("p95:Q", format=".1f", title="95th percentile, ms"),
        alt.Tooltip("ratio:N", title="switch/stay"),
    ]
    shift = alt.YOffset("kind:N", scale=alt.Scale(domain=list(KINDS), range=[7, 17]))
    base = alt.Chart(frame)
    told = [ratio(row.times) for row in rows]
    layers = [
        base.mark_rule(strokeWidth=2, opacity=0.5).encode(x=x, x2="p95:Q", y=places(), yOffset=shift, color=tint),
        base.mark_point(filled=True, size=65, opacity=1).encode(
            x=x,
            y=places(rows_axis([called(row) for row in rows], width=220)),
            yOffset=shift,
            color=tint,
            shape=alt.Shape("kind:N", scale=marks),
            tooltip=hover,
        ),
        base.mark_point(size=0, opacity=0).encode(x=x, y=places(rows_axis(told, right=True, width=140))),
    ]
    return alt.layer(*layers).resolve_axis(y="independent").properties(height=height_of(len(rows)), width="container")
