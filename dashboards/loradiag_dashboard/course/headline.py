"""The first thing to see: has it drifted, since when, to what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import streamlit as st

from loradiag.core.drift import BASE_ROUTE, DriftWindow
from loradiag.core.text import plural
from loradiag.outputs import watch as watching
from loradiag.outputs.flips import cut
from loradiag.outputs.traffic import summary
from loradiag.outputs.windowfigures import interval_words, rate_words, route_words
from loradiag.outputs.windows import DRIFTED, moment, strangest, when
from loradiag.overview.course import onset, seconds
from loradiag_dashboard.course.days import Course
from loradiag_dashboard.course.novelty import budget
from loradiag_dashboard.navigation import link
from loradiag_dashboard.parts.palette import MARKS, TONES
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.times import ago


def headline(course: Course) -> None:
    """Draw it."""
    columns = st.columns(5, border=True)
    _state(columns[0], course)
    _since(columns[1], course)
    _novel(columns[2], course)
    _to_what(columns[3], course)
    _volume(columns[4], course)
    for name, tone, text, note in _sentences(course):
        st.markdown(f":{TONES[tone]}-badge[{MARKS[tone]} {name}] {md(text, 600)}  \n:gray[:small[{md(note, 400)}]]")
    for trouble in course.troubles:
        st.error(md(trouble), icon=":material/error:")


def _state(place: Any, course: Course) -> None:
    """Whether it has drifted, in a word or two: by alarms of the watch, else by the newest check or a calm watch."""
    watch = course.row.watch
    for status, mark in (("open", MARKS["alarm"]), ("acknowledged", MARKS["warning"])):
        own = next((alarm for alarm in (watch.alarms if watch else []) if alarm.status == status), None)
        if own is not None:
            _metric(place, "Has it drifted?", f"{mark} Drifted", f"alarm {own.id} {status}: {watching.called(own)}")
            return
    found = course.found
    judged = [row for row in course.checked if row.status in (*DRIFTED, "steady")]
    if judged and judged[-1].status in DRIFTED:
        _metric(place, "Has it drifted?", f"{MARKS['fail']} Drifted", f"by the newest check, {when(judged[-1])}")
    elif watch is not None and watch.counted:
        _metric(place, "Has it drifted?", f"{MARKS['pass']} No", "the watch is calm")
    elif judged:
        _metric(place, "Has it drifted?", f"{MARKS['pass']} No", f"by the newest check, {when(judged[-1])}")
    elif found is not None:
        _metric(place, "Has it drifted?", f"{MARKS['inconclusive']} Open", "too few requests to judge")
    else:
        _metric(place, "Has it drifted?", f"{MARKS['unknown']} Unknown", "nobody has checked")


def _since(place: Any, course: Course) -> None:
    """Since when: what comes first of the alarm that is not over and the windows that have drifted without a break."""
    began = onset(course.checked)
    live = [alarm for alarm in course.alarms if alarm.status != "resolved"]
    told = []
    if began is not None and began.start is not None and seconds(began.start) is not None:
        told.append((began.start, "by the checks: every window since has drifted"))
    if live:
        told.append((watching.seen_by(live[-1]), f"alarm {live[-1].id} of the watch"))
    if not told:
        calm = "no drift that goes on" if began is None else "by requests without times"
        calm = calm if course.checked or course.days else "nobody has checked"
        _metric(place, "Since when?", "–", calm)
        return
    start, who = min(told)
    _metric(place, "Since when?", moment(start)[:10], f"{ago(start)}, {who}")


def _novel(place: Any, course: Course) -> None:
    """The share of novel requests of late, beside its budget."""
    expected, tolerated, _ = budget(course)
    watch = course.row.watch
    signal = next((row for row in watch.signals if row.signal == "novelty"), None) if watch else None
    beside = ", ".join(
        f"{rate_words(value)} {word}"
        for value, word in ((expected, "expected"), (tolerated, "tolerated"))
        if value is not None
    )
    newest = _newest(course)
    if signal is not None and signal.recent is not None:
        _metric(place, "Unlike the baseline, of late", rate_words(signal.recent), beside)
    elif newest is not None and newest.novelty_share is not None:
        between = interval_words(newest.novelty_low, newest.novelty_high)
        _metric(place, "Unlike the baseline", rate_words(newest.novelty_share), f"{between}; {beside}")
    else:
        _metric(place, "Unlike the baseline", "–", "not measured")


def _newest(course: Course) -> DriftWindow | None:
    judged = [row for row in course.checked if row.status in (*DRIFTED, "steady")]
    return judged[-1] if judged else None


def _to_what(place: Any, course: Course) -> None:
    """Where novel requests belong, and what the largest group of them looks like."""
    newest = _newest(course)
    window = newest if newest is not None and newest.routes else strangest(course.checked)
    title = "Novel requests belong to"
    if window is None or not window.routes:
        _metric(place, title, "–", "no novel request was looked at")
        return
    best = max(window.routes, key=lambda row: row.count)
    name = "the base" if best.route == BASE_ROUTE else route_words(best.route)
    largest = min(window.exemplars, key=lambda row: row.group, default=None)
    like = f", like “{cut(largest.text, 40)}”" if largest is not None and largest.text else ""
    _metric(
        place,
        title,
        name,
        f"{rate_words(best.share)} of {plural(sum(row.count for row in window.routes), 'novel request')}{like}",
    )


def _volume(place: Any, course: Course) -> None:
    found = course.row.requests
    if found is None:
        _metric(place, "Requests", "–", "no lake, or none of this adapter")
        return
    _metric(
        place, "Requests in 7 days", f"{found.recent:,}", f"of {found.total:,} in all; the last {ago(found.newest)}"
    )


def _metric(place: Any, title: str, value: str, note: str | None) -> None:
    """A number or a word with what it means below; both may be untrusted."""
    place.caption(title)
    place.subheader(md(value, 40), anchor=False)
    if note:
        place.caption(md(note, 200))


def _sentences(course: Course) -> Iterator[tuple[str, str, str, str]]:
    """What watch and newest check say, in the words of all other outputs."""
    watch = course.row.watch
    if watch is not None:
        told = watching.summary(watch)
        yield "watch", "alarm" if told.tone == "fail" else told.tone, told.text, "; ".join(told.more)
    if course.report is not None and course.found is not None:
        said = summary(course.report, course.found)
        yield f"check, {ago(course.report.created)}", said.tone, said.text, "; ".join(said.more)


def links(course: Course) -> None:
    """Ways to what else is known of the adapter."""
    left, right, _ = st.columns([1, 1, 6])
    with left:
        link("adapter", "The adapter", adapter=course.row.key)
    if course.alarms:
        with right:
            link("alarms", "Its alarms", of=label(course.row.served))
