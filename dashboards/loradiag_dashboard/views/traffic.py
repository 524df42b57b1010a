"""Traffic: what users send to an adapter, over time, beside what it was made for."""

from __future__ import annotations

import streamlit as st

from loradiag.overview.roster import Row
from loradiag_dashboard.course.answers import answers
from loradiag_dashboard.course.coverage import coverage, no_check, no_watch
from loradiag_dashboard.course.days import DAY, Course, course_of
from loradiag_dashboard.course.evidence import evidence
from loradiag_dashboard.course.headline import headline, links
from loradiag_dashboard.course.measures import measures
from loradiag_dashboard.course.mix import mix
from loradiag_dashboard.course.novel import exemplars, pick_window, topics
from loradiag_dashboard.course.novelty import novelty
from loradiag_dashboard.course.panels import Span
from loradiag_dashboard.course.plane import plane
from loradiag_dashboard.course.volume import volume
from loradiag_dashboard.parts.frame import footer
from loradiag_dashboard.parts.nothing import nothing
from loradiag_dashboard.parts.pickers import pick_adapter
from loradiag_dashboard.source import overview

RANGES = {"3 days": 3, "7 days": 7, "30 days": 30, "90 days": 90, "all": None}
_DRAWN = "traffic-drawn"


def traffic() -> None:
    """Draw the page."""
    left, right = st.columns([2, 1.6], vertical_alignment="bottom")
    with left:
        row = pick_adapter(overview().rows, wanted=_has_traffic)
    if row is None:
        _empty()
        return
    with right:
        st.segmented_control(
            "Range", list(RANGES), default="30 days", required=True, key="range", bind="query-params",
            help="Up to the newest request; of three days or less, volume is by the hour.",
        )  # fmt: skip
    st.session_state[_DRAWN] = overview().version
    course = course_of(row)
    _now(course)
    links(course)
    _panels(course)
    _details(course)
    footer()


def _has_traffic(row: Row) -> bool:
    return row.requests is not None or row.watch is not None or "drift" in row.newest


@st.fragment(run_every=15)
def _now(course: Course) -> None:
    """How it stands; where something has changed since the page was drawn, the page is drawn again."""
    if st.session_state.get(_DRAWN) != overview().version:
        st.rerun()
    headline(course)


def _panels(course: Course) -> None:
    """All panels over time, one below the other, on one axis."""
    start, end = course.start, course.end
    if start is None or end is None:
        nothing("No request with a time", "Nothing of this adapter's traffic can be placed on an axis of time.")
        return
    days = RANGES[st.session_state.get("range") or "30 days"]
    span = Span(start if days is None else end - days * DAY, end)
    volume(course, span)
    novelty(course, span)
    evidence(course, span)
    mix(course, span)
    measures(course, span)
    if course.row.watch is None:
        no_watch(course)


def _details(course: Course) -> None:
    """What the newest check found, window by window."""
    st.subheader("The newest check", anchor=False)
    if course.found is None:
        no_check(course)
        return
    left, right = st.columns([1.25, 1])
    with left:
        plane(course)
    with right:
        window = pick_window(course)
        if window is not None:
            topics(window)
    if window is not None:
        st.subheader("Novel requests", anchor=False)
        exemplars(course, window)
    st.subheader("Answers", anchor=False)
    answers(course)
    st.subheader("What this rests on", anchor=False)
    coverage(course)


def _empty() -> None:
    nothing(
        "No traffic",
        "No lake with requests of adapters, no watch, and no report of a check. Log requests into a lake, and name it.",
        "loradiag traffic ingest logs/*.jsonl --lake lake/ --encoder encoders/minilm/\n"
        "loradiag dashboard --reports reports/ --traffic lake/",
    )
    footer()
