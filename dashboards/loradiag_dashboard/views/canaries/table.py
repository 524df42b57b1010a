"""Every metric of a canary with its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.canary import Canary
from loradiag.outputs.canary import FIGURES, named
from loradiag_dashboard.parts.palette import STATE_COLORS
from loradiag_dashboard.parts.tables import table as draw_table
from loradiag_dashboard.parts.told import bracketed, unsigned
from loradiag_dashboard.views.canaries.margins import worded

if TYPE_CHECKING:
    import pandas as pd

_STATES = {
    "worse": "fail",
    "undecided": "inconclusive",
    "insufficient": "unknown",
    "fine": "pass",
    "better": "pass",
}
"""Statuses of metrics by the states whose colours they have."""

_INTERVAL = "always-valid interval"


def table(found: Canary) -> None:
    """Draw the table."""
    draw_table(metrics_frame(found), "canary-metrics", placeholder="–", column_config=_columns())


def metrics_frame(found: Canary) -> pd.DataFrame:
    """A row a metric, in the report's order; numbers in words, each in its metric's unit."""
    import pandas as pd

    content: dict[str, Any] = {
        "metric": [named(row.metric) for row in found.metrics],
        "status": [[worded(row.status)] for row in found.metrics],
    }
    for figure in FIGURES:
        said = bracketed if figure.title == _INTERVAL else unsigned
        content[figure.title] = [said(figure.say(row)) for row in found.metrics]
    content["more pairs"] = pd.array([row.more for row in found.metrics], dtype="Int64")
    return pd.DataFrame(content)


def _columns() -> dict[str, Any]:
    config = st.column_config
    known = {worded(status): STATE_COLORS[state] for status, state in _STATES.items()}  # type: ignore[arg-type]
    found: dict[str, Any] = {
        "metric": config.TextColumn("Metric", pinned=True, width=180),
        "status": config.MultiselectColumn("Status", options=list(known), color=list(known.values()), width=105),
        "more pairs": config.NumberColumn(
            "More pairs", format="localized", help="That are likely needed until it is decided, if all stays as it is."
        ),
    }
    return found | {figure.title: config.TextColumn(figure.title, help=figure.meaning) for figure in FIGURES}
