"""Evidence: the watch's e-value on a logarithmic scale, the line that alarms, alarms, and new beginnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.text import printable, shorten
from loradiag.core.watching import Watch
from loradiag.outputs.watch import SIGNALS, e_words, told
from loradiag_dashboard.course.days import DAY, Course, alarm_time, millis, new_beginnings
from loradiag_dashboard.course.panels import Span, across, stacked, up, with_edges
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import MARKS, color

if TYPE_CHECKING:
    import pandas as pd

_LOW = 1e-3
"""Where the axis ends: an e-value below it is drawn on its edge."""

_WHOLE = "all signals together"
_DASHES = ((1, 0), (6, 3), (2, 2), (8, 2, 2, 2))
_SIGNALS = 3
"""Signals that can be drawn at once."""

_HEIGHT = 250
_LABELS = "datum.value >= 1e5 || datum.value < 1e-2 ? format(datum.value, '.0e') : format(datum.value, ',~g')"
"""Powers of ten as short as they can be: all panels' axes are equally wide."""


def evidence(course: Course, span: Span) -> None:
    """Draw the panel; nothing where there is no watch, or nothing was decided."""
    watch = course.row.watch
    shown = [
        day for day in course.days if day.e_value is not None and span.holds(millis(day.day), millis(day.day) + DAY)
    ]
    if watch is None or not shown:
        return
    chosen = _choice(watch)
    frame = _frame(course, watch, chosen, span)
    chart(
        stacked(course, span, _layers(course, frame, span, chosen), _bands(frame), _tips(), _HEIGHT),
        _numbers(frame),
        name="evidence",
        title="Evidence of drift, as an e-value",
        about=(
            "What a gambler who bets against 'no drift' at fair odds has made of 1, on a logarithmic scale; the dashed line "
            "alarms. Signals are drawn by their part of the budget, so that the same line is theirs. Dotted upright lines: "
            "evidence began anew, with a new baseline or after an alarm was resolved."
        ),
    )


def _choice(watch: Watch) -> list[str]:
    """The signals that the reader wants beside the whole; those with most evidence are offered first."""
    options = [row.signal for row in told(watch)]
    if not options:
        return []
    place, _ = st.columns([1, 1])
    return place.multiselect(
        "Signals beside the whole",
        options,
        format_func=_name,
        max_selections=_SIGNALS,
        key="signals",
        bind="query-params",
        placeholder=f"{_SIGNALS} at most, those with most evidence first",
    )


def _name(signal: str) -> str:
    return SIGNALS.get(signal) or shorten(printable(signal), 40)


def _frame(course: Course, watch: Watch, chosen: Sequence[str], span: Span) -> pd.DataFrame:
    """A row a day and line: the whole, and each signal that was chosen, times its part of the budget."""
    import pandas as pd

    parts = {row.signal: watch.line / row.line for row in watch.signals if row.line}
    rows = []
    for day in course.days:
        start = millis(day.day)
        if day.e_value is None or not span.holds(start, start + DAY):
            continue
        lines = [(_WHOLE, day.e_value, day.e_value)]
        lines += [
            (_name(name), own, own * parts.get(name, 1.0))
            for name in chosen
            if (own := day.signals.get(name)) is not None
        ]
        rows += [
            {
                "start": start, "when": day.day, "of": name, "own": own, "value": max(value, _LOW), "line": day.line,
                "slot": day.slot, "said": e_words(own), "line said": e_words(day.line),
            }
            for name, own, value in lines
        ]  # fmt: skip
    return with_edges(pd.DataFrame(rows))


def _bands(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a day, with what all of its lines say."""
    wide = frame[frame["of"] == _WHOLE].copy()
    others = frame[frame["of"] != _WHOLE]
    by_day = {
        start: "; ".join(f"{row['of']} {row['said']}" for _, row in own.iterrows())
        for start, own in others.groupby("start")
    }
    wide["others"] = [by_day.get(start, "–") for start in wide["start"]]
    return wide


def _tips() -> list[Any]:
    import altair as alt

    return [
        alt.Tooltip("when:N", title="day"),
        alt.Tooltip("said:N", title="e-value"),
        alt.Tooltip("line said:N", title="alarms at"),
        alt.Tooltip("others:N", title="signals"),
    ]


def _layers(course: Course, frame: pd.DataFrame, span: Span, chosen: Sequence[str]) -> list[Any]:
    import altair as alt

    top = max(float(frame["value"].max()), float(frame["line"].max())) * 8
    low = max(_LOW, min(0.1, float(frame["value"].min()) / 2))
    names = [_WHOLE, *map(_name, chosen)]
    tones = [color("blue"), color("orange"), color("green"), color("pink")][: len(names)]
    legend = alt.Legend(symbolStrokeWidth=2.5) if chosen else None
    shade = alt.Color("of:N", scale=alt.Scale(domain=names, range=tones), legend=legend)
    dashes = alt.Scale(domain=names, range=[list(dash) for dash in _DASHES[: len(names)]])
    base, axis = alt.Chart(frame), up("value:Q", (low, top), log=True, labelExpr=_LABELS)
    lines = base.mark_line(strokeWidth=2, clip=True).encode(
        across(span, "middle"),
        axis,
        color=shade,
        strokeDash=alt.StrokeDash("of:N", scale=dashes, legend=legend),
        detail="slot:N",
    )
    points = base.mark_point(filled=True, size=28, opacity=1, clip=True).encode(
        across(span, "middle"), axis, color=alt.Color("of:N", scale=alt.Scale(domain=names, range=tones), legend=None)
    )
    line = (
        alt.Chart(frame[frame["of"] == _WHOLE])
        .mark_rule(color=color("red"), strokeDash=[4, 3], strokeWidth=1.6)
        .encode(across(span, "start"), alt.X2("end"), alt.Y("line:Q"))
    )
    return [line, lines, points, *_words(frame, span), *_marks(course, span, top)]


def _words(frame: pd.DataFrame, span: Span) -> list[Any]:
    """The line's name, at the right."""
    import altair as alt

    last = frame[frame["of"] == _WHOLE].tail(1)
    data = last.assign(at=span.right, words=[f"alarms at {said}" for said in last["line said"]])
    text = alt.Chart(data).mark_text(align="right", baseline="bottom", dy=-2, color=color("red"), fontSize=11.5)
    return [text.encode(across(span, "at"), y="line:Q", text="words:N")]


def _marks(course: Course, span: Span, top: float) -> list[Any]:
    """Alarms by their numbers where they were raised and where they were settled, and new beginnings."""
    import altair as alt
    import pandas as pd

    rows = []
    for alarm in course.alarms:
        rows.append((alarm_time(alarm), f"{MARKS['alarm']} {alarm.id}", "red", f"alarm {alarm.id} was raised"))
        if alarm.changed and alarm.status != "open":
            mark = MARKS["pass"] if alarm.status == "resolved" else "…"
            rows.append(
                (
                    millis(alarm.changed),
                    f"{mark} {alarm.id} {alarm.status}",
                    "dim",
                    f"alarm {alarm.id} was {alarm.status}",
                )
            )
    rows += [(millis(day.day), "anew", "dim", "evidence began anew") for day in new_beginnings(course.days)]
    shown = sorted(row for row in rows if span.holds(row[0], row[0]))
    if not shown:
        return []
    data = pd.DataFrame(shown, columns=["at", "text", "tone", "what"])
    data["tone"] = [color(tone) for tone in data["tone"]]
    near = (span.high - span.low) / 9
    levels: list[int] = []
    for place, (moment, *_) in enumerate(shown):
        crowded = place > 0 and moment - shown[place - 1][0] < near
        levels.append((levels[-1] + 1) % 3 if crowded else 0)
    data["level"] = levels
    return [
        alt.Chart(data[data["level"] == level])
        .mark_text(align="left", dx=4, baseline="top", dy=2 + 14 * level, fontSize=12, fontWeight=600, tooltip=True)
        .encode(
            across(span, "at"),
            y=alt.YDatum(top),
            text="text:N",
            color=alt.Color("tone:N", scale=None),
            tooltip=[alt.Tooltip("what:N", title=" ")],
        )
        for level in sorted(set(levels))
    ]


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["when", "of", "own", "line", "slot"]].rename(
        columns={"when": "day", "of": "signal", "own": "e-value", "slot": "beginning"}
    )
