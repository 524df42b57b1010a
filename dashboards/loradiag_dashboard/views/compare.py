"""Page."""

import streamlit as st


def compare() -> None:
    """Draw the page."""
    st.write("to come")
