"""Volume: how many requests there were, and how many failed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from loradiag.core.errors import LoradiagError
from loradiag_dashboard.course.days import DAY, Course, millis
from loradiag_dashboard.course.panels import Span, across, stacked, up, with_edges
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.source import overview

if TYPE_CHECKING:
    import pandas as pd

_HEIGHT = 150


def volume(course: Course, span: Span) -> None:
    """Draw the panel; nothing where nothing is counted."""
    frame = _hours(course, span) if span.hours else None
    by_hour = frame is not None
    frame = _days(course, span) if frame is None else frame
    if not len(frame):
        return
    import altair as alt

    each = "hour" if by_hour else "window" if "end" in frame else "day"
    frame = with_edges(frame, DAY / 24 if by_hour else DAY)
    frame["total"] = frame["requests"] + frame["failed"]
    scale = alt.Scale(domain=["requests", "failed"], range=[color("blue"), color("orange")])
    bars = [
        alt.Chart(frame)
        .transform_calculate(kind=f"'{kind}'")
        .mark_bar()
        .encode(
            across(span, "left"),
            alt.X2("right"),
            up(f"{top}:Q", (0.0, 1.08 * float(frame["total"].max()) or 1.0), format="~s"),
            alt.Y2(datum=0) if kind == "requests" else alt.Y2("requests"),
            color=alt.Color("kind:N", scale=scale, legend=alt.Legend() if frame["failed"].any() else None),
        )
        for kind, top in (("requests", "requests"), ("failed", "total"))
    ]
    told = [
        alt.Tooltip("when:N", title=each),
        alt.Tooltip("requests:Q", format=","),
        alt.Tooltip("failed:Q", format=","),
    ]
    chart(
        stacked(course, span, bars, frame, told, _HEIGHT),
        frame[["when", "requests", "failed"]].rename(columns={"when": each}),
        name="volume",
        title=f"Requests, by {each}",
        about=f"Of each {each} in UTC: requests that were answered, and above them those that failed.",
    )


def _days(course: Course, span: Span) -> pd.DataFrame:
    """Of the lake; without one as the watch counted, or checks."""
    import pandas as pd

    if course.lake is not None and len(course.lake):
        frame = course.lake[["start", "requests", "failed"]]
    elif course.days:
        frame = pd.DataFrame([(millis(day.day), day.requests, 0) for day in course.days])
    else:
        frame = pd.DataFrame(
            [(millis(row.start or ""), row.requests, 0, millis(row.end or "")) for row in course.windows]
        )
    frame.columns = pd.Index(["start", "requests", "failed", "end"][: frame.shape[1]])
    return frame if frame.empty else frame[frame["start"] >= span.low].reset_index(drop=True)


def _hours(course: Course, span: Span) -> pd.DataFrame | None:
    """Of the lake; None where it cannot be asked."""
    if not overview().has_traffic or course.row.served is None:
        return None
    since, until = (datetime.fromtimestamp(moment / 1000, UTC) for moment in (span.low, span.high))
    try:
        frame = overview().traffic_by_hour(course.row.served, since, until).to_pandas()
    except LoradiagError:
        return None
    frame["start"] = [1000.0 * moment.timestamp() for moment in frame.pop("hour")]
    return frame
