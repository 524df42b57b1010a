"""Choosing an adapter and one of its reports of a kind; pages about one kind of report begin with it."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from loradiag.core.report import Report
from loradiag.overview.cards import Card
from loradiag.overview.roster import Row
from loradiag_dashboard.navigation import link
from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.pickers import PARAMETER, pick_adapter
from loradiag_dashboard.parts.plain import md
from loradiag_dashboard.parts.verdicts import called, is_earlier
from loradiag_dashboard.source import overview, report


class Chosen(NamedTuple):
    """An adapter, the card of one of its reports, and that report."""

    row: Row
    card: Card
    report: Report


def choose(kind: str, *beside: tuple[str, str]) -> Chosen | None:
    """Let the reader choose an adapter that has a report of a kind, and which one.

    Args:
        kind: As cards have it.
        beside: Pages to go to with the same adapter, and what their links say; trusted.
    """
    rows = overview().rows
    asked = st.query_params.get(PARAMETER) or st.session_state.get("chosen")
    places = st.columns([3, 3, 2], vertical_alignment="bottom")
    with places[0]:
        row = pick_adapter(rows, wanted=lambda row: bool(_cards(row, kind)))
    if row is None:
        return None
    with places[1]:
        card = _pick(row, kind)
    with places[2].container(horizontal=True, horizontal_alignment="right"):
        for name, text in beside:
            link(name, text, adapter=row.key)
    _missed(rows, asked, row, kind)
    if is_earlier(row, card):
        st.warning("This report is about earlier weights of the adapter.", icon=":material/history:")
    found = report(card)
    return None if found is None else Chosen(row, card, found)


def way_to_endpoint(card: Card) -> dict[str, str]:
    """The address of the report about an endpoint of which a card tells one adapter, as parameters of the page of servers."""
    way = {"of": "endpoint"}
    for one in overview().cards:
        if (one.file, one.place, one.row) == (card.file, card.place, -1):
            way |= {"endpoint": one.path, "report": one.key}
    return way


def any_of(kind: str) -> bool:
    """Whether any adapter has a report of a kind."""
    return any(_cards(row, kind) for row in overview().rows)


def _cards(row: Row, kind: str) -> list[Card]:
    return [card for card in row.cards if card.kind == kind]


def _pick(row: Row, kind: str) -> Card:
    by_key = {card.key: card for card in _cards(row, kind)}
    key = kept("report", list(by_key), "Report", format_func=lambda key: called(row, by_key[key]))
    return by_key[key]


def _missed(rows: list[Row], asked: str | None, shown: Row, kind: str) -> None:
    """Say so where the adapter that was asked for has no such report."""
    missed = next((row for row in rows if row.key == asked and row.key != shown.key), None)
    if missed is not None and not _cards(missed, kind):
        st.info(f"{md(missed.name)} has no {kind} report. This is {md(shown.name)}.", icon=":material/info:")
