"""Every name that is served, with what each check came to and its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.report import Report
from loradiag.core.served import Served
from loradiag.outputs.advice import Tone
from loradiag.outputs.arrange import active
from loradiag.outputs.served import ANSWERING, BESIDE, FIGURES, ISOLATION, MARKS, named
from loradiag_dashboard.parts.tables import table as draw_table
from loradiag_dashboard.parts.told import bracketed
from loradiag_dashboard.views.endpoints.order import gravest_first

if TYPE_CHECKING:
    import pandas as pd


def table(report: Report, found: Served) -> None:
    """Draw the table."""
    draw_table(served_frame(report, found), "served", rows=20, column_config=_columns())
    st.caption("The gravest first; click a title to sort, rest on it to learn what it says.")


def served_frame(report: Report, found: Served) -> pd.DataFrame:
    """A row a name, the gravest first."""
    import pandas as pd

    rows = gravest_first(found)
    codes: dict[str, list[str]] = {}
    for finding in active(report):
        for name in finding.modules:
            codes.setdefault(name, []).append(finding.code)
    content: dict[str, Any] = {
        "name": [named(row.name, 80) for row in rows],
        "role": [row.role for row in rows],
        "answers at all": [_marked(*ANSWERING[row.answering]) for row in rows],
        "beside its base": [_marked(*BESIDE[row.beside_status]) for row in rows],
        "under load": [_marked(*ISOLATION[row.isolation]) for row in rows],
        "rules": [" ".join(dict.fromkeys(codes.get(row.name, []))) for row in rows],
    }
    for figure in FIGURES:
        content[figure.title] = [bracketed(figure.say(row)) for row in rows]
    return pd.DataFrame(content)


def _marked(tone: Tone, word: str) -> str:
    return f"{MARKS[tone]} {word}" if word else "–"


def _columns() -> dict[str, Any]:
    config = st.column_config
    found: dict[str, Any] = {
        "name": config.TextColumn("Name", pinned=True, width=170),
        "role": config.TextColumn("Role", width=70),
        "answers at all": config.TextColumn("Answers at all", width=115),
        "beside its base": config.TextColumn(
            "Beside its base", width=150, help="Whether it is served, and not its base."
        ),
        "under load": config.TextColumn("Under load", width=165, help="Whether others' requests change its answers."),
        "rules": config.TextColumn("Rules", width=110, help="Findings that name it."),
    }
    return found | {figure.title: config.TextColumn(figure.title, help=figure.meaning) for figure in FIGURES}
