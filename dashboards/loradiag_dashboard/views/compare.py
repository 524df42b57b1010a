"""Compare: adapters or reports side by side, adapters that were compared, and the checkpoints of a run."""

from __future__ import annotations

import streamlit as st

from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.frame import footer
from loradiag_dashboard.views.sidebyside.choosing import choose_kind
from loradiag_dashboard.views.sidebyside.pair import pair
from loradiag_dashboard.views.sidebyside.run import run
from loradiag_dashboard.views.sidebyside.together import together

_WAYS = {
    "reports": "Adapters or reports",
    "overlap": "Overlap of adapters",
    "run": "Checkpoints of a run",
}


def compare() -> None:
    """Draw the page."""
    with st.container(horizontal=True, gap="medium"):
        way = kept(
            "of",
            list(_WAYS),
            "What to compare",
            draw=st.segmented_control,
            format_func=_WAYS.get,
            required=True,
        )
        kind = choose_kind() if way == "reports" else None
    if way == "reports":
        pair(kind)
    elif way == "overlap":
        together()
    else:
        run()
    footer()
