"""The history of an adapter over all its reports: when which was made, what it came to, and how its measures moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import streamlit as st

from loradiag.core.kinds import INSPECTION
from loradiag.core.text import plural
from loradiag.overview.cards import FLEET_ROW, SERVED_ROW, Card
from loradiag.overview.roster import Row
from loradiag_dashboard.navigation import go
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.plain import label
from loradiag_dashboard.parts.reports import way_to_endpoint
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.parts.verdicts import COLORS, SHAPES, is_earlier, verdict_mark, weights_of

if TYPE_CHECKING:
    import pandas as pd

_KINDS = {
    INSPECTION: "inspect",
    FLEET_ROW: "fleet scan",
    "merge-drift": "merge",
    "forgetting": "forgetting",
    "drift": "drift",
    "watch": "watch",
    "canary": "canary",
    SERVED_ROW: "serve-check",
}
_PAGES = {
    "merge-drift": "merge",
    "forgetting": "forgetting",
    "drift": "traffic",
    "watch": "traffic",
    "canary": "serving",
}
_MOST = 800
"""Reports that charts show, the newest: nobody tells more of them apart."""

PRESENT, EARLIER = "present weights", "earlier weights"


class Course(NamedTuple):
    """A measure over time: its title, of which it also has its name in addresses, how to read it, and whether it is a share."""

    title: str
    about: str
    percent: bool = False


_COURSES = {
    "stable_rank": Course("Stable rank", "Median over the modules of each inspection and fleet scan."),
    "frobenius_norm": Course("‖ΔW‖F", "Size of the update: median over the modules of each inspection."),
    "relative_frobenius": Course("‖ΔW‖ / ‖W‖", "Median over the modules of each inspection beside the base."),
    "intruders": Course("Intruder dimensions", "Mean a module, of each inspection beside the base."),
    "errors": Course("Errors", "Active findings that are errors, of each inspection and fleet scan."),
    "warnings": Course("Warnings", "Active findings that are warnings, of each inspection and fleet scan."),
    "loss": Course(
        "Worst loss", "The largest relative loss of each forgetting report, in percent of the base's score.", True
    ),
    "novelty": Course("Novel requests", "Share in the newest window of each drift check.", True),
}


def history(row: Row) -> None:
    """Draw the timeline, the courses, and the table."""
    if not row.cards:
        st.caption("No report is about it.")
        return
    frame = cards_frame(row)
    st.caption(
        f"{plural(len(row.cards), 'report')} of {plural(max(row.weights, 1), 'state')} of its weights."
        + (" Hollow marks are of earlier weights than it has now." if row.weights > 1 else "")
    )
    if frame["time"].notna().any():
        _timeline(frame.head(_MOST))
        _courses(row)
    st.markdown("**All reports**")
    shown = frame.drop(columns=["time"]).dropna(axis="columns", how="all")
    st.caption("Click a row to open the report.")
    table(
        shown,
        "history",
        on_select=_clicked(row),
        selection_mode="single-row",
        column_config={"made": st.column_config.DatetimeColumn("made", format="YYYY-MM-DD HH:mm")},
    )


def _clicked(row: Row) -> Any:
    """What to do when a row of the table is clicked: remember it for the next run, which goes there."""

    def remember() -> None:
        rows = st.session_state["table-history"].selection.rows
        if rows:
            st.session_state["history-clicked"] = (row.key, row.cards[rows[0]])

    return remember


def follow_click() -> None:
    """Go where the reader clicked in the table of reports, if so."""
    clicked: tuple[str, Card] | None = st.session_state.pop("history-clicked", None)
    if clicked is None:
        return
    key, card = clicked
    if card.kind in _PAGES:
        go(_PAGES[card.kind], adapter=key, **({"report": card.key} if card.kind != "watch" else {}))
    elif card.kind == SERVED_ROW:
        go("serving", **way_to_endpoint(card))
    elif card.kind == INSPECTION:
        st.query_params["report"] = card.key


def cards_frame(row: Row) -> pd.DataFrame:
    """All reports, the newest first."""
    import pandas as pd

    made = pd.to_datetime([card.created for card in row.cards], utc=True, errors="coerce")
    return pd.DataFrame(
        {
            "time": made,
            "made": made,
            "kind": [_KINDS.get(card.kind, label(card.kind)) for card in row.cards],
            "verdict": [verdict_mark(card.verdict) for card in row.cards],
            "words": [_words(card) for card in row.cards],
            "weights": [weights_of(row, card) for card in row.cards],
            "errors": [card.errors for card in row.cards],
            "warnings": [card.warnings for card in row.cards],
            "step": pd.array([card.step for card in row.cards], dtype="Int64"),
            "file": [label(card.file, 120) for card in row.cards],
        }
    )


def _words(card: Card) -> str:
    return label(card.words or " ".join(card.codes[:4]) or card.headline, 120)


def _timeline(frame: pd.DataFrame) -> None:
    import altair as alt

    verdicts = [verdict_mark(name) for name in COLORS]
    frame = frame.assign(of=[EARLIER if text.startswith("earlier") else PRESENT for text in frame["weights"]])
    base = alt.Chart(frame).encode(
        x=alt.X("time:T", axis=alt.Axis(title=None, labelOverlap=True, format="%d %b %Y", tickCount=6)),
        y=alt.Y("kind:N", sort=list(_KINDS.values()), axis=alt.Axis(title=None, grid=True, ticks=False)),
        color=alt.Color("verdict:N", scale=alt.Scale(domain=verdicts, range=[color(tone) for tone in COLORS.values()])),
        shape=alt.Shape("verdict:N", scale=alt.Scale(domain=verdicts, range=list(SHAPES.values()))),
        tooltip=[
            alt.Tooltip("time:T", format="%Y-%m-%d %H:%M", title="made"),
            *(alt.Tooltip(f"{name}:N") for name in ("kind", "verdict", "words", "weights", "file")),
        ],
    )
    filled = base.transform_filter(f"datum.of == '{PRESENT}'").mark_point(filled=True, size=110, opacity=1)
    hollow = base.transform_filter(f"datum.of == '{EARLIER}'").mark_point(filled=False, size=90, strokeWidth=2)
    made = alt.layer(hollow, filled).properties(height=alt.Step(30), width="container")
    numbers = frame.drop(columns=["time", "of"])
    about = "A mark a report, by its kind and verdict. Hollow marks are of earlier weights."
    chart(made, numbers, name="timeline", title="Reports over time", about=about)


def _courses(row: Row) -> None:
    """How measures moved; those that the reader chooses among those with two values or more."""
    found = {name: frame for name in _COURSES if len(frame := course_frame(row, name)) > 1}
    if not found:
        return
    titles = {_COURSES[name].title: name for name in found}
    usual = list(titles)[:4]
    chosen = st.multiselect("Measures over time", list(titles), default=usual, key="over", bind="query-params")
    names = [titles[title] for title in chosen]
    for start in range(0, len(names), 2):
        for place, name in zip(st.columns(2, gap="medium"), names[start : start + 2], strict=False):
            with place:
                _course(found[name], name)


def course_frame(row: Row, name: str) -> pd.DataFrame:
    """A measure over the reports that have it, the oldest first; of one report's checkpoints the last alone."""
    import pandas as pd

    rows: dict[tuple[str, str], tuple[str, float, str, str]] = {}
    for card in row.cards[:_MOST]:
        value = _value(card, name)
        if value is not None:
            of = EARLIER if is_earlier(row, card) else PRESENT
            rows.setdefault((card.created, card.file), (card.created, value, of, weights_of(row, card)))
    frame = pd.DataFrame([*rows.values()][::-1], columns=["time", "value", "of", "weights"])
    return frame.assign(time=pd.to_datetime(frame["time"], utc=True, errors="coerce")).dropna(subset=["time"])


def _value(card: Card, name: str) -> float | None:
    if name == "novelty":
        return card.drift.novelty_share if card.drift else None
    if name == "loss":
        return card.loss
    if name in ("errors", "warnings"):
        is_judged = card.kind in (INSPECTION, FLEET_ROW) and card.verdict != "unreadable"
        return float(getattr(card, name)) if is_judged else None
    return card.measures.get(name)


def _course(frame: pd.DataFrame, name: str) -> None:
    import altair as alt

    told = _COURSES[name]
    form = "%" if told.percent else "~g"
    x = alt.X("time:T", axis=alt.Axis(title=None, format="%d %b", tickCount=5, labelOverlap=True))
    y = alt.Y("value:Q", axis=alt.Axis(title=None, format=form, tickCount=4), scale=alt.Scale(zero=True))
    hover = [
        alt.Tooltip("time:T", format="%Y-%m-%d %H:%M"),
        alt.Tooltip("value:Q", format=".4g"),
        alt.Tooltip("weights:N"),
    ]
    base = alt.Chart(frame).encode(x=x, y=y, tooltip=hover)
    line = base.mark_line(color=color("blue"), strokeWidth=1.5)
    filled = base.transform_filter(f"datum.of == '{PRESENT}'").mark_point(
        filled=True, size=60, color=color("blue"), opacity=1
    )
    hollow = base.transform_filter(f"datum.of == '{EARLIER}'")
    hollow = hollow.mark_point(size=60, color=color("blue"), fill=color("grid"), opacity=1)
    made = alt.layer(line, hollow, filled).properties(height=150, width="container")
    chart(made, frame, name=f"course-{name}", title=told.title, about=told.about)
