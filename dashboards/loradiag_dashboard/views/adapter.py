"""Adapter: what is in it and whether it is sound: verdict, findings, map of its layers, and all that was measured."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from loradiag.core.kinds import INSPECTION
from loradiag.core.report import Report
from loradiag.outputs.arrange import unreadable
from loradiag.overview.cards import Card
from loradiag.overview.roster import Row
from loradiag_dashboard.navigation import link
from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.findings import findings
from loradiag_dashboard.parts.frame import footer
from loradiag_dashboard.parts.nothing import nothing
from loradiag_dashboard.parts.pickers import pick_adapter
from loradiag_dashboard.parts.verdicts import called, is_earlier
from loradiag_dashboard.source import overview, report
from loradiag_dashboard.views.inspection import heat, history, modules, origin, spectra, tensors, training
from loradiag_dashboard.views.inspection.head import head, others
from loradiag_dashboard.views.inspection.lone import lone

WIDE = 40
"""From this number of layers on, a map of them takes the whole width."""


def adapter() -> None:
    """Draw the page."""
    rows = overview().rows
    if not rows:
        nothing(
            "No adapter yet",
            "Neither the folder of reports nor the traffic tells of one.",
            "loradiag inspect my_adapter/ -o reports/my_adapter.json",
        )
        footer()
        return
    history.follow_click()
    left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
    with left:
        row = pick_adapter(rows)
    assert row is not None, "there are rows"
    with middle:
        card = _pick(row)
    with right.container(horizontal=True, horizontal_alignment="right"):
        link("compare", "Compare with another", a=row.key)
    others(row)
    found = None if card is None else report(card)
    if card is None:
        lone(row)
    elif found is not None:
        _inspected(row, card, found)
    if found is None:
        history.history(row)
    footer()


def _pick(row: Row) -> Card | None:
    """Which of its inspections is shown."""
    by_key = {card.key: card for card in row.cards if card.kind == INSPECTION}
    if not by_key:
        return None
    newest = row.newest[INSPECTION].key if row.newest[INSPECTION].key in by_key else next(iter(by_key))
    key = kept("report", list(by_key), "Report", usual=newest, format_func=lambda key: called(row, by_key[key]))
    return by_key[key]


def _inspected(row: Row, card: Card, found: Report) -> None:
    if is_earlier(row, card):
        st.warning("This report is about earlier weights of the adapter.", icon=":material/history:")
    head(card, found)
    if unreadable(found):
        findings(found)
        _tabs(row, card, found, ("Tensors", "History"))
        return
    if found.findings and 0 < heat.layers(found) <= WIDE:
        left, right = st.columns([2, 3], gap="medium")
        with left:
            findings(found)
        with right:
            _drawings(found)
    else:
        findings(found)
        _drawings(found)
    _tabs(row, card, found, tuple(_TABS))


def _drawings(found: Report) -> None:
    """The map and the curves: what the eye takes in before it reads."""
    if heat.layers(found):
        heat.heat(found)
    if spectra.has(found):
        spectra.spectra(found)


_TABS: dict[str, tuple[Callable[[Report], bool], Callable[[Row, Card, Report], None]]] = {
    "Modules": (modules.has, lambda row, card, found: modules.modules(found)),  # noqa: ARG005
    "Training": (training.has, lambda row, card, found: training.training(found)),  # noqa: ARG005
    "Base and origin": (origin.has, lambda row, card, found: origin.origin_and_base(found)),  # noqa: ARG005
    "Tensors": (lambda found: True, lambda row, card, found: tensors.tensors(found)),  # noqa: ARG005
    "Policy": (lambda found: True, lambda row, card, found: tensors.policy(found)),  # noqa: ARG005
    "History": (lambda found: True, lambda row, card, found: history.history(row)),  # noqa: ARG005
}


def _tabs(row: Row, card: Card, found: Report, names: tuple[str, ...]) -> None:
    """What else was measured; only the part that is looked at is drawn."""
    there = [name for name in names if _TABS[name][0](found)]
    for name, tab in zip(there, st.tabs(there, key="view", bind="query-params"), strict=True):
        if tab.open:
            with tab:
                _TABS[name][1](row, card, found)
