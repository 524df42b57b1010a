"""Routes × measures: a row a route, the cheapest first, with all its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.merge import Merge, Route
from loradiag.core.report import Report
from loradiag.core.text import listed, printable, shorten
from loradiag.outputs.figure import Figure
from loradiag.outputs.routefigures import figures
from loradiag.outputs.routes import MARKS, WORDS, called, codes, left_out, measured
from loradiag_dashboard.parts.palette import STATE_COLORS
from loradiag_dashboard.parts.plain import md
from loradiag_dashboard.parts.tables import table as draw_table
from loradiag_dashboard.parts.told import bracketed

if TYPE_CHECKING:
    import pandas as pd

TONES = {"pass": "pass", "fail": "fail", "inconclusive": "inconclusive", "unfinished": "unknown"}
"""Statuses of routes by the states whose colours they have."""

_FORMATS = {
    "bits": "%.3g",
    "gain": "%.4f",
    "predicted": "%.4f",
    "cosine": "%.4f",
    "same top-1": "percent",
    "NLL kept": "percent",
    "RMS Δp": "percent",
    "swallowed": "percent",
    "overflow": "localized",
}
_SMALL = "%.3g"


def by_cost(found: Merge) -> list[Route]:
    """The routes that apply, those of fewer bits first; of equals the one that loses less."""
    return sorted(measured(found), key=lambda row: (row.bits, _loss(row)))


def _loss(row: Route) -> float:
    if row.effect_loss is not None:
        return row.effect_loss
    return abs(1 - row.gain) if row.gain is not None else float("inf")


def words_of(row: Route) -> str:
    """A status with its mark."""
    return f"{MARKS.get(row.status, '?')} {WORDS.get(row.status, row.status)}"


def table(report: Report, found: Merge, rows: Sequence[Route]) -> None:
    """Draw the table, and below it what it does not hold."""
    if rows:
        told = figures(found, every=True, rare=True)
        draw_table(
            _frame(report, found, rows, told),
            "routes",
            rows=20,
            placeholder="–",
            column_config=_columns(told, wide=any(_use(row, found).count(",") for row in rows)),
        )
        st.caption(_below(rows))
    for reason, names in left_out(found):
        st.caption(f"Not measured: {md(listed(names, 20))}. {md(reason)}")


def _below(rows: Sequence[Route]) -> str:
    said = "The cheapest first; click a title to sort, rest on it to learn what it says."
    return said + (" *must keep*: asked for, and the gate." if any(row.gated for row in rows) else "")


def _frame(report: Report, found: Merge, rows: Sequence[Route], told: Sequence[Figure[Route]]) -> pd.DataFrame:
    import pandas as pd

    content: dict[str, Any] = {
        "route": [called(row.route) for row in rows],
        "use": [_use(row, found) for row in rows],
        "status": [[words_of(row)] for row in rows],
    }
    for figure in told:
        content[figure.title] = [_cell(figure, row) for row in rows]
    content["rules"] = [_rules(report, row) for row in rows]
    content["how"] = [shorten(printable(row.summary), 120) for row in rows]
    return pd.DataFrame(content)


def _use(row: Route, found: Merge) -> str:
    parts = ["★ recommended"] if row.route == found.recommended else []
    return ", ".join([*parts, *(["must keep"] if row.gated else [])])


def _rules(report: Report, row: Route) -> str:
    found = codes(report, row)
    return " ".join([*found.decided, *(f"({code})" for code in found.noted)])


def _cell(figure: Figure[Route], row: Route) -> str | float | None:
    if not _is_text(figure):
        return figure.value(row)
    return bracketed(figure.say(row))


def _is_text(figure: Figure[Route]) -> bool:
    return "interval" in figure.title


def _columns(told: Sequence[Figure[Route]], *, wide: bool) -> dict[str, Any]:
    config = st.column_config
    options = [f"{MARKS[status]} {WORDS[status]}" for status in TONES]
    found: dict[str, Any] = {
        "route": config.TextColumn("Route", pinned=True, width=125),
        "use": config.TextColumn(
            "Use", width=190 if wide else 118, help="What is recommended, and what was asked for: it must keep."
        ),
        "status": config.MultiselectColumn(
            "Status",
            options=options,
            color=[STATE_COLORS[tone] for tone in TONES.values()],
            width=105,
            help="What the rules make of it.",
        ),
        "rules": config.TextColumn("Rules", help="Those that decided; in brackets others that have something to say."),
        "how": config.TextColumn("How", width=330),
    }
    for figure in told:
        if _is_text(figure):
            found[figure.title] = config.TextColumn(figure.title, help=figure.meaning, width=140)
        else:
            format_ = _FORMATS.get(figure.title, _SMALL)
            found[figure.title] = config.NumberColumn(figure.title, help=figure.meaning, format=format_, width=88)
    return found
