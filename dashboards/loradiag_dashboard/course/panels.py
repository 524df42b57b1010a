"""Panels over time: one axis of days for all, so that an eye can go down a day; alarms and new beginnings in each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from loradiag_dashboard.course.days import DAY, Course, alarm_time, millis, new_beginnings, said
from loradiag_dashboard.parts.palette import color, is_dark

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_LEFT = 58
"""Pixels that every panel's vertical axis takes, whatever its numbers."""

_GUTTER = 0.11
"""Of a panel's width, on its right: for the names of lines, and for what is expected."""

HOUR = DAY / 24
_TICKS, _MOST = 10, 60
_STEPS = (1 / 12, 1 / 4, 1, 3, 6, 12, 24, 48, 120, 168, 336, 672, 1344, 2184, 8760)
"""Hours from one tick to the next, so many ticks wanted and so many borne."""

HEIGHT = 150


class Span(msgspec.Struct, frozen=True):
    """The time that is shown, in milliseconds since 1970; ``hours`` where single hours can be seen."""

    low: float
    high: float

    @property
    def hours(self) -> bool:
        """Whether it is short enough for hours."""
        return self.high - self.low <= 3 * DAY

    @property
    def right(self) -> float:
        """Where the panels end, beyond the newest day."""
        return self.high + (self.high - self.low) * _GUTTER / (1 - _GUTTER)

    def holds(self, start: float, end: float) -> bool:
        """Whether some of a time is in it."""
        return start < self.high and end > self.low

    def ticks(self) -> tuple[list[float], str]:
        """Beginnings of days, or of hours where there are few days; and how they are written."""
        size = next(
            (step * HOUR for step in _STEPS if (self.high - self.low) / step / HOUR <= _TICKS), _STEPS[-1] * HOUR
        )
        grain = DAY if size >= DAY else size
        last = (self.high - 1) // grain * grain
        found = [last - size * back for back in range(_MOST) if last - size * back >= self.low]
        return found[::-1], "%b %-d" if size >= DAY else "%b %-d, %H:%M"


def across(span: Span, field: str = "start") -> alt.X:
    """The axis of days."""
    import altair as alt

    ticks, words = span.ticks()
    times = [datetime.fromtimestamp(tick / 1000, UTC) for tick in ticks]
    values = [
        alt.DateTime(year=at.year, month=at.month, date=at.day, hours=at.hour, minutes=at.minute, utc=True)
        for at in times
    ]
    axis = alt.Axis(values=values, format=words, title=None, grid=False, labelFlush=False)
    scale = alt.Scale(type="utc", domain=[span.low, span.right], nice=False, clamp=True)
    return alt.X(f"{field}:T", scale=scale, axis=axis)


def up(field: str, span: Sequence[float] | None = None, *, log: bool = False, **axis: Any) -> alt.Y:
    """A vertical axis of the width that all have.

    Args:
        field: With its type.
        span: From where to where; as the numbers have it if None.
        log: Whether decades are equally high.
        axis: As of :class:`altair.Axis`.
    """
    import altair as alt

    ends: Any = alt.Undefined if span is None else list(span)
    scale = alt.Scale(type="log" if log else "linear", nice=False, domain=ends)
    told = alt.Axis(title=None, minExtent=_LEFT, maxExtent=_LEFT, tickCount=4, **axis)
    return alt.Y(field, scale=scale, axis=told)


def stacked(
    course: Course, span: Span, layers: Sequence[Any], days: pd.DataFrame, told: Any, height: int = HEIGHT
) -> Any:
    """Put layers together to a panel, with a band a day that tells its numbers, and with what befell the watch.

    Args:
        course: The adapter's.
        span: What is shown.
        layers: The lowest first.
        days: A row for everything that can be pointed at, from ``start`` to ``end``.
        told: What pointing at it tells, as tooltips.
        height: In pixels.
    """
    import altair as alt

    pointed = alt.selection_point(name="pointed", on="pointerover", clear="pointerout", empty=False, fields=["start"])
    bands = (
        alt.Chart(days)
        .mark_rect(color=color("dim"), tooltip=True)
        .encode(
            across(span),
            alt.X2("end"),
            opacity=alt.when(pointed).then(alt.value(0.16)).otherwise(alt.value(0.0)),
            tooltip=told,
        )
        .add_params(pointed)
    )
    return alt.layer(*_events(course, span), *layers, bands).properties(height=height)


def _events(course: Course, span: Span) -> list[Any]:
    """Upright lines: dashed and red where an alarm was raised, dotted where evidence began anew."""
    import altair as alt
    import pandas as pd

    found = []
    raised = [time for alarm in course.alarms if span.holds(time := alarm_time(alarm), time)]
    anew = [time for day in new_beginnings(course.days) if span.holds(time := millis(day.day), time)]
    for times, tone, dash in ((raised, "red", [5, 3]), (anew, "dim", [1, 3])):
        if times:
            rules = alt.Chart(pd.DataFrame({"start": times})).mark_rule(color=color(tone), strokeDash=dash, opacity=0.8)
            found.append(rules.encode(across(span)))
    return found


def named_line(
    span: Span, value: float, words: str, tone: str, *, above: bool, dash: Sequence[int] = (4, 3)
) -> list[Any]:
    """A level line with its name in words, at the right.

    Args:
        span: What is shown.
        value: Its height.
        words: Its name; safe to show.
        tone: Its colour.
        above: Whether the name stands above it.
        dash: How it is drawn.
    """
    import altair as alt
    import pandas as pd

    data = pd.DataFrame(
        {"start": [span.low], "end": [span.high], "value": [value], "at": [span.right], "words": [words]}
    )
    line = alt.Chart(data).mark_rule(color=color(tone), strokeDash=list(dash), strokeWidth=1.5)
    text = alt.Chart(data).mark_text(
        align="right", baseline="bottom" if above else "top", dy=-2 if above else 3, color=color(tone), fontSize=11.5
    )
    return [
        line.encode(across(span), alt.X2("end"), y=alt.Y("value:Q")),
        text.encode(across(span, "at"), y=alt.Y("value:Q"), text="words:N"),
    ]


def paper() -> str:
    """The colour behind everything, for what is hollow."""
    return "#0f1318" if is_dark() else "#ffffff"


def with_edges(frame: pd.DataFrame, width: float = DAY, air: float = 0.1) -> pd.DataFrame:
    """The frame with ``end``, the ``left`` and ``right`` edges of bars, ``middle``, and ``when`` in words."""
    found = frame.copy()
    if "end" not in found:
        found["end"] = found["start"] + width
    size = found["end"] - found["start"]
    found["left"], found["right"] = found["start"] + air * size, found["end"] - air * size
    found["middle"] = found["start"] + size / 2
    if "when" not in found:
        found["when"] = [said(start) for start in found["start"]]
    return found
