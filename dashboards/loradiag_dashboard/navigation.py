"""The pages, and the way from one to another."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import streamlit as st


class Place(NamedTuple):
    """A page: its title, its icon, where its function is, and whether it is shown at first."""

    title: str
    icon: str
    target: str
    default: bool = False


PLACES: Mapping[str, Place] = {
    "fleet": Place("Fleet", ":material/view_list:", "fleet:fleet", default=True),
    "adapter": Place("Adapter", ":material/tune:", "adapter:adapter"),
    "merge": Place("Merge", ":material/call_merge:", "merge:merge"),
    "forgetting": Place("Forgetting", ":material/psychology_alt:", "forgetting:forgetting"),
    "traffic": Place("Traffic", ":material/timeline:", "traffic:traffic"),
    "serving": Place("Serving", ":material/dns:", "serving:serving"),
    "alarms": Place("Alarms", ":material/notifications:", "alarms:alarms"),
    "compare": Place("Compare", ":material/compare_arrows:", "compare:compare"),
    "registry": Place("Registry", ":material/inventory_2:", "registry:registry"),
}


def pages() -> dict[str, Any]:
    """Return all pages, the first of which is shown at first."""
    return {
        name: st.Page(_drawn(name, place), title=place.title, icon=place.icon, url_path=name, default=place.default)
        for name, place in PLACES.items()
    }


def _drawn(name: str, place: Place) -> Callable[[], None]:
    def draw() -> None:
        module, _, function = place.target.partition(":")
        getattr(importlib.import_module(f"loradiag_dashboard.views.{module}"), function)()

    draw.__name__ = name
    return draw


def go(name: str, **parameters: str) -> None:
    """Go to a page.

    Args:
        name: As in :data:`PLACES`.
        parameters: Of its address.
    """
    st.switch_page(pages()[name], query_params=parameters)


def link(name: str, text: str, **parameters: str) -> None:
    """A link to a page; its text is trusted."""
    st.page_link(pages()[name], label=text, icon=PLACES[name].icon, query_params=parameters)
