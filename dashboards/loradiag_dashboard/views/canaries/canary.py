"""A canary: promote, roll back or keep going, on which metrics, how the intervals came about, and how it went before."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from loradiag.core.canary import Canary
from loradiag.core.text import plural
from loradiag.outputs.canary import MARKS, WORDS, statements, summary
from loradiag_dashboard.parts.findings import findings
from loradiag_dashboard.parts.nothing import lake_argument, nothing
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.reports import any_of, choose
from loradiag_dashboard.parts.told import figure, headline, verdict
from loradiag_dashboard.parts.told import statements as told
from loradiag_dashboard.views.canaries import before
from loradiag_dashboard.views.canaries.margins import margins
from loradiag_dashboard.views.canaries.sequences import sequences
from loradiag_dashboard.views.canaries.table import table

KIND = "canary"


def canary() -> None:
    """Let the reader choose a canary, and draw it."""
    if not any_of(KIND):
        nothing(
            "No canary report yet",
            "It says whether a new adapter may take the old one's place, by the traffic that is split between them.",
            f"loradiag drift canary OLD NEW --lake {lake_argument()} -o reports/canary.json",
        )
        return
    chosen = choose(KIND, ("adapter", "Adapter"), ("traffic", "Traffic"))
    found = chosen.report.measurements.canary if chosen else None
    if chosen is None or found is None:
        return
    said = summary(found)
    headline(said)
    verdict(chosen.report, said)
    _now(found)
    _metrics(found)
    before.before(chosen.row, chosen.card)
    st.subheader("Findings", anchor="findings")
    findings(chosen.report)


def _metrics(found: Canary) -> None:
    if not found.metrics:
        st.caption("Nothing was compared: the lake logs no metric of both adapters.")
        return
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        margins(found)
    with right:
        told(statements(found))
    sequences(found)
    st.subheader("Metrics", anchor="metrics")
    table(found)


def _now(found: Canary) -> None:
    """The decision in numbers."""
    counts = Counter(row.status for row in found.metrics)
    said = ", ".join(f"{MARKS[status]} {counts[status]:,} {WORDS[status]}" for status in WORDS if counts[status])
    needed = max((row.more or 0 for row in found.metrics), default=0)
    with st.container(horizontal=True):
        beside = f"{md(label(found.new, 40))} beside {md(label(found.old, 40))}"
        figure("Decision", md(found.decision), beside, "What to do with the new adapter, by the newest look.")
        below = (
            f"some {needed:,} more are likely needed" if needed else f"at least {found.floor:,} before anything is said"
        )
        figure("Pairs", f"{found.pairs:,}", below, "Requests of both adapters, matched in time.")
        share = found.new_requests / max(found.new_requests + found.old_requests, 1)
        figure(
            "Share of the new",
            f"{share:.0%}",
            f"{found.new_requests:,} of {plural(found.new_requests + found.old_requests, 'request')}",
            "Of the requests of both that count: each conversation and text once a day.",
        )
        figure("Metrics", f"{len(found.metrics):,}", said or "none", "How many there are of each status.")
