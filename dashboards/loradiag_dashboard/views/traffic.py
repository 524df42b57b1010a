"""Page."""

import streamlit as st


def traffic() -> None:
    """Draw the page."""
    st.write("to come")
