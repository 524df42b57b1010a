"""Adapters that were compared: all with all, and for two of them where in the network they meet."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag.core.comparing import Comparison
from loradiag.outputs.comparing import (
    FIGURES,
    MARKS,
    MEANINGS,
    MEASURES,
    WORDS,
    most_first,
    name,
    notes,
    pair_name,
    sentence,
    statements,
)
from loradiag_dashboard.parts import told
from loradiag_dashboard.parts.charts import chart
from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.findings import findings
from loradiag_dashboard.parts.heatmap import COLUMNS, Look, map_of
from loradiag_dashboard.parts.nothing import nothing
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table
from loradiag_dashboard.source import overview
from loradiag_dashboard.views.sidebyside.choosing import one_of
from loradiag_dashboard.views.sidebyside.meeting import look_of, meeting, related, titled

if TYPE_CHECKING:
    import pandas as pd

MAPPED = 60
"""Adapters in the map of all with all."""


def together() -> None:
    """Draw it."""
    cards = {card.key: card for card in overview().cards if card.kind == "compare"}
    if not cards:
        nothing(
            "No adapters were compared",
            "A comparison tells whether adapters are the same, related or strangers, and whether they would collide.",
            "loradiag compare adapter_a/ adapter_b/ -o reports/compare.json",
        )
        return
    made = one_of("comparison", cards, "Comparison")
    found = made.measurements.comparison if made else None
    if made is None or found is None:
        return
    st.info(f"**{md(sentence(found), 400)}**", icon=":material/compare_arrows:")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        measure = kept("by", list(MEASURES), "Measure", usual="interference", format_func=titled)
        _matrix(found, measure)
    with right:
        told.statements(statements(found), "Adapters")
        findings(made)
    _pairs(found)
    meeting(found, measure)


def _matrix(found: Comparison, measure: str) -> None:
    """All with all; nothing for two."""
    if not 2 < len(found.adapters) <= MAPPED:
        return
    frame, names, look = matrix_frame(found, measure)
    hover = (("pair", "pair"), ("said", titled(measure)), ("relation", "relation"))
    made = map_of(frame, roles=names, columns=names, look=look, x_title="", tooltips=hover)
    about = "A cell is a pair of adapters; its sign says what they are to each other."
    chart(
        made,
        frame[["pair", "value", "said", "relation"]],
        name="matrix",
        title=f"{titled(measure)}, all with all",
        about=about,
    )


def matrix_frame(found: Comparison, measure: str) -> tuple[pd.DataFrame, list[str], Look]:
    """Every pair twice, the names of rows and columns, and the scale."""
    import pandas as pd

    _, value, say = MEASURES[measure]
    names = [f"{place} {name(adapter, 24)}" for place, adapter in enumerate(found.adapters, 1)]
    look = look_of(measure, [number for pair in found.pairs if (number := value(pair)) is not None])
    rows = [
        {
            "layer": names[one],
            "role": names[other],
            "value": math.nan if (number := value(pair)) is None else number,
            "text": f"{say(number)} {MARKS[pair.relation]}".strip()
            if len(names) <= COLUMNS
            else MARKS[pair.relation].strip(),
            "bright": number is not None and look.is_bright(number),
            "said": say(number),
            "relation": WORDS[pair.relation],
            "pair": pair_name(found, pair),
        }
        for pair in found.pairs
        for one, other in ((pair.a, pair.b), (pair.b, pair.a))
    ]
    return pd.DataFrame(rows), names, look


def _pairs(found: Comparison) -> None:
    st.markdown("**Pairs**", help="Those that interfere most first.")
    config: dict[str, Any] = {
        figure.title.partition(" (")[0]: st.column_config.NumberColumn(help=figure.meaning, format="%.3f")
        for figure in FIGURES
    }
    config["modules"] = st.column_config.NumberColumn(format="localized", help="Compared.")
    frame = pairs_frame(found)
    table(frame, "pairs", column_config=config)
    for word in dict.fromkeys(pair.relation for pair in most_first(found)):
        st.caption(f"{WORDS[word]} {md(MARKS[word])}: {MEANINGS[word]}")


def pairs_frame(found: Comparison) -> pd.DataFrame:
    """Every pair with its relation and figures, those that interfere most first."""
    import pandas as pd

    ranked = most_first(found)
    rows = {
        "pair": [label(pair_name(found, pair), 100) for pair in ranked],
        "relation": [related(pair) for pair in ranked],
    }
    numbers: dict[str, Any] = {}
    for figure in FIGURES:
        numbers[figure.title.partition(" (")[0]] = pd.array([figure.value(pair) for pair in ranked], dtype="Float64")
    numbers["writes, by chance"] = pd.array([pair.left_expected for pair in ranked], dtype="Float64")
    numbers["reads, by chance"] = pd.array([pair.right_expected for pair in ranked], dtype="Float64")
    besides = ["; ".join(notes(found, pair)) for pair in ranked]
    return pd.DataFrame({**rows, **numbers, **({"besides": besides} if any(besides) else {})})
