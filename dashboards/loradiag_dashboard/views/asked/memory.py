"""Whether the adapter recites its training data."""

from __future__ import annotations

import streamlit as st

from loradiag.core.forgetting import Memorisation
from loradiag.outputs.sweep import EXAMPLES, recited, sources
from loradiag_dashboard.parts.plain import lines, md
from loradiag_dashboard.parts.told import statements


def memory(found: Memorisation) -> None:
    """Draw what came out verbatim, and what can be told by likelihood."""
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        with st.container(horizontal=True):
            _share("Recited, trained on", found.recited, found.prompted)
            _share("Recited, held out", found.control_recited, found.control_prompted)
            if found.flag_rate is not None:
                _share("Told by likelihood", found.flagged, found.documents)
        for line in recited(found):
            st.markdown(md(line))
    with right:
        statements(sources(found), "What was compared")
    if found.examples:
        st.markdown("**Documents that it recites**")
    for row in found.examples[:EXAMPLES]:
        st.caption(f"training document {row.document:,}, {row.tokens:,} tokens in a row")
        st.code(lines(row.text), language=None, wrap_lines=True)


def _share(title: str, count: int, of: int) -> None:
    share = f"{count / of:.1%} of {of:,}" if of else "none was asked"
    st.metric(title, f"{count:,}", share, delta_color="off", delta_arrow="off", border=True)
