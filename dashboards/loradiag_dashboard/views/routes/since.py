"""What changed since the report of an earlier release, and which parts of the adapter no route holds."""

from __future__ import annotations

import streamlit as st

from loradiag.core.merge import Merge
from loradiag.core.text import plural
from loradiag.outputs.merging import CHANGES, changes
from loradiag.outputs.merging import since as since_words
from loradiag.outputs.routes import unfolded as parts_of
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.tables import table


def since(found: Merge) -> None:
    """Draw the comparison; nothing where there was none."""
    import pandas as pd

    if found.prior is None:
        return
    st.subheader("Since the earlier release", anchor="since")
    st.markdown(f"Compared with {md(since_words(found.prior))}.")
    told = changes(found)
    if not told:
        st.caption("It has none of these routes.")
        return
    filled = [(name, title) for name, title in CHANGES if any(getattr(change, name) for change in told)]
    content = {"route": [change.route for change in told]}
    content |= {title: [getattr(change, name) or "–" for change in told] for name, title in filled}
    table(pd.DataFrame(content), "since")


def unfolded(found: Merge) -> None:
    """Draw the parts that cannot be folded, with the reason of each."""
    import pandas as pd

    parts = parts_of(found)
    if not parts:
        return
    st.subheader("Not folded", anchor="unfolded")
    st.markdown(f"{plural(len(parts), 'part')} of the adapter cannot be folded: no route holds them.")
    table(
        pd.DataFrame(
            {"part": [label(name, 120) for name in parts], "why": [label(why, 300) for why in parts.values()]}
        ),
        "unfolded",
    )
