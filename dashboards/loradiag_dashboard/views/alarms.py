"""Alarms: open ones first, those that somebody deals with, and those that are over, from the same store as the watch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from loradiag.core.errors import LoradiagError
from loradiag.core.text import plural
from loradiag.core.watching import WatchAlarm, WatchTotals
from loradiag.outputs.watch import MARKS as STATUS_MARKS
from loradiag.outputs.watch import called, e_words, is_overdue
from loradiag_dashboard.alarming.cards import card
from loradiag_dashboard.alarming.forms import MEANS, READ_ONLY, outcome
from loradiag_dashboard.parts.frame import footer
from loradiag_dashboard.parts.nothing import lake_argument, nothing
from loradiag_dashboard.parts.palette import MARKS
from loradiag_dashboard.parts.plain import label
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.parts.times import ago
from loradiag_dashboard.source import overview, plain_error, settings

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("open", "acknowledged", "resolved")


def alarms() -> None:
    """Draw the page."""
    _live()
    footer()


@st.fragment(run_every=5)
def _live() -> None:
    """All of it: an alarm that is raised is seen at once."""
    found = overview()
    if not found.is_watched or found.watch is None:
        _no_watch()
        return
    try:
        every = found.alarms()
    except LoradiagError as error:
        st.error(plain_error(error), icon=":material/error:")
        return
    _totals(found.watch.totals, every)
    if is_overdue(found.watch.totals, datetime.now(UTC)):
        st.warning(
            f"The watch looked at the lake for the last time {ago(found.watch.totals.polled)}, far longer than from look to "
            "look before: is it still at work?",
            icon=":material/schedule:",
        )
    outcome()
    shown = _filtered(every)
    _lists(shown, every)


def _totals(totals: WatchTotals, every: Sequence[WatchAlarm]) -> None:
    """How many there are, what is left of the budget, and whether the watch is awake."""
    counts = Counter(alarm.status for alarm in every)
    columns = st.columns([1, 1.45, 1.1, 1.7, 1.3, 1.4], border=True)
    columns[0].metric(f"{MARKS['alarm']} Open", f"{counts['open']:,}")
    columns[1].metric("… Acknowledged", f"{counts['acknowledged']:,}")
    columns[2].metric("✓ Resolved", f"{counts['resolved']:,}")
    columns[3].metric(
        "False-alarm budget left",
        f"{totals.budget_left:.0%}",
        help=f"Without drift, the chance that any adapter of this watch ever alarms is at most {totals.alpha:.2g}. Every "
        "adapter takes a part of that, and so does every new beginning after an alarm is resolved; this much is left.",
    )
    columns[4].metric(
        "Last look",
        ago(totals.polled),
        help=f"It took {totals.seconds:.2g} s; requests were counted {totals.behind:.2g} s after they came. "
        f"{plural(totals.polls, 'look')} since {totals.started}.",
    )
    left_out = totals.unattributed + totals.unwatched + totals.late
    columns[5].metric(
        "Requests counted",
        f"{totals.requests:,}",
        help=f"Not watched: {totals.unwatched:,} of adapters without a baseline, {totals.unattributed:,} of no adapter, "
        f"{totals.late:,} that came too late; {plural(totals.flawed_files, 'file')} of the lake could not be read."
        if left_out or totals.flawed_files
        else "All requests of the lake were of adapters under watch.",
    )


def _filtered(every: Sequence[WatchAlarm]) -> list[WatchAlarm]:
    """The alarms that the reader wants, by filters that are kept in the address."""
    if not every:
        return []
    left, right, _ = st.columns([1.4, 1.4, 1.6])
    names = sorted({label(alarm.adapter) for alarm in every})
    of = left.multiselect("Adapter", names, key="of", bind="query-params", placeholder="all")
    states = right.multiselect("State", STATUSES, key="alarm-state", bind="query-params", placeholder="all")
    return [
        alarm for alarm in every if (not of or label(alarm.adapter) in of) and (not states or alarm.status in states)
    ]


def _lists(shown: Sequence[WatchAlarm], every: Sequence[WatchAlarm]) -> None:
    opened = [alarm for alarm in shown if alarm.status == "open"]
    known = [alarm for alarm in shown if alarm.status == "acknowledged"]
    over = [alarm for alarm in shown if alarm.status == "resolved"]
    if not any(alarm.status == "open" for alarm in every):
        st.success("No alarm is open.", icon=":material/check_circle:")
    if opened or known:
        st.caption(MEANS if settings().allow_writes else READ_ONLY)
    keys = {row.served: row.key for row in overview().rows if row.served is not None}
    for title, alarms_of in (("Open", opened), ("Acknowledged", known)):
        if alarms_of:
            st.subheader(title, anchor=False)
        for alarm in alarms_of:
            card(alarm, keys)
    if over:
        st.subheader("Resolved", anchor=False)
        table(_frame(over), "resolved-alarms", column_config=_columns())
    if every and not shown:
        nothing("No alarm is left", "No alarm has all that the filters ask for. Clear one of them.")


def _frame(rows: Sequence[WatchAlarm]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "alarm": [row.id for row in rows],
            "adapter": [label(row.adapter, 60) for row in rows],
            "signal": [called(row) for row in rows],
            "why resolved": [label(row.why, 200) for row in rows],
            "by": [label(row.by, 80) if row.by else "the watch: it is calm" for row in rows],
            "resolved": pd.to_datetime([row.changed for row in rows], utc=True, errors="coerce"),
            "raised": pd.to_datetime([row.raised for row in rows], utc=True, errors="coerce"),
            "e-value": [e_words(row.e_value) for row in rows],
            "line": [e_words(row.line) for row in rows],
            "what": [label(row.message, 300) for row in rows],
            "state": [f"{STATUS_MARKS[row.status]} {row.status}" for row in rows],
        }
    )


def _columns() -> dict[str, object]:
    config = st.column_config
    return {
        "alarm": config.NumberColumn("Alarm", format="%d", width=60),
        "adapter": config.TextColumn("Adapter", width=120),
        "signal": config.TextColumn("Signal", width=130),
        "why resolved": config.TextColumn("Why resolved", width=260),
        "by": config.TextColumn("By", width=110),
        "resolved": config.DatetimeColumn("Resolved, UTC", format="YYYY-MM-DD HH:mm", width=130),
        "raised": config.DatetimeColumn("Raised, UTC", format="YYYY-MM-DD HH:mm", width=130),
        "e-value": config.TextColumn("e-value", width=75),
        "line": config.TextColumn("Line", width=60),
        "what": config.TextColumn("What", width="large"),
        "state": config.TextColumn("State", width=95),
    }


def _no_watch() -> None:
    nothing(
        "No watch",
        "Nobody watches the lake, so that no alarm can be raised. A watch counts requests as they come, day and night, with "
        "one budget of false alarms.",
        f"loradiag drift watch --baseline baselines/ --lake {lake_argument()}",
    )
