"""The verdict of an inspection, what decided it, and the facts about the adapter; and how its other checks stand."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from loradiag.core.report import Report
from loradiag.outputs.arrange import deciding, tally, unreadable
from loradiag.outputs.facts import facts, origin
from loradiag.overview.cards import SERVED_ROW, Card
from loradiag.overview.lineage import place_of
from loradiag.overview.roster import Row
from loradiag_dashboard.navigation import link
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.reports import way_to_endpoint
from loradiag_dashboard.parts.times import ago
from loradiag_dashboard.parts.verdicts import MARKS, TONES
from loradiag_dashboard.source import overview

_COLUMNS = 4
_PAGES = (
    ("merge-drift", "merge", "Merge"),
    ("forgetting", "forgetting", "Forgetting"),
    ("drift", "traffic", "Traffic"),
    ("canary", "serving", "Canary"),
    (SERVED_ROW, "serving", "Served"),
)
"""Kinds of reports that have a page of their own."""


def head(card: Card, report: Report) -> None:
    """The verdict in a mark and a word, and the facts."""
    verdict = card.verdict
    decided = f"decided by {deciding(report)}" if report.verdict.decided_by else tally(report)
    with st.container(border=True):
        st.markdown(
            f"### :{TONES[verdict]}-badge[{MARKS[verdict]} {md(verdict)}] {md(decided, 200)}  \n"
            f":gray[{md(report.subject.path, 160)} · inspected {ago(report.created)} by loradiag {md(report.tool.version)}]"
        )
        terms(_facts(report), 2 if unreadable(report) else _COLUMNS)


def _facts(report: Report) -> list[tuple[str, str]]:
    lost = unreadable(report)
    if lost is not None:
        return [("file", lost.file), ("problem", lost.detail), ("kind", lost.kind), ("what to do", lost.remedy)]
    return [*facts(report), *origin(report)]


def terms(pairs: Sequence[tuple[str, str]], columns: int = _COLUMNS) -> None:
    """Pairs of label and text, side by side. They need not be safe."""
    each = -(-len(pairs) // columns) or 1
    for place, start in zip(st.columns(columns), range(0, len(pairs), each), strict=False):
        lines = [f":gray[{md(name)}] {md(text, 160) or '–'}" for name, text in pairs[start : start + each]]
        place.markdown("  \n".join(lines))


@st.fragment(run_every=15)
def others(row: Row) -> None:
    """How the other checks of the adapter stand, each a way to its page."""
    now = next((other for other in overview().rows if other.key == row.key), row)
    with st.container(horizontal=True, gap="medium"):
        for kind, page, title in _PAGES:
            card = now.newest.get(kind)
            if card is not None:
                said = f"{title}: {MARKS.get(card.verdict, '·')} {md(label(card.words or card.verdict, 48))}"
                way = way_to_endpoint(card) if kind == SERVED_ROW else {"adapter": now.key}
                link(page, said + (" (earlier weights)" if kind in now.stale else ""), **way)
        for card in overview().cards:
            if card.kind == "trajectory" and place_of(card.path) == now.path:
                link("compare", "Checkpoints of its run", of="run", run=card.key)
                break
        if now.requests is not None and "drift" not in now.newest:
            link("traffic", f"Traffic: {now.requests.recent:,} requests in 7 days", adapter=now.key)
        if now.state == "alarm":
            link("alarms", md(f"Alarms: {label(now.why, 60)}"))
