"""Tables of scores: a row a task and route, with all numbers that there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.outputs.figure import Figure
from loradiag.outputs.forgetting import tally
from loradiag.outputs.questions import (
    LEARNED,
    MARKS,
    WORDS,
    asked,
    called,
    codes,
    flat,
    learned,
    named,
    others,
    parts,
    served,
)
from loradiag.outputs.scorefigures import figures
from loradiag_dashboard.parts.palette import STATE_COLORS
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.parts.told import bracketed
from loradiag_dashboard.views.asked.forest import forest

if TYPE_CHECKING:
    import pandas as pd

_STATES = {"forgot": "fail", "inconclusive": "inconclusive", "safe": "pass", "unjudged": "unknown"}
"""Statuses of scores by the states whose colours they have."""

_TEXTS = ("metric", "95% interval", "its interval", "lost / won", "interval by")
_FORMATS = {"of base": "percent", "n": "localized", "needed": "localized", "sources": "localized"}
_REASONS = 20


def scores(report: Report, found: Forgetting) -> None:
    """Draw the table of what was asked and learned, then parts of groups and other metrics."""
    rows = flat([*asked(found), *learned(found)])
    if rows:
        _table(report, rows, "scores")
        _reasons(rows)
    within = parts(found)
    if within:
        with st.expander(f"{plural(len(within), 'part')} of groups: {md(tally(flat(within)).counts)}"):
            forest(within, "parts-forest", "Parts of groups")
            _table(report, flat(within), "parts")
    rest = flat(others(found))
    if rest:
        with st.expander(f"Other metrics ({len(rest):,})"):
            _table(report, rest, "other-metrics")


def _reasons(rows: Sequence[Score]) -> None:
    """Why figures are missing."""
    said = [f"{named(score)}: {label(score.reason, 300)}" for score in rows if score.reason]
    for line in list(dict.fromkeys(said))[:_REASONS]:
        st.caption(md(line))


def _table(report: Report, rows: Sequence[Score], name: str) -> None:
    told = figures(rows, every=True, rare=True)
    table(_frame(report, rows, told), name, rows=16, placeholder="–", column_config=_columns(told))


def _frame(report: Report, rows: Sequence[Score], told: Sequence[Figure[Score]]) -> pd.DataFrame:
    import pandas as pd

    content: dict[str, Any] = {
        "task": [called(score.task) for score in rows],
        "status": [[_status(score)] for score in rows],
        "kind": [LEARNED if score.role == "domain" else score.role for score in rows],
    }
    if any(score.route is not None for score in rows):
        content["served"] = [served(score) or "unmerged" for score in rows]
    for figure in told:
        content[figure.title] = [_cell(figure, score) for score in rows]
    content["rules"] = [_rules(report, score) for score in rows]
    return pd.DataFrame(content)


def _cell(figure: Figure[Score], score: Score) -> str | float | None:
    if figure.title not in _TEXTS:
        return figure.value(score)
    return bracketed(figure.say(score))


def _status(score: Score) -> str:
    return f"{MARKS[score.status]} {WORDS[score.status]}"


def _rules(report: Report, score: Score) -> str:
    found = codes(report, score)
    return " ".join([*found.decided, *(f"({code})" for code in found.noted)])


def _columns(told: Sequence[Figure[Score]]) -> dict[str, Any]:
    config = st.column_config
    found: dict[str, Any] = {
        "task": config.TextColumn("Task", pinned=True, width=170),
        "status": config.MultiselectColumn(
            "Status",
            options=[f"{MARKS[status]} {WORDS[status]}" for status in _STATES],
            color=[STATE_COLORS[state] for state in _STATES.values()],
            width=115,
            help="Against the margin, by the 90% interval.",
        ),
        "kind": config.TextColumn("Kind", width=110),
        "served": config.TextColumn("Served", width=90, help="Unmerged, or folded along a route."),
        "rules": config.TextColumn(
            "Rules", help="Those that fail the gate; in brackets others that have something to say."
        ),
    }
    for figure in told:
        if figure.title in _TEXTS:
            width = 260 if figure.title == "interval by" else 150 if "interval" in figure.title else 90
            found[figure.title] = config.TextColumn(figure.title, help=figure.meaning, width=width)
        else:
            format_ = _FORMATS.get(figure.title, "%.4g")
            found[figure.title] = config.NumberColumn(figure.title, help=figure.meaning, format=format_, width=86)
    return found
