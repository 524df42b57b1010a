"""Choices that a link carries: each is a parameter of the address, which is clean where the choice is the usual one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st


def kept(
    parameter: str,
    options: Sequence[str],
    title: str,
    *,
    usual: str | None = None,
    always: bool = False,
    draw: Callable[..., Any] = st.selectbox,
    **told: Any,
) -> str:
    """Let the reader choose one of some options by a widget that follows the address, and the address it.

    Args:
        parameter: Of the address.
        options: What may be chosen, as the address has it; at least one.
        title: Above the widget; trusted.
        usual: What is chosen where the address names nothing; the first if None.
        always: Whether the address names the usual too, as where it is not the same for every reader.
        draw: The widget of Streamlit.
        told: More of its arguments.
    """
    start = options[0] if usual is None else usual
    widget, seen = f"kept-{parameter}", f"kept-{parameter}-as"
    asked = st.query_params.get(parameter)
    current = st.session_state.get(widget)
    if current not in options or st.session_state.get(seen) != asked:
        current = asked if asked in options else start
    st.session_state[widget] = current  # in any case: on another page the widget is a new one
    chosen = str(draw(title, list(options), key=widget, **told))
    if chosen == start and not always:
        st.query_params.pop(parameter, None)
    else:
        st.query_params[parameter] = chosen
    st.session_state[seen] = st.query_params.get(parameter)
    return chosen
