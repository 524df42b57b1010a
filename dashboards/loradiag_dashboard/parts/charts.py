"""Charts: every one has a title in words, its numbers, and a description for those who do not see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.tables import table

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd


def chart(drawn: alt.TopLevelMixin, numbers: pd.DataFrame, *, name: str, title: str, about: str, **options: Any) -> Any:
    """Draw a chart with its numbers below.

    Args:
        drawn: What to draw.
        numbers: What is drawn, as a table that people can read and download.
        name: Of the file and of the chart among all of the page; trusted.
        title: What is seen, in a few words; trusted.
        about: How to read it, in a sentence; trusted.
        options: As of :func:`streamlit.altair_chart`.
    """
    st.markdown(f"**{title}**", help=about)
    found = st.altair_chart(finished(drawn), key=f"chart-{name}", alt=f"{title}. {about}", **options)
    with st.popover("Numbers", icon=":material/table_rows:", type="tertiary"):
        table(numbers, name, width="content")
    return found


def finished(drawn: Any) -> Any:
    """The chart in the dashboard's dress."""
    return (
        drawn.configure_view(strokeWidth=0)
        .configure_axis(grid=True, gridColor=color("grid"), domain=False, tickSize=4, labelLimit=180)
        .configure_legend(orient="top", title=None, labelLimit=260)
    )
