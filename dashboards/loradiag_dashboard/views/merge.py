"""Page."""

import streamlit as st


def merge() -> None:
    """Draw the page."""
    st.write("to come")
