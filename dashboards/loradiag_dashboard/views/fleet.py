"""Fleet: every adapter as one row, the worst first, and what needs somebody now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.text import plural
from loradiag.overview.cards import SERVED_ROW
from loradiag.overview.roster import STATES, Row, State
from loradiag_dashboard.navigation import go, link
from loradiag_dashboard.parts.frame import footer
from loradiag_dashboard.parts.nothing import nothing
from loradiag_dashboard.parts.palette import MARKS, STATE_COLORS, TONES, WORDS, state_mark
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.parts.times import ago
from loradiag_dashboard.parts.verdicts import MARKS as VERDICT_MARKS
from loradiag_dashboard.parts.verdicts import verdict_mark
from loradiag_dashboard.source import overview, settings

if TYPE_CHECKING:
    import pandas as pd

_URGENT = ("alarm", "fail", "inconclusive")
_NAMED = 4
"""Adapters that are named above the table."""

_DRAWN = "fleet-drawn"


def fleet() -> None:
    """Draw the page."""
    rows = overview().rows
    st.session_state[_DRAWN] = _signs(rows)
    _now()
    if rows:
        _rows(rows)
    footer()


def _signs(rows: Sequence[Row]) -> list[tuple[str, str, str, str | None]]:
    """By what the table is known to be as it was drawn: which adapters, how they stand, and when they were checked.

    Neither their order nor their requests: those change all the time, and who reads a table would lose their place.
    """
    return sorted((row.key, row.state, row.why, row.checked) for row in rows)


@st.fragment(run_every=5)
def _now() -> None:
    """The state of everything, in ten seconds; where the table below is no longer that of it, the page is drawn again."""
    rows = overview().rows
    if st.session_state.get(_DRAWN) != _signs(rows):
        st.rerun()
    if not rows:
        _empty()
        return
    counts = Counter(row.state for row in rows)
    columns = st.columns([1, 1, 1.15, 1, 1.9, 1.9])
    told: tuple[tuple[State, str, str], ...] = (
        ("alarm", "Alarms", "Adapters whose traffic has drifted beyond doubt."),
        ("fail", "Failing", "Adapters of which the newest report of some kind fails."),
        ("inconclusive", "Undecided", "Adapters of which a question could not be answered: never a quiet pass."),
        ("pass", "Sound", "Adapters whose newest reports all pass, without a warning."),
    )
    for column, (state, title, about) in zip(columns, told, strict=False):
        column.metric(f"{MARKS[state]} {title}", f"{counts[state]:,}", help=about, border=True, height="stretch")
    _volume(columns[4], rows)
    _watching(columns[5])
    _urgent(rows)


def _volume(place: Any, rows: Sequence[Row]) -> None:
    daily = [sum(day) for day in zip(*(row.requests.daily for row in rows if row.requests), strict=True)]
    recent = sum(row.requests.recent for row in rows if row.requests)
    if not daily:
        place.metric(
            "Requests", "–", help="Start with --traffic LAKE to see what users send.", border=True, height="stretch"
        )
        return
    place.metric(
        "Requests in 7 days",
        f"{recent:,}",
        chart_data=daily,
        chart_type="area",
        help="Of the last thirty days, a point a day.",
        border=True,
        height="stretch",
    )


def _watching(place: Any) -> None:
    found = overview()
    if found.watch is None:
        place.metric(
            "Watch",
            "off",
            help="Start one: loradiag drift watch --baseline DIR --lake LAKE",
            border=True,
            height="stretch",
        )
        return
    totals = found.watch.totals
    place.metric(
        "Watch: last look",
        ago(totals.polled),
        delta=f"{totals.budget_left:.0%} of its budget left",
        delta_color="off",
        delta_arrow="off",
        help=f"{plural(totals.requests, 'request')} counted in {plural(totals.polls, 'look')} since {totals.started}. "
        f"The budget is of false alarms: a chance of {totals.alpha:.0%} of any, ever. New adapters take from it.",
        border=True,
        height="stretch",
    )


def _urgent(rows: Sequence[Row]) -> None:
    """Those that need somebody, named, with why, and a way to them."""
    bad = [row for row in rows if row.state in _URGENT]
    if not bad:
        st.success("Nothing needs attention.", icon=":material/check_circle:")
        return
    for row in bad[:_NAMED]:
        left, right = st.columns([6, 1], vertical_alignment="center")
        left.markdown(
            f":{TONES[row.state]}-badge[{MARKS[row.state]} {WORDS[row.state]}] **{md(row.name, 60)}** {md(row.why, 200)}"
        )
        with right:
            if row.state == "alarm":
                link("alarms", "Alarms")
            else:
                link("adapter", "Open", adapter=row.key)
    if len(bad) > _NAMED:
        st.caption(f"and {len(bad) - _NAMED:,} more in the table below")


def _rows(rows: Sequence[Row]) -> None:
    chosen = _filtered(rows)
    if not chosen:
        nothing("No adapter is left", "No adapter has all that the filters ask for. Clear one of them above the table.")
        return
    st.caption(
        f"{len(chosen):,} of {plural(len(rows), 'adapter')}, the worst first. Click an adapter to open it, a title to sort."
    )
    picked = table(
        _frame(chosen),
        "fleet",
        rows=18,
        column_config=_columns(chosen),
        placeholder="",
        on_select="rerun",
        selection_mode="single-cell",
    )
    if picked.selection.cells:
        go("adapter", adapter=chosen[picked.selection.cells[0][0]].key)


def _filtered(rows: Sequence[Row]) -> list[Row]:
    """The rows that the reader wants, by filters that are kept in the address."""
    columns = st.columns([2, 1.4, 1.4, 1], vertical_alignment="bottom")
    text = columns[0].text_input(
        "Search", key="q", bind="query-params", placeholder="name, base, hash, code", icon=":material/search:"
    )
    states = columns[1].multiselect(
        "State", list(STATES), format_func=state_mark, key="state", bind="query-params", placeholder="all"
    )
    bases = sorted({label(row.base) for row in rows})
    based = columns[2].multiselect("Base", bases, key="base", bind="query-params", placeholder="all")
    served = columns[3].toggle("Has traffic", key="served", bind="query-params")
    return [
        row
        for row in rows
        if (not text or text.lower() in _searched(row))
        and (not states or row.state in states)
        and (not based or label(row.base) in based)
        and (not served or row.requests is not None)
    ]


def _searched(row: Row) -> str:
    codes = [code for card in row.newest.values() for code in card.codes]
    return " ".join([row.name, row.path, row.base or "", row.sha256 or "", row.why, *codes]).lower()


def _frame(rows: Sequence[Row]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "state": [[state_mark(row.state)] for row in rows],
            "adapter": [label(row.name, 60) for row in rows],
            "why": [row.why for row in rows],
            "traffic": [row.requests.daily if row.requests else None for row in rows],
            "requests": [row.requests.recent if row.requests else None for row in rows],
            "drift": [_drift(row) for row in rows],
            "inspected": [_verdict(row, "inspect") for row in rows],
            "merge": [_words(row, "merge-drift") for row in rows],
            "forgetting": [_words(row, "forgetting") for row in rows],
            "canary": [_words(row, "canary") for row in rows],
            "served": [_words(row, SERVED_ROW) for row in rows],
            "base": [label(row.base, 40) for row in rows],
            "rank": [", ".join(list(row.ranks)[:4]) or "–" for row in rows],
            "method": [label(row.method, 24) for row in rows],
            "parameters": [row.parameters or None for row in rows],
            "last check": pd.to_datetime([row.checked for row in rows], utc=True, errors="coerce"),
        }
    )


def _drift(row: Row) -> str:
    """What became of its traffic: an alarm of the watch that is not over, else the newest check, else a watch that is calm."""
    for status, mark, word in (("open", MARKS["alarm"], "alarm"), ("acknowledged", MARKS["warning"], "acknowledged")):
        if row.watch is not None and any(alarm.status == status for alarm in row.watch.alarms):
            return f"{mark} {word}"
    if "drift" not in row.newest and row.watch is not None and row.watch.counted:
        return "✓ calm"
    return _words(row, "drift")


def _verdict(row: Row, kind: str) -> str:
    """The verdict of the newest report of a kind."""
    card = row.newest.get(kind)
    return "–" if card is None else verdict_mark(card.verdict) + _of_earlier(row, kind)


def _words(row: Row, kind: str) -> str:
    """What that report comes to, by the mark of its verdict."""
    card = row.newest.get(kind)
    if card is None:
        return "–"
    return f"{VERDICT_MARKS.get(card.verdict, '·')} {card.words or card.verdict}" + _of_earlier(row, kind)


def _of_earlier(row: Row, kind: str) -> str:
    return " (earlier weights)" if kind in row.stale else ""


def _columns(rows: Sequence[Row]) -> dict[str, Any]:
    config = st.column_config
    options = [state_mark(state) for state in STATES]
    found: dict[str, Any] = {
        "state": config.MultiselectColumn(
            "State",
            options=options,
            color=[STATE_COLORS[state] for state in STATES],
            width=112,
            help="The worst of all that follows.",
        ),
        "adapter": config.TextColumn("Adapter", width=170),
        "why": config.TextColumn("Why", width=230),
        "traffic": config.AreaChartColumn("Traffic, 30 days", width=110, y_min=0),
        "requests": config.NumberColumn("In 7 days", format="localized", width=80),
        "drift": config.TextColumn(
            "Drift", width=130, help="By an alarm of the watch, else by the newest drift check."
        ),
        "inspected": config.TextColumn("Inspected", width=105),
        "merge": config.TextColumn("Merge", width=115, help="How to deploy, by the newest merge-drift."),
        "forgetting": config.TextColumn("Forgetting", width=140, help="Tasks forgotten, and the worst loss."),
        "canary": config.TextColumn("Canary", width=115, help="What to do with it, by the newest canary."),
        "served": config.TextColumn(
            "Served", width=165, help="Whether an endpoint serves it, by the newest serve-check."
        ),
        "base": config.TextColumn("Base", width=120),
        "rank": config.TextColumn("Rank", width=60),
        "method": config.TextColumn("Method", width=75),
        "parameters": config.NumberColumn("Parameters", format="compact", width=85),
        "last check": config.DatetimeColumn("Last check", format="distance", width=110),
    }
    if not any(row.requests for row in rows):
        found["traffic"] = found["requests"] = None
    if not any(row.watch or "drift" in row.newest for row in rows):
        found["drift"] = None
    for column, kind in (
        ("merge", "merge-drift"),
        ("forgetting", "forgetting"),
        ("canary", "canary"),
        ("served", SERVED_ROW),
    ):
        if not any(kind in row.newest for row in rows):
            found[column] = None
    return found


def _empty() -> None:
    if settings().reports is None and settings().traffic is None:
        nothing(
            "Only a registry is shown",
            "The page of the registry has its adapters. Verdicts, measures and alarms come from reports and traffic.",
            "loradiag dashboard --reports reports/ --traffic lake/ --registry registry.sqlite",
        )
        return
    nothing(
        "No report yet",
        "The folder of reports holds none. Write some into it, and they appear here by themselves.",
        "loradiag fleet adapters/ --reports reports/ -o reports/fleet.json\n"
        "loradiag inspect my_adapter/ -o reports/my_adapter.json",
    )
