"""The app: what Streamlit runs for every session, and again at every click."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from loradiag.core.errors import LoradiagError
from loradiag_dashboard.navigation import pages
from loradiag_dashboard.parts.frame import framed
from loradiag_dashboard.source import plain_error, source

_ICON = Path(__file__).with_name("icon.svg")  # our own: Streamlit fetches those that it names from elsewhere


def main() -> None:
    """Draw the page that the address names."""
    st.set_page_config(page_title="loradiag", page_icon=str(_ICON), layout="wide")
    try:
        source()
    except LoradiagError as error:
        st.error(plain_error(error), icon=":material/error:")
        st.stop()
    chosen = st.navigation(list(pages().values()), position="top")
    framed(chosen)


main()
