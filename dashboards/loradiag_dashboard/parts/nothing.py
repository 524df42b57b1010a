"""Where there is nothing to show: why, and what to run."""

from __future__ import annotations

import shlex

import streamlit as st

from loradiag.core.text import printable
from loradiag_dashboard.source import settings


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


def command(*parts: str) -> str:
    """A command line that a shell takes as it is; its arguments need not be safe."""
    return " ".join(["loradiag", *map(quoted, parts)])


def quoted(word: str) -> str:
    """An argument as a shell takes it and a terminal shows it."""
    return shlex.quote(printable(word))


def lake_argument() -> str:
    """The lake that is shown, as an argument; what to put there where none is."""
    return quoted(settings().traffic or "lake/")
