"""The adapters of a registry: a table with filters that are kept in the address, and which of them is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.api.registryview import verdict_of
from loradiag.core.text import plural
from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.nothing import nothing
from loradiag_dashboard.parts.palette import STATE_COLORS
from loradiag_dashboard.parts.plain import label
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.parts.verdicts import MARKS

if TYPE_CHECKING:
    import pandas as pd

    from loradiag.api.registryview import Listed

STAGES = ("live", "canary", "staging", "retired", "none")
"""The furthest first; ``none`` is of adapters of which nobody said one."""

_MARKS = {"live": "●", "canary": "◐", "staging": "○", "retired": "▪", "none": "–"}
_COLORS = {
    "live": STATE_COLORS["pass"],
    "canary": "#1f5fa8",
    "staging": STATE_COLORS["warning"],
    "retired": STATE_COLORS["unknown"],
    "none": STATE_COLORS["unknown"],
}
_WAY = ("live", "canary", "staging", "none", "retired")
"""In this order they stand in the table, of a stage those first that fail, then those that were seen last."""

ENTRY = "entry"
"""The parameter of the address that names an adapter, by its hash."""


def mark(stage: str) -> str:
    """The mark of a stage."""
    return _MARKS.get(stage, "·")


def staged(stage: str | None) -> str:
    """A stage as cells show it: a mark and a word."""
    word = stage or "none"
    return f"{mark(word)} {label(word, 24)}"


def listing(rows: Sequence[Listed]) -> list[Listed]:
    """Draw the filters and the table, and return the rows that are left; a click on one puts it into the address."""
    left = sorted(_filtered(rows), key=lambda row: (_place(row.stage), not row.failing))
    if not left:
        nothing("No adapter is left", "No adapter has all that the filters ask for. Clear one of them above the table.")
        return left
    st.caption(
        f"{len(left):,} of {plural(len(rows), 'adapter')}, the furthest on their way first. Click a row: its history is below."
    )
    table(
        listing_frame(left),
        "registry",
        rows=12,
        column_config=_columns(),
        placeholder="–",
        on_select=_clicked(left),
        selection_mode="single-row",
    )
    return left


def _place(stage: str | None) -> int:
    """Where a stage stands; one that this version does not know at the end."""
    return _WAY.index(stage or "none") if (stage or "none") in _WAY else len(_WAY)


def _clicked(rows: Sequence[Listed]) -> Any:
    """What to do when a row is clicked: put its adapter into the address."""

    def remember() -> None:
        picked = st.session_state["table-registry"].selection.rows
        if picked:
            st.query_params[ENTRY] = rows[picked[0]].sha256

    return remember


def chosen(every: Sequence[Listed], left: Sequence[Listed]) -> Listed | None:
    """The adapter that is looked at: that of the address, else the first that is left."""
    by_hash = {row.sha256: row for row in every}
    offered = [row.sha256 for row in left]
    asked = st.query_params.get(ENTRY)
    if asked in by_hash and asked not in offered:
        offered.insert(0, str(asked))
    if not offered:
        return None
    key = kept(
        ENTRY,
        offered,
        "Adapter",
        always=True,
        format_func=lambda key: f"{staged(by_hash[key].stage)} · {label(by_hash[key].name, 80)} · {key[:12]}",
    )
    return by_hash[key]


def _filtered(rows: Sequence[Listed]) -> list[Listed]:
    columns = st.columns([2, 1.4, 1.4, 1], vertical_alignment="bottom")
    text = columns[0].text_input(
        "Search",
        key="find",
        bind="query-params",
        placeholder="name, owner, tag, base, hash, code",
        icon=":material/search:",
    )
    stages = columns[1].multiselect("Stage", list(STAGES), key="stage", bind="query-params", placeholder="all")
    bases = sorted({label(row.base) for row in rows})
    based = columns[2].multiselect("Base", bases, key="on", bind="query-params", placeholder="all")
    failing = columns[3].toggle("Failing", key="failing", bind="query-params")
    return [
        row
        for row in rows
        if (not text or text.lower() in _searched(row))
        and (not stages or (row.stage or "none") in stages)
        and (not based or label(row.base) in based)
        and (not failing or row.failing)
    ]


def _searched(row: Listed) -> str:
    words = (row.name, row.owner, row.base, row.sha256, row.path, row.notes, *row.tags, *row.codes)
    return " ".join(word for word in words if word).lower()


def listing_frame(rows: Sequence[Listed]) -> pd.DataFrame:
    """A row an adapter."""
    import pandas as pd

    return pd.DataFrame(
        {
            "adapter": [label(row.name, 60) for row in rows],
            "stage": [[staged(row.stage)] if row.stage else [] for row in rows],
            "verdict": [_verdict(row) for row in rows],
            "owner": [label(row.owner, 32) for row in rows],
            "base": [label(row.base, 40) for row in rows],
            "lacks": [", ".join(row.missing) or None for row in rows],
            "rank": [label(row.rank, 24) for row in rows],
            "parameters": pd.array([row.parameters for row in rows], dtype="Int64"),
            "reports": [row.reports for row in rows],
            "results": [row.evaluations for row in rows],
            "evaluated": pd.to_datetime([row.evaluated for row in rows], utc=True, errors="coerce"),
            "tags": [label(", ".join(row.tags), 48) for row in rows],
            "seen": pd.to_datetime([row.last_seen for row in rows], utc=True, errors="coerce"),
            "hash": [row.sha256[:12] for row in rows],
        }
    )


def _verdict(row: Listed) -> str:
    word = verdict_of(row)
    return f"{MARKS.get(word.partition(':')[0], '·')} {word}"


def _columns() -> dict[str, Any]:
    config = st.column_config
    options = [staged(stage) for stage in STAGES]
    return {
        "adapter": config.TextColumn("Adapter", pinned=True, width=190),
        "stage": config.MultiselectColumn("Stage", options=options, color=list(_COLORS.values()), width=105),
        "verdict": config.TextColumn(
            "Verdict", width=150, help="Of the newest inspection; a newest report of another kind that failed is named."
        ),
        "owner": config.TextColumn("Owner", width=110),
        "base": config.TextColumn("Base", width=140),
        "lacks": config.TextColumn("Lacks", width=140, help="What nobody said of it."),
        "rank": config.TextColumn("Rank", width=60),
        "parameters": config.NumberColumn("Parameters", format="compact", width=90),
        "reports": config.NumberColumn("Reports", format="localized", width=70),
        "results": config.NumberColumn("Results", format="localized", width=70, help="Of evaluations."),
        "evaluated": config.DatetimeColumn("Evaluated", format="distance", width=110),
        "tags": config.TextColumn("Tags", width=120),
        "seen": config.DatetimeColumn("Seen", format="distance", width=110),
        "hash": config.TextColumn("Hash", width=115),
    }
