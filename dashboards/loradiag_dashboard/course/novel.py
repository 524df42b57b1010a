"""Novel requests of a window, by groups that are alike; and its topics beside what is expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.drift import DriftWindow, Exemplar, TopicShare
from loradiag.core.text import plural
from loradiag.outputs import novel as words
from loradiag.outputs.flips import cut
from loradiag.outputs.traffic import routes_said, topic_name
from loradiag.outputs.traffic import verdict as sentence
from loradiag.outputs.windowfigures import route_words
from loradiag.outputs.windows import MARKS, WORDS, strangest, when
from loradiag_dashboard.course.days import Course
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table

if TYPE_CHECKING:
    import pandas as pd

_CARDS = 3
_TEXT = 110


def pick_window(course: Course) -> DriftWindow | None:
    """Let the reader choose a window of the newest check; the one with most novel requests at first."""
    if course.found is None or not course.found.windows:
        return None
    rows = course.found.windows[::-1]
    shown = strangest(rows[::-1]) or rows[0]
    start = next(place for place, row in enumerate(rows) if row is shown)
    names = [f"{when(row)} · {MARKS[row.status]} {WORDS[row.status]}, {plural(row.n, 'request')}" for row in rows]
    place = st.selectbox(
        "Window", range(len(rows)), index=start, format_func=lambda place: names[place], key=f"window-{course.row.key}"
    )
    return rows[place]


def exemplars(course: Course, window: DriftWindow) -> None:
    """Groups of novel requests as cards, and all that the report names in a table."""
    if course.report is not None and course.found is not None:
        st.caption(md(sentence(course.report, course.found, window), 600))
    rows = sorted(window.exemplars, key=lambda row: (row.group, row.cosine))
    if not rows:
        st.caption("No novel request of this window is in the report.")
        return
    if window.routes:
        st.markdown(f"Where they belong: {md(routes_said(window), 300)}")
    groups = sorted({row.group for row in rows})
    for place, group in zip(st.columns(max(2, min(_CARDS, len(groups)))), groups, strict=False):
        _card(place, next(row for row in rows if row.group == group))
    table(_table(rows), "novel-requests", column_config=_help(rows))


def _card(place: Any, row: Exemplar) -> None:
    """A group by the request of it that is farthest from the baseline."""
    with place.container(border=True):
        route = f" · belongs to {md(route_words(row.route))}" if row.route else ""
        st.markdown(f"**Group {row.group + 1}** · {row.group_size:,} alike{route}")
        st.text(cut(row.text, _TEXT) if row.text else f"{label(row.request, 60)} (its text is not kept)")
        near = f"“{cut(row.neighbour_text, _TEXT)}”" if row.neighbour_text else f"record {words.like(row.neighbour)}"
        st.caption(f"cosine {row.cosine:.3f} to the nearest reference: {md(near)}")


def _table(rows: Sequence[Exemplar]) -> pd.DataFrame:
    import pandas as pd

    numbers: dict[str, Any] = {"cosine": lambda row: row.cosine, "p": lambda row: row.p, "topic": lambda row: row.topic}
    parts = words.parts(rows)
    first = [part for part in parts if part.title in ("alike", "text")] + [
        part for part in parts if part.title not in ("alike", "text")
    ]
    return pd.DataFrame({part.title: [numbers.get(part.title, part.say)(row) for row in rows] for part in first})


def _help(rows: Sequence[Exemplar]) -> dict[str, Any]:
    config = st.column_config
    formats = {"cosine": "%.3f", "p": "%.4f", "topic": "%d"}
    found: dict[str, Any] = {
        part.title: config.NumberColumn(help=part.meaning, format=formats[part.title])
        if part.title in formats
        else config.TextColumn(help=part.meaning, width="large" if "text" in part.title else None)
        for part in words.parts(rows)
    }
    return found


def topics(window: DriftWindow) -> None:
    """Shares of topics, expected and now, with the signed part of each in χ²."""
    shown = words.topics(window)
    if not shown:
        st.caption("Too few requests of this window are known to count its topics.")
        return
    frame = _topic_frame(shown)
    chart(
        _bars(frame),
        frame.drop(columns=["name", "change"]),
        name="topics",
        title="Topics, expected and now",
        about=(
            "Bars: shares of the window's requests that are not novel; strokes: of held-out references; at the right both, and "
            "r, the signed square root of a topic's part of χ², beyond about 2 or 3 more than chance gives. The report names "
            "those that changed most."
        ),
    )


def _topic_frame(shown: Sequence[TopicShare]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "name": [
                label(topic_name(row) + (f" · {' '.join(row.text.split())}" if row.text else ""), 44) for row in shown
            ],
            "topic": [row.topic for row in shown],
            "expected": [row.expected for row in shown],
            "now": [row.observed for row in shown],
            "residual": [row.residual for row in shown],
            "like record": [row.example for row in shown],
            "text": [cut(row.text or "") for row in shown],
            "way": [
                {words.GREW: "more than expected ↗", words.SHRANK: "less ↘"}.get(words.way(row), "as expected")
                for row in shown
            ],
            "change": [f"{words.change(row)}  r {round(row.residual, 1) + 0.0:+.1f}" for row in shown],
        }
    )


def _bars(frame: pd.DataFrame) -> Any:
    import altair as alt

    tones = {"more than expected ↗": "orange", "less ↘": "blue", "as expected": "gray"}
    ways = [way for way in tones if (frame["way"] == way).any()]
    scale = alt.Scale(domain=ways, range=[color(tones[way]) for way in ways])
    most = max(float(frame[["expected", "now"]].to_numpy().max()), 0.01)
    tips = [
        alt.Tooltip("name:N", title="topic"),
        alt.Tooltip("now:Q", format=".1%"),
        alt.Tooltip("expected:Q", format=".1%"),
        alt.Tooltip("residual:Q", format="+.2f"),
        alt.Tooltip("text:N"),
    ]
    base = alt.Chart(frame).encode(
        y=alt.Y("name:N", sort=None, axis=alt.Axis(title=None, labelLimit=290, grid=False)), tooltip=tips
    )
    x = alt.Scale(domain=[0, most * 1.7], nice=False)
    axis = alt.Axis(title=None, format=".0%", values=_ticks(most))
    return alt.layer(
        base.mark_bar(height=14).encode(alt.X("now:Q", scale=x, axis=axis), color=alt.Color("way:N", scale=scale)),
        base.mark_tick(thickness=3, size=24, color=color("ink")).encode(alt.X("expected:Q", scale=x)),
        base.mark_text(align="right", color=color("ink")).encode(x=alt.XDatum(most * 1.7), text="change:N"),
    ).properties(height=alt.Step(30))


def _ticks(most: float) -> list[float]:
    step = next((size for size in (0.01, 0.02, 0.05, 0.1, 0.2) if most / size <= 5), 0.25)
    return [step * place for place in range(int(most / step) + 1)]
