"""Alarms that are not over, one below the other."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from loradiag.core.watching import WatchAlarm
from loradiag.outputs.watch import called, e_words
from loradiag.outputs.windows import moment
from loradiag_dashboard.alarming.forms import settle_form
from loradiag_dashboard.navigation import link
from loradiag_dashboard.parts.palette import MARKS
from loradiag_dashboard.parts.plain import md
from loradiag_dashboard.parts.times import ago


def card(alarm: WatchAlarm, keys: Mapping[str, str]) -> None:
    """Draw an alarm: how old it is, of what, by which evidence, and what can be done.

    Args:
        alarm: One that is not over.
        keys: Of adapters' rows, by their names in the traffic.
    """
    badge = f":red-badge[{MARKS['alarm']} open]" if alarm.status == "open" else ":orange-badge[… acknowledged]"
    with st.container(border=True):
        left, right = st.columns([6, 1], vertical_alignment="center")
        left.markdown(
            f"{badge} **alarm {alarm.id}** · **{md(alarm.adapter, 80)}** · {md(called(alarm))} · {ago(alarm.raised)}"
        )
        if alarm.adapter in keys:
            with right:
                link("traffic", "Traffic", adapter=keys[alarm.adapter])
        st.markdown(md(alarm.message, 400))
        st.caption(md(_evidence(alarm)))
        if alarm.status == "acknowledged":
            by = md(alarm.by or "somebody", 80)
            st.markdown(f"Acknowledged {ago(alarm.changed)} by **{by}**: {md(alarm.why or 'no reason given', 300)}")
        settle_form(alarm)


def _evidence(alarm: WatchAlarm) -> str:
    """The e-value beside its line, what it rests on, and when it was raised."""
    return (
        f"e-value {e_words(alarm.e_value)}, where {e_words(alarm.line)} alarms; by {alarm.requests:,} requests that count; "
        f"raised {moment(alarm.raised)} UTC"
    )
