"""Every metric's interval in units of its margin: one axis for all, on which 1 is the harm that matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loradiag.core.canary import Canary, CanaryMetric, CanaryStatus
from loradiag.outputs.canary import MARKS, WORDS, change, interval, margin, named
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.rows import height_of, places, rows_axis
from loradiag_dashboard.parts.told import bracketed, unsigned

if TYPE_CHECKING:
    import pandas as pd

FAR = 4.0
"""Margins beyond which marks stand at the border."""

COLORS: dict[CanaryStatus, str] = {
    "worse": "red",
    "undecided": "gold",
    "insufficient": "gray",
    "fine": "green",
    "better": "blue",
}
SHAPES: dict[CanaryStatus, str] = {
    "worse": "cross",
    "undecided": "diamond",
    "insufficient": "square",
    "fine": "circle",
    "better": "triangle-left",
}


def worded(status: CanaryStatus) -> str:
    """A status as charts and cells show it: a mark and a word."""
    return f"{MARKS[status]} {WORDS[status]}"


def margins(found: Canary) -> None:
    """Draw the chart."""
    frame = margins_frame(found)
    numbers = frame[["metric", "status", "change", "between", "margin"]].assign(
        change=[unsigned(text) for text in frame["change"]],
        between=[bracketed(text) for text in frame["between"]],
        margin=[unsigned(text) for text in frame["margin"]],
    )
    about = (
        "Marks: by how many margins new differs from old; lines: the interval that holds at all looks. Harm lies on the "
        f"right of the dashed line, on both sides where a tick stands on the left. Beyond {FAR:g} margins it is cut."
    )
    chart(_drawn(frame), numbers, name="margins", title="New beside old, in margins", about=about)


def margins_frame(found: Canary) -> pd.DataFrame:
    """A row a metric, those that are worse first."""
    import pandas as pd

    order = list(COLORS)
    rows = sorted(found.metrics, key=lambda row: order.index(row.status))
    return pd.DataFrame([_line(place, row) for place, row in enumerate(rows)])


def _line(place: int, row: CanaryMetric) -> dict[str, Any]:
    return {
        "place": place,
        "metric": named(row.metric),
        "status": worded(row.status),
        "value": in_margins(row.difference, row.margin),
        "low": in_margins(row.low, row.margin),
        "high": in_margins(row.high, row.margin),
        "lower": -1.0 if row.harm == "change" else None,
        "change": change(row, row.difference),
        "between": interval(row),
        "margin": margin(row),
        "said": f"{change(row, row.difference)}  ({interval(row)})",
    }


def in_margins(value: float | None, unit: float) -> float | None:
    """A difference in units of the margin, cut where it is far."""
    return None if value is None or not unit > 0 else min(max(value / unit, -FAR), FAR)


def scales(statuses: Any) -> tuple[Any, Any]:
    """Colours and shapes of the statuses that there are."""
    import altair as alt

    known = {worded(status): status for status in COLORS if worded(status) in set(statuses)}
    colors = alt.Scale(domain=list(known), range=[color(COLORS[status]) for status in known.values()])
    shapes = alt.Scale(domain=list(known), range=[SHAPES[status] for status in known.values()])
    return alt.Color("status:N", scale=colors, legend=alt.Legend(symbolOpacity=1)), alt.Shape("status:N", scale=shapes)


def _drawn(frame: pd.DataFrame) -> Any:
    import altair as alt
    import pandas as pd

    tint, shape = scales(frame["status"])
    ends = alt.Scale(domain=[-FAR - 0.15, FAR + 0.15], nice=False)
    axis = alt.Axis(title="margins (harm →)", values=list(range(-int(FAR), int(FAR) + 1)), format="+d")
    x = alt.X("value:Q", scale=ends, axis=axis)
    tooltip = [alt.Tooltip(f"{name}:N") for name in ("metric", "status", "change", "between", "margin")]
    base = alt.Chart(frame)
    limit = alt.Chart(pd.DataFrame({"at": [1.0]})).mark_rule(strokeDash=[5, 3], color=color("dim"), strokeWidth=1.2)
    nought = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=color("dim"), strokeWidth=0.8)
    layers = [
        nought.encode(x=alt.X("at:Q", scale=ends)),
        limit.encode(x=alt.X("at:Q", scale=ends)),
        base.mark_tick(thickness=1.5, size=16, color=color("dim")).encode(x="lower:Q", y=places()),
        base.mark_rule(strokeWidth=2.4, opacity=0.6).encode(x=alt.X("low:Q"), x2="high:Q", y=places(), color=tint),
        base.mark_point(size=80, filled=True, opacity=1).encode(
            x=x, y=places(rows_axis(list(frame["metric"]))), color=tint, shape=shape, tooltip=tooltip
        ),
        base.mark_point(size=0, opacity=0).encode(x=x, y=places(rows_axis(list(frame["said"]), right=True))),
    ]
    return alt.layer(*layers).resolve_axis(y="independent").properties(height=height_of(len(frame)), width="container")
