"""The map: requests beside the baseline's references on one plane, what is novel by its shape."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from loradiag.core.drift import MapPoint, MapTopic, RequestMap
from loradiag.core.text import plural
from loradiag.outputs.flips import cut
from loradiag.outputs.windowfigures import rate_words
from loradiag.outputs.windows import moment, period
from loradiag_dashboard.course.days import Course
from loradiag_dashboard.course.panels import paper
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.nothing import nothing
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.plain import label, md

if TYPE_CHECKING:
    import pandas as pd

_POINTS = 2000
"""Points of a kind that are drawn."""

_WIDTH, _HEIGHT = 600, 460
"""Pixels: one scale for both axes, so that distances compare."""

_LEAST_HIGH = 160
_APART = 18
"""Pixels between the numbers of two topics; one that would run into another is left out."""
_SIDE = 1e100
"""Coordinates beyond which no screen has a scale."""


def plane(course: Course) -> None:
    """Draw it; say why not where no report has one."""
    import streamlit as st

    drawn = course.found.map if course.found else None
    if drawn is None or not drawn.requests:
        nothing(
            "No map",
            "The newest check drew none: its windows had too few requests, or an older loradiag made it. "
            "A check draws the newest window that has enough.",
            "loradiag drift check --baseline baselines/ --lake lake/ -o reports/drift.json",
        )
        return
    frame = _frame(drawn)
    if not len(frame):
        return
    chart(
        _drawn(frame, drawn),
        _numbers(frame),
        name="map",
        title="Requests beside the baseline",
        about=(
            "Each pale dot is a reference of the baseline, each dot a request like one of them, each cross a novel request; "
            "numbers stand where topics have their centres. Point at one for its text, where it is kept; "
            "drag to move, shift and wheel to come nearer."
        ),
        width="content",
    )
    st.caption(md(f"{period(drawn.start, drawn.end)}: {_counted(drawn)}. {_note(drawn)}", 900))


def _frame(drawn: RequestMap) -> pd.DataFrame:
    import pandas as pd

    known = [point for point in drawn.requests if not point.novel]
    novel = [point for point in drawn.requests if point.novel]
    rows = [
        _row(point, kind)
        for points, kind in ((drawn.references, "reference"), (known, "request"), (novel, "novel request"))
        for point in points[:_POINTS]
        if _drawable(point.x, point.y)
    ]
    return pd.DataFrame(rows)


def _row(point: MapPoint, kind: str) -> dict[str, Any]:
    name = f"record {point.record:,}" if point.record is not None else label(point.request, 60)
    return {
        "x": point.x,
        "y": point.y,
        "kind": kind,
        "name": name,
        "topic": point.topic,
        "cosine": point.cosine,
        "group": None if point.group is None else point.group + 1,
        "time": "–" if point.time is None else moment(point.time),
        "text": cut(point.text, 160) if point.text else "not kept",
    }


def _drawn(frame: pd.DataFrame, drawn: RequestMap) -> Any:
    import altair as alt

    kinds = ["reference", "request", "novel request"]
    tones = [color("gray"), color("blue"), color("orange")]
    x, y, height = _axes(frame)
    legend = alt.Legend(symbolOpacity=1)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=["circle", "circle", "cross"]), legend=legend)
    shade = alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=tones), legend=legend)
    tips = [
        alt.Tooltip("kind:N", title="which is"),
        alt.Tooltip("name:N", title="name"),
        alt.Tooltip("text:N"),
        alt.Tooltip("cosine:Q", title="cosine to the nearest reference", format=".3f"),
        alt.Tooltip("topic:Q", title="topic"),
        alt.Tooltip("group:Q", title="group of alike ones"),
        alt.Tooltip("time:N"),
    ]
    layers = [
        alt.Chart(frame[frame["kind"] == kind])
        .mark_point(filled=True, size=size, opacity=strength)
        .encode(x, y, color=shade, shape=shape, tooltip=tips)
        for kind, size, strength in (("reference", 20, 0.35), ("request", 34, 0.9), ("novel request", 80, 0.95))
    ]
    layers[0] = layers[0].add_params(alt.selection_interval(bind="scales", zoom="wheel![event.shiftKey]"))
    data = _centres(drawn, frame)
    if len(data):
        base = alt.Chart(data)
        halo = base.mark_text(fontSize=12, fontWeight=700, stroke=paper(), strokeWidth=4, strokeJoin="round")
        numbers = base.mark_text(fontSize=12, fontWeight=700, color=color("ink"))
        layers += [mark.encode(x, y, text="text:N") for mark in (halo, numbers)]
    return alt.layer(*layers).properties(width=_WIDTH, height=height)


def _reach(frame: pd.DataFrame) -> tuple[float, float, float]:
    """Both spans with some air, and how many pixels a unit takes."""
    wide, high = (1.08 * (float(frame[field].max()) - float(frame[field].min())) or 1.0 for field in ("x", "y"))
    return wide, high, min(_WIDTH / wide, _HEIGHT / high)


def _axes(frame: pd.DataFrame) -> tuple[Any, Any, int]:
    """Both axes, without numbers, since a principal component is in no unit; and the height that the points need."""
    import altair as alt

    _, high, scale = _reach(frame)
    height = max(round(high * scale), _LEAST_HIGH)
    bare = alt.Axis(title=None, labels=False, ticks=False, grid=False)
    ends = []
    for field, pixels in (("x", _WIDTH), ("y", height)):
        middle = (float(frame[field].max()) + float(frame[field].min())) / 2
        ends.append((middle - pixels / scale / 2, middle + pixels / scale / 2))
    return (
        alt.X("x:Q", scale=alt.Scale(domain=ends[0], nice=False), axis=bare),
        alt.Y("y:Q", scale=alt.Scale(domain=ends[1], nice=False), axis=bare),
        height,
    )


def _centres(drawn: RequestMap, frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers of topics, as far as there is room."""
    import pandas as pd

    apart = _APART / _reach(frame)[2]
    kept: list[MapTopic] = []
    for row in drawn.topics:
        if not _drawable(row.x, row.y) or any(
            abs(row.x - one.x) < apart and abs(row.y - one.y) < apart for one in kept
        ):
            continue
        kept.append(row)
    return pd.DataFrame([{"x": row.x, "y": row.y, "text": f"{row.topic:,}"} for row in kept])


def _drawable(x: float, y: float) -> bool:
    return isfinite(x) and isfinite(y) and max(abs(x), abs(y)) < _SIDE


def _counted(drawn: RequestMap) -> str:
    novel = sum(point.novel for point in drawn.requests)
    told = (
        (len(drawn.references), drawn.reference_total, "reference"),
        (len(drawn.requests) - novel, drawn.request_total - drawn.novel_total, "known request"),
        (novel, drawn.novel_total, "novel request"),
    )
    return ", ".join(
        plural(total, noun) if min(count, _POINTS) == total else f"{min(count, _POINTS):,} of {plural(total, noun)}"
        for count, total, noun in told
    )


def _note(drawn: RequestMap) -> str:
    return (
        f"The plane holds {rate_words(drawn.explained)} of the variance: what lies apart here is apart; what lies together may "
        f"still be apart in what is not shown. It is made of {drawn.method}."
    )


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns={"kind": "which is"})
