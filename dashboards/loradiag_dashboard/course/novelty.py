"""Novelty: the share of requests unlike any reference, with its interval, beside what is expected and what is tolerated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from loradiag.core.windows import NOVELTY
from loradiag.outputs.windowfigures import interval_words, rate_words, share_words
from loradiag.outputs.windows import when
from loradiag.overview.course import floor_of
from loradiag_dashboard.course.days import DAY, Course, millis
from loradiag_dashboard.course.panels import Span, across, named_line, paper, stacked, up, with_edges
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color

if TYPE_CHECKING:
    import pandas as pd

_KINDS = (
    "within what is tolerated",
    "above it, but its interval reaches back",
    "above it with all of its interval",
    "too few requests to judge",
)
_FEW = 3
_CROWD = 90
"""From this number of days on, marks are small."""

_SILENT = ("insufficient", "unjudged")


def novelty(course: Course, span: Span) -> None:
    """Draw the panel; nothing where novelty was never measured."""
    frame = _frame(course, span)
    if not len(frame):
        return
    expected, tolerated, source = budget(course)
    top = max([0.1, *frame["share"].dropna() * 1.1, *(1.25 * value for value in (tolerated, expected) if value)])
    height = min(1.0, max(top, min(float(frame["high"].max()), 2.2 * top)))
    chart(
        stacked(course, span, _layers(frame, span, expected, tolerated, height), frame, _told(), 260),
        _numbers(frame),
        name="novelty",
        title="Share of requests unlike the baseline",
        about=_about(course, source),
    )


def budget(course: Course) -> tuple[float | None, float | None, str]:
    """What share is expected, what is tolerated, and who says so."""
    watch = course.row.watch
    signal = next((row for row in watch.signals if row.signal == "novelty"), None) if watch else None
    if signal is not None and course.days:
        return signal.expected, signal.tolerated, "the watch"
    if course.found is None or course.report is None:
        return None, None, ""
    least = course.report.policy.thresholds.get(NOVELTY, {}).get("least_share")
    return course.found.baseline.novel_rate, least, "the policy of the newest check"


def _frame(course: Course, span: Span) -> pd.DataFrame:
    """A row for every day of the watch, else for every window of checks."""
    import pandas as pd

    tolerated = budget(course)[1]
    rows = _of_days(course, tolerated) or _of_windows(course, tolerated)
    shown = [row for row in rows if span.holds(row["start"], row["end"])]
    if not shown:
        return pd.DataFrame()
    frame = with_edges(pd.DataFrame(shown))
    for name in ("share", "low", "high"):
        frame[name] = pd.to_numeric(frame[name])
    frame["said"] = [share_words(_known(value)) for value in frame["share"]]
    frame["between"] = [
        interval_words(_known(low), _known(high)) for low, high in zip(frame["low"], frame["high"], strict=True)
    ]
    return frame


def _of_days(course: Course, tolerated: float | None) -> list[dict[str, Any]]:
    floor = floor_of(course.found)
    return [
        {
            "start": millis(day.day),
            "end": millis(day.day) + DAY,
            "when": day.day,
            "requests": day.requests,
            "counted": day.counted,
            "novel": day.novel,
            "share": day.novelty_share,
            "low": day.novelty_low,
            "high": day.novelty_high,
            "kind": _KINDS[_FEW if day.counted < floor else _above(day.novelty_share, day.novelty_low, tolerated)],
        }
        for day in course.days
    ]


def _of_windows(course: Course, tolerated: float | None) -> list[dict[str, Any]]:
    return [
        {
            "start": millis(row.start or ""),
            "end": millis(row.end or ""),
            "when": when(row),
            "requests": row.requests,
            "counted": row.n,
            "novel": None if row.novelty_share is None else round(row.novelty_share * row.n),
            "share": row.novelty_share,
            "low": row.novelty_low,
            "high": row.novelty_high,
            "kind": _KINDS[_FEW if row.status in _SILENT else _above(row.novelty_share, row.novelty_low, tolerated)],
        }
        for row in course.windows
    ]


def _above(share: float | None, low: float | None, tolerated: float | None) -> int:
    """Where a share lies beside what is tolerated: within, above, or above with all of its interval."""
    if share is None or tolerated is None:
        return 0
    return int(share > tolerated) + int(low is not None and low > tolerated)


def _known(value: float) -> float | None:
    return None if value != value else value


def _layers(
    frame: pd.DataFrame, span: Span, expected: float | None, tolerated: float | None, height: float
) -> Sequence[Any]:
    import altair as alt

    tones = [color("blue"), color("orange"), color("red"), color("dim")]
    shade = alt.Stroke("kind:N", scale=alt.Scale(domain=list(_KINDS), range=tones), legend=alt.Legend())
    axis = up("low:Q", (0.0, height), format=".0%")
    base = alt.Chart(frame)
    layers: list[Any] = []
    if expected is not None:
        near = tolerated is not None
        layers += named_line(span, expected, f"{rate_words(expected)} expected", "dim", above=not near, dash=(1, 0))
    if tolerated is not None:
        layers += named_line(span, tolerated, f"{rate_words(tolerated)} tolerated", "red", above=True)
    crowded = len(frame) > _CROWD
    bars = base.mark_rule(strokeWidth=1 if crowded else 2, clip=True)
    layers.append(bars.encode(across(span, "middle"), axis, alt.Y2("high"), stroke=shade))
    fill = alt.Fill("kind:N", scale=alt.Scale(domain=list(_KINDS), range=[*tones[:_FEW], paper()]), legend=alt.Legend())
    shape = alt.Shape(
        "kind:N", scale=alt.Scale(domain=list(_KINDS), range=["circle", "triangle-up", "diamond", "circle"])
    )
    points = base.mark_point(size=16 if crowded else 56, strokeWidth=1.0 if crowded else 1.6, opacity=1)
    layers.append(
        points.encode(
            across(span, "middle"), up("share:Q", (0.0, height), format=".0%"), stroke=shade, fill=fill, shape=shape
        )
    )
    return layers


def _told() -> list[Any]:
    import altair as alt

    return [
        alt.Tooltip("when:N", title="day"),
        alt.Tooltip("said:N", title="novel"),
        alt.Tooltip("between:N", title="95% interval"),
        alt.Tooltip("counted:Q", title="counted", format=","),
        alt.Tooltip("kind:N", title="which is"),
    ]


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    columns = ["when", "requests", "counted", "novel", "share", "low", "high", "kind"]
    return frame[columns].rename(
        columns={"share": "novel share", "low": "95% low", "high": "95% high", "kind": "which is"}
    )


def _about(course: Course, source: str) -> str:
    floor = floor_of(course.found)
    lines = f" What is expected and tolerated is what {source} says." if source else ""
    return (
        "Requests whose nearest reference is farther than that of nearly all held-out references; upright lines are 95% "
        f"intervals. Hollow: fewer than {floor:,} requests that count, too few to judge a day by.{lines}"
    )
