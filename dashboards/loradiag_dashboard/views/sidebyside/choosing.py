"""Which reports are compared: of two adapters or of one at two times, and of others beside them; all of it in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import streamlit as st

from loradiag.core.report import Report
from loradiag.overview.cards import Card
from loradiag.overview.roster import Row
from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.palette import MARKS
from loradiag_dashboard.parts.plain import label
from loradiag_dashboard.parts.verdicts import called, moment, verdict_mark
from loradiag_dashboard.source import overview, report

KINDS = {"inspect": "inspections", "merge-drift": "merge", "forgetting": "forgetting", "drift": "drift checks"}
MOST = 6
"""Adapters beside the two."""

_LETTERS = "CDEFGH"


class Side(NamedTuple):
    """One of them: ``A``, ``B`` or a later letter, its adapter, the card of its report, and the report."""

    letter: str
    row: Row
    card: Card
    report: Report

    @property
    def name(self) -> str:
        """What it is called beside the other; safe to show, not to read as Markdown."""
        return f"{self.letter} · {label(self.row.name, 32)}"


def kinds(rows: Sequence[Row]) -> list[str]:
    """Kinds of which there are two reports at least."""
    return [kind for kind in KINDS if sum(len(cards_of(row, kind)) for row in rows) > 1]


def cards_of(row: Row, kind: str) -> list[Card]:
    """Its reports of a kind that say what was measured, the newest first."""
    return [card for card in row.cards if card.kind == kind and card.verdict != "unreadable"]


def choose_kind() -> str | None:
    """Let the reader choose the kind of reports; None where there are no two of any."""
    offered = kinds(overview().rows)
    if len(offered) < 2:
        return next(iter(offered), None)
    return kept("kind", offered, "Reports", draw=st.segmented_control, format_func=KINDS.get, required=True)


def choose(kind: str) -> tuple[Side, Side] | None:
    """Let the reader choose two reports of a kind; None where one cannot be read."""
    by_key = {row.key: row for row in overview().rows if cards_of(row, kind)}
    places = st.columns(4)
    before = st.session_state.get("chosen")
    with places[0]:
        a = _row("a", "A", by_key, before if before in by_key else next(iter(by_key)))
    others = [key for key in by_key if key != a.key]
    again = len(cards_of(a, kind)) > 1 or not others
    asked = st.query_params.get("b")
    with places[1]:
        # Of one adapter at two times the earlier is A, so that B less A is what came since.
        first = _card("ra", "A", a, kind, 1 if again and asked in (None, a.key) else 0)
    with places[2]:
        b = _row("b", "B", by_key, a.key if again else others[0])
    with places[3]:
        second = _card("rb", "B", b, kind, 1 if b.key == a.key and first == cards_of(b, kind)[0] else 0)
    found = report(first), report(second)
    if found[0] is None or found[1] is None:
        return None
    return Side("A", a, first, found[0]), Side("B", b, second, found[1])


def beside(kind: str, two: Sequence[Side]) -> list[Side]:
    """Let the reader choose further adapters beside the two; each by its newest report of the kind that can be read."""
    known = {side.row.key for side in two}
    by_name = {label(row.name, 60): row for row in overview().rows if row.key not in known and cards_of(row, kind)}
    if not by_name:
        return []
    chosen = st.multiselect(
        "Beside them",
        list(by_name),
        key="beside",
        bind="query-params",
        max_selections=MOST,
        placeholder=f"up to {MOST} further adapters",
    )
    cards = [(row, cards_of(row, kind)[0]) for row in (by_name[name] for name in chosen)]
    read = [(row, card, found) for row, card in cards if (found := report(card)) is not None]
    return [Side(letter, *found) for letter, found in zip(_LETTERS, read, strict=False)]


def _row(parameter: str, letter: str, by_key: dict[str, Row], usual: str) -> Row:
    def say(key: str) -> str:
        return f"{MARKS[by_key[key].state]} {by_key[key].name}"

    return by_key[kept(parameter, list(by_key), f"Adapter {letter}", usual=usual, always=True, format_func=say)]


def _card(parameter: str, letter: str, row: Row, kind: str, usual: int) -> Card:
    by_key = {card.key: card for card in cards_of(row, kind)}
    keys = list(by_key)
    start = keys[min(usual, len(keys) - 1)]
    key = kept(
        parameter,
        keys,
        f"Report {letter}",
        usual=start,
        always=True,
        format_func=lambda key: called(row, by_key[key]),
    )
    return by_key[key]


def one_of(parameter: str, cards: Mapping[str, Card], title: str) -> Report | None:
    """Let the reader choose one of some reports, kept in the address; None where it cannot be read.

    Args:
        parameter: Of the address.
        cards: By their keys; at least one.
        title: Above the widget; trusted.
    """

    def said(key: str) -> str:
        card = cards[key]
        return f"{verdict_mark(card.verdict)} {label(card.path, 80)}, {moment(card)}"

    return report(cards[kept(parameter, list(cards), title, format_func=said)])
