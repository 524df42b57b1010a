"""Acknowledging and resolving: a form where it is allowed, the command elsewhere."""

from __future__ import annotations

import streamlit as st

from loradiag.core.errors import LoradiagError
from loradiag.core.watching import AlarmStatus, WatchAlarm
from loradiag_dashboard.parts.nothing import quoted
from loradiag_dashboard.parts.plain import md
from loradiag_dashboard.source import overview, settings

_NAME, _SAID = "settled-by", "settled-said"
_WORDS: dict[AlarmStatus, str] = {"acknowledged": "Acknowledge", "resolved": "Resolve"}
MEANS = (
    "Acknowledge: somebody deals with it; the alarm stays, evidence goes on, and no second one is raised. "
    "Resolve: it is over; the adapter is watched anew, from nothing, with a part of what is left of the budget of false "
    "alarms. "
    "Neither can be taken back."
)
READ_ONLY = (
    "This dashboard is read-only: settle an alarm by the command below it, or start the dashboard with --allow-writes."
)


def settle_form(alarm: WatchAlarm) -> None:
    """Let somebody settle an alarm who says who they are and why; where that is not allowed, say how it is done."""
    if not settings().allow_writes:
        st.code(command(alarm), language="bash", wrap_lines=True)
        return
    statuses: list[AlarmStatus] = ["acknowledged", "resolved"] if alarm.status == "open" else ["resolved"]
    with st.form(f"settle-{alarm.id}", border=False):
        who, why, *buttons = st.columns([1.2, 3, *(1 for _ in statuses)], vertical_alignment="bottom")
        name = f"by-{alarm.id}"
        if name not in st.session_state:
            st.session_state[name] = st.session_state.get(_NAME, "")
        who.text_input("Your name", key=name, max_chars=80, autocomplete="name")
        why.text_input("Reason", key=f"why-{alarm.id}", max_chars=200, placeholder="the next reader will ask")
        for place, status in zip(buttons, statuses, strict=True):
            place.form_submit_button(
                _WORDS[status],
                key=f"{status}-{alarm.id}",
                width="stretch",
                on_click=_settle,
                args=(alarm.id, status),
            )


def _settle(number: int, status: AlarmStatus) -> None:
    """Settle an alarm by what its form says, and leave word of what became of it."""
    by = str(st.session_state.get(f"by-{number}", "")).strip()
    why = str(st.session_state.get(f"why-{number}", "")).strip()
    if by:
        _remember(by)
    if not by or not why:
        missing = " and ".join(word for word, told in (("who you are", by), ("why", why)) if not told)
        st.session_state[_SAID] = (False, f"Alarm {number} is as it was: say {missing}.")
        return
    try:
        changed = overview().settle(number, status, by=by, why=why)
    except LoradiagError as error:
        st.session_state[_SAID] = (False, f"Nothing was changed: {error}.")
        return
    st.session_state[f"why-{number}"] = ""
    st.session_state[_SAID] = (True, f"Alarm {changed.id} of {changed.adapter} is {changed.status}.")


def _remember(by: str) -> None:
    """The name stands in all forms from now on, where another has not been typed."""
    before = st.session_state.get(_NAME, "")
    st.session_state[_NAME] = by
    for key in list(st.session_state):
        if str(key).startswith("by-") and st.session_state[key] in {"", before} - {by}:
            st.session_state[key] = by


def outcome() -> None:
    """What became of what was done here last."""
    found = st.session_state.get(_SAID)
    if found is None:
        return
    done, text = found
    if done:
        st.success(md(text), icon=":material/check_circle:")
    else:
        st.error(md(text), icon=":material/error:")


def command(alarm: WatchAlarm) -> str:
    """What to run to acknowledge an alarm, or to resolve one that is acknowledged, as a shell takes it."""
    told = settings()
    where = [f"--lake {quoted(told.traffic)}" if told.traffic else ""]
    where.append(f"--state {quoted(told.state)}" if told.state else "")
    way = "--acknowledge" if alarm.status == "open" else "--resolve"
    return " ".join(["loradiag drift alarms", *filter(None, where), f'{way} {alarm.id} --why "…"'])
