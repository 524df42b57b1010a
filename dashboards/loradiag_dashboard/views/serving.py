"""Serving: new adapters beside old ones on split traffic, and what endpoints answer."""

from __future__ import annotations

import streamlit as st

from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.frame import footer
from loradiag_dashboard.parts.reports import any_of
from loradiag_dashboard.source import overview
from loradiag_dashboard.views.canaries.canary import KIND as CANARY
from loradiag_dashboard.views.canaries.canary import canary
from loradiag_dashboard.views.endpoints.endpoint import KIND as SERVED
from loradiag_dashboard.views.endpoints.endpoint import endpoint

_WAYS = {"canary": "Canaries", "endpoint": "Endpoints"}


def serving() -> None:
    """Draw the page; where there are reports of one kind alone, it begins with these."""
    usual = "endpoint" if not any_of(CANARY) and any(card.kind == SERVED for card in overview().cards) else "canary"
    way = kept(
        "of",
        list(_WAYS),
        "What is served",
        usual=usual,
        draw=st.segmented_control,
        format_func=_WAYS.get,
        required=True,
        label_visibility="collapsed",
    )
    if way == "canary":
        canary()
    else:
        endpoint()
    footer()
