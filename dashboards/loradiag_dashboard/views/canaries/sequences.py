"""How each interval came about, from the first pairs to the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.canary import Canary, CanaryMetric
from loradiag.outputs.canary import SHARES, named
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.plain import md
from loradiag_dashboard.views.canaries.margins import COLORS, worded

if TYPE_CHECKING:
    import pandas as pd

ACROSS = 3
_FAR = 6.0
"""Intervals are cut at so many margins, or so many times the last interval: the first ones reach anywhere."""


def sequences(found: Canary) -> None:
    """Draw a small chart a metric."""
    rows = [row for row in found.metrics if row.path]
    if not rows:
        return
    st.subheader(
        "How it came about",
        anchor="sequences",
        help="Bands: the interval after so many pairs; lines: the difference; dashed: the margin.",
    )
    for start in range(0, len(rows), ACROSS):
        for place, row in zip(st.columns(ACROSS, gap="medium"), rows[start : start + ACROSS], strict=False):
            with place:
                _one(row, start + rows[start:].index(row))


def _one(row: CanaryMetric, number: int) -> None:
    frame = path_frame(row)
    about = f"{worded(row.status)}, in {unit(row)}. Where the band lies beyond the dashed line, it is certainly worse."
    chart(_drawn(frame, row), frame, name=f"sequence-{number}", title=md(named(row.metric)), about=md(about))


def unit(row: CanaryMetric) -> str:
    """What the differences of a metric are counted in; safe to show."""
    return "%" if row.ratio else "points" if row.metric in SHARES else "its own unit"


def path_frame(row: CanaryMetric) -> pd.DataFrame:
    """The interval after so many pairs, in :func:`unit`."""
    import pandas as pd

    times = 100.0 if row.ratio or row.metric in SHARES else 1.0
    rows = [(point.n, times * point.difference, times * point.low, times * point.high) for point in row.path]
    return pd.DataFrame(rows, columns=["pairs", "difference", "low", "high"])


def _drawn(frame: pd.DataFrame, row: CanaryMetric) -> Any:
    import altair as alt
    import pandas as pd

    times = 100.0 if row.ratio or row.metric in SHARES else 1.0
    last = frame.iloc[-1]
    reach = min(max(_FAR * row.margin * times, 1.6 * max(abs(last["low"]), abs(last["high"]))), 1e6)
    tint = color(COLORS[row.status])
    y = alt.Y(
        "low:Q",
        scale=alt.Scale(domain=[-reach, reach], clamp=True, nice=False),
        axis=alt.Axis(title=unit(row) if unit(row) != "its own unit" else None, tickCount=5, format="+f"),
    )
    x = alt.X(
        "pairs:Q", axis=alt.Axis(title="pairs", tickCount=4, format=",d"), scale=alt.Scale(zero=False, nice=False)
    )
    hover = [
        alt.Tooltip("pairs:Q", format=","),
        *(alt.Tooltip(f"{name}:Q", format="+.3g") for name in ("difference", "low", "high")),
    ]
    base = alt.Chart(frame).encode(x=x)
    ends = [row.margin * times] + ([-row.margin * times] if row.harm == "change" else [])
    limits = alt.Chart(pd.DataFrame({"at": ends})).mark_rule(strokeDash=[5, 3], color=color("dim"))
    nought = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=color("dim"), strokeWidth=0.8)
    layers = [
        base.mark_area(opacity=0.22, color=tint, clip=True).encode(y=y, y2="high:Q", tooltip=hover),
        nought.encode(y="at:Q"),
        limits.encode(y="at:Q"),
        base.mark_line(color=tint, strokeWidth=2, clip=True).encode(y="difference:Q", tooltip=hover),
        base.transform_filter(f"datum.pairs == {int(last['pairs'])}")
        .mark_point(color=tint, filled=True, size=45, clip=True)
        .encode(y="difference:Q", tooltip=hover),
    ]
    return alt.layer(*layers).properties(height=170, width="container")
