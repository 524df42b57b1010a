"""Where there is nothing to show: why, and what to run."""

from __future__ import annotations

import streamlit as st


def nothing(what: str, why: str, command: str | None = None) -> None:
    """Say what is missing, and how to get it.

    Args:
        what: Is not there, in a few words; trusted.
        why: In a sentence; trusted.
        command: That makes it; trusted.
    """
    with st.container(border=True):
        st.markdown(f":material/inbox: **{what}**")
        st.caption(why)
        if command:
            st.code(command, language="bash", wrap_lines=True)
