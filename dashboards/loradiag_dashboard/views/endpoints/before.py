"""The same endpoint in earlier reports: when which adapter was served as itself, and how its measures moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.text import plural
from loradiag.overview.cards import SERVED_ROW, Card
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.palette import categories, color
from loradiag_dashboard.parts.plain import label
from loradiag_dashboard.parts.rows import height_of, places, rows_axis
from loradiag_dashboard.parts.verdicts import COLORS, SHAPES, verdict_mark
from loradiag_dashboard.source import overview
from loradiag_dashboard.views.endpoints.order import MOST
from loradiag_dashboard.views.inspection.spectra import SHAPES as KINDS

if TYPE_CHECKING:
    import pandas as pd

_REPORTS = 60
"""Reports that are drawn, the newest."""

_LINES = 8
"""Adapters whose measure is drawn: nobody tells more of them apart."""

MEASURES = {
    "changed": "Changed under load",
    "taken": "Another's answers",
    "switch": "Switch over stay",
}
_ORDER = ("fail", "inconclusive", "pass")


def before(cards: Sequence[Card]) -> None:
    """Draw it; nothing where there is one report alone.

    Args:
        cards: Of the reports of one endpoint, the newest first.
    """
    if len(cards) < 2:
        return
    frame = history_frame(cards[:_REPORTS])
    st.subheader("Over reports", anchor="history")
    if frame.empty:
        st.caption("No report names an adapter.")
        return
    names = list(frame.sort_values("place")["adapter"].unique())
    left, right = st.columns(2, gap="medium")
    with left:
        about = (
            f"A mark an adapter and report: the newest {_REPORTS} of {plural(len(cards), 'report')}. "
            f"Those that fail now come first, then those that ever failed; {MOST} at most."
        )
        seen = frame[frame["place"] < MOST]  # of hundreds of adapters all would be megabytes
        numbers = seen.drop(columns=["place", *MEASURES])
        made = _grid(seen, names[:MOST])
        chart(made, numbers, name="served-history", title="Served as itself, report by report", about=about)
    with right:
        _measure(frame)


def history_frame(cards: Sequence[Card]) -> pd.DataFrame:
    """A row an adapter and report; ``place`` orders adapters, those that fail now first."""
    import pandas as pd

    files = {(card.file, card.place) for card in cards}
    rows = [
        {
            "name": card.path,
            "time": card.created,
            "verdict": card.verdict,
            "said": card.words,
            **{name: card.measures.get(name) for name in MEASURES},
        }
        for card in overview().cards
        if card.kind == SERVED_ROW and (card.file, card.place) in files
    ]
    frame = pd.DataFrame(rows, columns=["name", "time", "verdict", "said", *MEASURES])
    frame["time"] = pd.to_datetime(frame["time"], utc=True, errors="coerce")
    frame = frame.dropna(subset=["time"]).sort_values("time", kind="stable")
    order = sorted(frame["name"].unique(), key=_gravity(frame))
    places = {name: place for place, name in enumerate(order)}
    return frame.assign(
        place=[places[name] for name in frame["name"]],
        adapter=[label(name, 40) for name in frame["name"]],
        verdict=[verdict_mark(verdict) for verdict in frame["verdict"]],
    ).drop(columns=["name"])[["place", "adapter", "time", "verdict", "said", *MEASURES]]


def _gravity(frame: pd.DataFrame) -> Any:
    """By how an adapter stands now, and how often it stood badly."""
    ranks = frame.assign(rank=[_ORDER.index(verdict) for verdict in frame["verdict"]])
    last = ranks.groupby("name")["rank"].last()
    bad = ranks.assign(bad=ranks["rank"] < len(_ORDER) - 1).groupby("name")["bad"].sum()
    return lambda name: (int(last[name]), -int(bad[name]), name)


def _grid(frame: pd.DataFrame, names: Sequence[str]) -> Any:
    import altair as alt

    there = set(frame["verdict"])
    known = {verdict_mark(verdict): verdict for verdict in _ORDER if verdict_mark(verdict) in there}
    tint = alt.Scale(domain=list(known), range=[color(COLORS[verdict]) for verdict in known.values()])
    marks = alt.Scale(domain=list(known), range=[SHAPES[verdict] for verdict in known.values()])
    hover = [
        alt.Tooltip("adapter:N"),
        alt.Tooltip("time:T", format="%Y-%m-%d %H:%M", title="made"),
        alt.Tooltip("verdict:N"),
        alt.Tooltip("said:N"),
    ]
    base = alt.Chart(frame).encode(x=_time())
    layers = [
        base.mark_line(color=color("grid"), strokeWidth=1).encode(y=places(), detail="place:N"),
        base.mark_point(filled=True, size=85, opacity=1).encode(
            y=places(rows_axis(names, width=220)),
            color=alt.Color("verdict:N", scale=tint),
            shape=alt.Shape("verdict:N", scale=marks),
            tooltip=hover,
        ),
    ]
    return alt.layer(*layers).resolve_axis(y="independent").properties(height=height_of(len(names)), width="container")


def _time() -> Any:
    import altair as alt

    return alt.X("time:T", axis=alt.Axis(title=None, format="%d %b", tickCount=6, labelOverlap=True))


def _measure(frame: pd.DataFrame) -> None:
    """One measure of a few adapters over time, those where it is largest now."""
    there = [name for name in MEASURES if frame[name].notna().any()]
    if not there:
        return
    name = kept("measure", there, "Measure over reports", format_func=MEASURES.get, label_visibility="collapsed")
    own = frame.dropna(subset=[name]).rename(columns={name: "value"})
    last = own.groupby("adapter")["value"].last().sort_values(ascending=False, kind="stable")
    shown = list(last.index[:_LINES])
    about = f"Of the {len(shown):,} adapters with the largest value now, of {plural(len(last), 'adapter')}."
    drawn = own[own["adapter"].isin(shown)]
    numbers = drawn[["adapter", "time", "value"]]
    share = name != "switch"
    chart(_lines(drawn, shown, share=share), numbers, name="served-measure", title=MEASURES[name], about=about)


def _lines(frame: pd.DataFrame, names: Sequence[str], *, share: bool) -> Any:
    import altair as alt

    tint = alt.Scale(domain=list(names), range=categories()[: len(names)])
    marks = alt.Scale(domain=list(names), range=[KINDS[place % len(KINDS)] for place in range(len(names))])
    form = ".0%" if share else ".2f"
    base = alt.Chart(frame).encode(
        x=_time(),
        y=alt.Y("value:Q", axis=alt.Axis(title=None, format=form, tickCount=5)),
        color=alt.Color("adapter:N", scale=tint, legend=alt.Legend(columns=4)),
    )
    hover = [
        alt.Tooltip("adapter:N"),
        alt.Tooltip("time:T", format="%Y-%m-%d %H:%M", title="made"),
        alt.Tooltip("value:Q", format=".3g"),
        alt.Tooltip("verdict:N"),
    ]
    points = base.mark_point(filled=True, size=55, opacity=1)
    points = points.encode(shape=alt.Shape("adapter:N", scale=marks), tooltip=hover)
    return alt.layer(base.mark_line(strokeWidth=1.6), points).properties(height=300, width="container")
