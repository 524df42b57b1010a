"""Charts: every one has a title in words, its numbers, and a description for those who do not see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from loradiag_dashboard.parts.palette import color
from loradiag_dashboard.parts.tables import table

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd


def chart(drawn: alt.TopLevelMixin, numbers: pd.DataFrame, *, name: str, title: str, about: str, **options: Any) -> Any:
    """Draw a chart with its title above, and its numbers beside that.

    Args:
        drawn: What to draw.
        numbers: What is drawn, as a table that people can read and download.
        name: Of the file and of the chart among all of the page; trusted.
        title: What is seen, in a few words; trusted.
        about: How to read it, in a sentence; trusted.
        options: As of :func:`streamlit.altair_chart`.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{title}**", help=about, width="content")
        with st.popover("Numbers", icon=":material/table_rows:", type="tertiary"):
            table(numbers, name, width="content")
    return st.altair_chart(cast("Any", _Believed(drawn)), key=f"chart-{name}", alt=f"{title}. {about}", **options)


class _Believed:
    """A chart in the dashboard's dress, checked only where charts are: Streamlit asks for its specification alone.

    Dressed by Altair it would be copied once more.
    """

    def __init__(self, drawn: Any) -> None:
        self._drawn = drawn

    def to_dict(self) -> Any:
        from altair.utils import schemapi

        found = self._drawn.to_dict(validate=schemapi.DEBUG_MODE)
        own = found.setdefault("config", {})
        for part, told in _dress().items():
            own[part] = own.get(part, {}) | told
        return found


def believe() -> None:
    """Let Altair check no chart any more: to hold every part against its schema takes up to a third of a page's time.

    Tests do not call this: what they draw is checked.
    """
    from altair.utils import schemapi

    schemapi.disable_debug_mode()


def _dress() -> dict[str, dict[str, Any]]:
    """How all charts look, as Vega-Lite's configuration."""
    return {
        "view": {"strokeWidth": 0},
        "axis": {"grid": True, "gridColor": color("grid"), "domain": False, "tickSize": 4, "labelLimit": 180},
        "legend": {"orient": "top", "title": None, "labelLimit": 260},
    }
