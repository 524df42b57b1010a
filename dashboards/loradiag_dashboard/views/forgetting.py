"""Page."""

import streamlit as st


def forgetting() -> None:
    """Draw the page."""
    st.write("to come")
