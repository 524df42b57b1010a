"""Choosing an adapter: the choice is kept in the address, and from page to page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from loradiag.overview.roster import Row
from loradiag_dashboard.parts.palette import MARKS

PARAMETER = "adapter"


def pick_adapter(
    rows: Sequence[Row], *, wanted: Callable[[Row], bool] | None = None, word: str = "Adapter"
) -> Row | None:
    """Let the reader choose an adapter; the one in the address at first, else the one before, else the worst.

    Args:
        rows: The worst first.
        wanted: Which of them can be chosen here; all if None.
        word: The label; trusted.
    """
    offered = [row for row in rows if wanted is None or wanted(row)]
    if not offered:
        return None
    by_key = {row.key: row for row in offered}
    asked = st.query_params.get(PARAMETER) or st.session_state.get("chosen")
    start = asked if asked in by_key else offered[0].key
    current = st.session_state.get("picker")
    is_kept = current in by_key and st.session_state.get("picked-by-address") == asked
    # Set in any case: on another page the widget is a new one, which would begin with its first option.
    st.session_state["picker"] = current if is_kept else start
    key = st.selectbox(
        word, list(by_key), key="picker", format_func=lambda key: f"{MARKS[by_key[key].state]} {by_key[key].name}"
    )
    chosen = by_key[key]
    st.session_state["chosen"] = st.session_state["picked-by-address"] = chosen.key
    st.query_params[PARAMETER] = chosen.key
    return chosen
