"""The same canary in earlier reports: whether the decision and the metrics move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.text import plural
from loradiag.outputs.canary import named
from loradiag.overview.cards import Card
from loradiag.overview.facts import CanaryFact
from loradiag.overview.roster import Row
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.parts.verdicts import verdict_mark
from loradiag_dashboard.views.canaries.margins import FAR, in_margins, scales, worded

if TYPE_CHECKING:
    import pandas as pd

_MOST = 200
"""Reports that are drawn, the newest."""

_USUAL = 4
"""Metrics that are shown at first: those that came nearest to their margins."""

ACROSS = 2


def before(row: Row, card: Card) -> None:
    """Draw the history of a new adapter beside one old; nothing where there is one report alone."""
    cards = of_pair(row, card)
    if len(cards) < 2 or card.canary is None:
        return
    st.subheader("Over reports", anchor="history")
    last = cards[-1].canary
    assert last is not None, "of_pair keeps cards of canaries"
    st.caption(
        f"{plural(len(cards), 'report')} of {md(label(row.name, 60))} beside {md(label(card.canary.old, 60))}: the newest "
        f"says {md(last.decision)} after {plural(last.pairs, 'pair')}."
    )
    frame = courses_frame(cards)
    _courses(frame)
    with st.expander(f"{plural(len(cards), 'report')}, the newest first"):
        table(
            reports_frame(cards),
            "canary-reports",
            column_config={"made": st.column_config.DatetimeColumn("made", format="YYYY-MM-DD HH:mm")},
        )


def of_pair(row: Row, card: Card) -> list[Card]:
    """The canaries of the same two adapters, the oldest first."""
    old = card.canary.old if card.canary else None
    found = [other for other in row.cards if other.canary is not None and other.canary.old == old]
    return sorted(found, key=lambda other: (other.created, other.key))[-_MOST:]


def courses_frame(cards: Sequence[Card]) -> pd.DataFrame:
    """A row a metric and report: its difference and interval in margins."""
    import pandas as pd

    rows = [
        {
            "time": card.created,
            "name": label(fact.metric, 200),
            "metric": named(fact.metric),
            "status": worded(fact.status),
            "value": in_margins(fact.difference, fact.margin),
            "low": in_margins(fact.low, fact.margin),
            "high": in_margins(fact.high, fact.margin),
            "pairs": card.canary.pairs,
        }
        for card in cards
        if card.canary is not None
        for fact in card.canary.metrics
    ]
    frame = pd.DataFrame(rows, columns=["time", "name", "metric", "status", "value", "low", "high", "pairs"])
    return frame.assign(time=pd.to_datetime(frame["time"], utc=True, errors="coerce")).dropna(subset=["time"])


def reports_frame(cards: Sequence[Card]) -> pd.DataFrame:
    """A row a report, the newest first: verdict, decision, pairs, and metrics by their status."""
    import pandas as pd

    newest = list(reversed(cards))
    return pd.DataFrame(
        {
            "made": pd.to_datetime([card.created for card in newest], utc=True, errors="coerce"),
            "verdict": [verdict_mark(card.verdict) for card in newest],
            "decision": [label(card.canary.decision if card.canary else None) for card in newest],
            "pairs": [card.canary.pairs if card.canary else 0 for card in newest],
            "worse": [_those(card, "worse") for card in newest],
            "undecided": [_those(card, "undecided") for card in newest],
            "file": [label(card.file, 120) for card in newest],
        }
    )


def _those(card: Card, status: str) -> str:
    rows: list[CanaryFact] = card.canary.metrics if card.canary else []
    return ", ".join(named(row.metric) for row in rows if row.status == status) or "–"


def _courses(frame: pd.DataFrame) -> None:
    newest = frame.sort_values("time").groupby("name").last()
    order = list(newest.sort_values("high", ascending=False, na_position="last")["metric"])
    chosen = st.multiselect("Metrics over reports", order, default=order[:_USUAL], key="over", bind="query-params")
    for start in range(0, len(chosen), ACROSS):
        for place, metric in zip(st.columns(ACROSS, gap="medium"), chosen[start : start + ACROSS], strict=False):
            own = frame[frame["metric"] == metric]
            with place:
                about = "The difference in margins, with the interval at the time of each report. Above the dashed line: harm."
                numbers = own.drop(columns=["name"])
                chart(_drawn(own), numbers, name=f"canary-{order.index(metric)}", title=md(metric), about=about)


def _drawn(frame: pd.DataFrame) -> Any:
    import altair as alt
    import pandas as pd

    tint, shape = scales(frame["status"])
    x = alt.X("time:T", axis=alt.Axis(title=None, format="%d %b", tickCount=6, labelOverlap=True))
    axis = alt.Axis(title="margins", values=list(range(-int(FAR), int(FAR) + 1, 2)), format="+d")
    y = alt.Y("value:Q", axis=axis, scale=alt.Scale(domain=[-FAR - 0.2, FAR + 0.2], nice=False))
    hover = [
        alt.Tooltip("time:T", format="%Y-%m-%d %H:%M", title="made"),
        alt.Tooltip("status:N"),
        *(alt.Tooltip(f"{name}:Q", format="+.2f") for name in ("value", "low", "high")),
        alt.Tooltip("pairs:Q", format=","),
    ]
    base = alt.Chart(frame).encode(x=x)
    limit = alt.Chart(pd.DataFrame({"at": [1.0]})).mark_rule(strokeDash=[5, 3], color=color("dim"))
    layers = [
        limit.encode(y="at:Q"),
        base.mark_line(color=color("gray"), strokeWidth=1.2).encode(y=y),
        base.mark_rule(strokeWidth=2, opacity=0.6).encode(y="low:Q", y2="high:Q", color=tint),
        base.mark_point(filled=True, size=75, opacity=1).encode(y=y, color=tint, shape=shape, tooltip=hover),
    ]
    return alt.layer(*layers).properties(height=210, width="container")
