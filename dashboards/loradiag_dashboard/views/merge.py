"""Merge: how to deploy an adapter, what every route loses, and where in the model it is lost."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from loradiag.core.merge import Merge, Route
from loradiag.core.report import Report
from loradiag.outputs.deploying import advice, deploys
from loradiag.outputs.facts import short_number
from loradiag.outputs.merging import statements
from loradiag.outputs.routefigures import gain_words, interval_words, share_words
from loradiag.outputs.routes import MARKS, WORDS, measured
from loradiag_dashboard.parts.findings import findings
from loradiag_dashboard.parts.frame import footer
from loradiag_dashboard.parts.nothing import nothing
from loradiag_dashboard.parts.plain import md
from loradiag_dashboard.parts.reports import any_of, choose
from loradiag_dashboard.parts.told import figure, headline, verdict
from loradiag_dashboard.parts.told import statements as told
from loradiag_dashboard.views.routes.gains import gains
from loradiag_dashboard.views.routes.losses import losses
from loradiag_dashboard.views.routes.since import since, unfolded
from loradiag_dashboard.views.routes.table import by_cost, table
from loradiag_dashboard.views.routes.tails import tails

KIND = "merge-drift"
_RUN = "loradiag merge-drift BASE my_adapter/ --prompts texts.jsonl -o reports/my_adapter-merge.json"


def merge() -> None:
    """Draw the page."""
    if not any_of(KIND):
        nothing("No merge-drift report yet", "It says how an adapter can be deployed, and what each way loses.", _RUN)
        footer()
        return
    chosen = choose(KIND, ("adapter", "Adapter"), ("forgetting", "Forgetting"))
    found = chosen.report.measurements.merge if chosen else None
    if chosen is not None and found is not None:
        _draw(chosen.report, found, chosen.card.key)
    footer()


def _draw(report: Report, found: Merge, key: str) -> None:
    said = advice(report)
    headline(said)
    verdict(report, said)
    rows = by_cost(found)
    _now(report, found)
    if found.outputs is None:
        nothing(
            "Judged by its weights alone",
            "No model was run, so that nobody knows what the routes do to its answers. Give texts to measure that.",
            _RUN,
        )
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        losses(report, found, rows)
    with right:
        told(statements(found))
    st.subheader("Routes", anchor="routes")
    table(report, found, rows)
    tails(found, rows)
    if any(row.modules for row in rows):
        st.subheader("Where the update survives", anchor="layers")
        gains(found, rows, key)
    since(found)
    unfolded(found)
    st.subheader("Findings", anchor="findings")
    findings(report)


def _now(report: Report, found: Merge) -> None:
    """The route to take in numbers."""
    rows = measured(found)
    best = next((row for row in rows if row.route == found.recommended), None)
    counts = Counter(row.status for row in rows)
    said = ", ".join(f"{MARKS[status]} {count:,} {WORDS[status]}" for status, count in counts.items())
    with st.container(horizontal=True):
        figure("Deploy as", md(deploys([report])[0]), _bits(best), "What is recommended.")
        if best is not None:
            _numbers(best)
        figure("Routes measured", f"{len(rows):,}", said, "How many there are of each status.")


def _bits(row: Route | None) -> str:
    return "no route is known to keep it" if row is None else f"{short_number(row.bits)} bits a weight"


def _numbers(row: Route) -> None:
    if row.effect_loss is not None:
        between = f"95%: {interval_words(row.effect_loss_low, row.effect_loss_high)}"
        about = "Effect loss: how far its answers are from the adapter's, in units of how far the base's are."
        figure("Effect lost, ρ", short_number(row.effect_loss), between, about)
    predicted = f"predicted {gain_words(row.predicted_gain)}"
    figure("Delta gain", gain_words(row.gain), predicted, "How much of the update is stored: 1 all of it, 0 none.")
    if row.same_top1 is not None:
        figure(
            "Same top-1", share_words(row.same_top1), "of tokens", "Tokens whose likeliest next token stays the same."
        )
