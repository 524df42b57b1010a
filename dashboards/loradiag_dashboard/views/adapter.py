"""Page."""

import streamlit as st


def adapter() -> None:
    """Draw the page."""
    st.write("to come")
