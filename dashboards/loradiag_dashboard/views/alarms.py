"""Page."""

import streamlit as st


def alarms() -> None:
    """Draw the page."""
    st.write("to come")
