"""What an endpoint answers: whether each adapter is served as itself, also under load, how soon, and how it was before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from loradiag.core.report import Report
from loradiag.core.served import Served
from loradiag.outputs.served import facts_of, ratio, statements, status, summary
from loradiag.overview.cards import Card
from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.findings import findings
from loradiag_dashboard.parts.nothing import nothing
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.told import figure, headline, verdict
from loradiag_dashboard.parts.told import statements as told
from loradiag_dashboard.parts.verdicts import moment, verdict_mark
from loradiag_dashboard.source import overview, report
from loradiag_dashboard.views.endpoints import before
from loradiag_dashboard.views.endpoints.answers import answers
from loradiag_dashboard.views.endpoints.load import load
from loradiag_dashboard.views.endpoints.table import table
from loradiag_dashboard.views.endpoints.times import times

KIND = "serve-check"


class _Chosen(NamedTuple):
    """The reports of one endpoint, the newest first, and the one that is shown."""

    cards: list[Card]
    card: Card
    report: Report


def endpoint() -> None:
    """Let the reader choose an endpoint and one of its reports, and draw it."""
    cards = [card for card in overview().cards if card.kind == KIND]
    if not cards:
        nothing(
            "No serve-check report yet",
            "It asks a server whether every adapter behind it answers as itself, and not as its base or another.",
            "loradiag serve-check http://localhost:8000 -o reports/served.json",
        )
        return
    chosen = _choose(cards)
    found = chosen.report.measurements.served if chosen else None
    if chosen is None or found is None:
        return
    said = summary(found)
    headline(said)
    verdict(chosen.report, said)
    _now(found)
    left, right = st.columns(2, gap="medium")
    with left:
        load(found)
    with right:
        times(found)
    st.subheader("Adapters", anchor="adapters")
    table(chosen.report, found)
    answers(found)
    before.before(chosen.cards)
    st.subheader("Findings", anchor="findings")
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        findings(chosen.report)
    with right:
        told([*facts_of(found), *statements(found)])


def _choose(cards: Sequence[Card]) -> _Chosen | None:
    left, right = st.columns(2)
    with left:
        urls = list(dict.fromkeys(card.path for card in cards))
        url = kept("endpoint", urls, "Endpoint", format_func=lambda url: label(url, 120))
    own = {card.key: card for card in cards if card.path == url}
    with right:
        key = kept("report", list(own), "Report", format_func=lambda key: _called(own[key]))
    found = report(own[key])
    return None if found is None else _Chosen(list(own.values()), own[key], found)


def _called(card: Card) -> str:
    return f"{verdict_mark(card.verdict)}, {moment(card)}, {label(card.words, 60)}"


def _now(found: Served) -> None:
    """How it is served in numbers."""
    tones = [status(row)[0] for row in found.adapters]
    with st.container(horizontal=True):
        below = f"✗ {tones.count('fail'):,} not, ? {tones.count('inconclusive'):,} undecided"
        figure(
            "As themselves",
            f"{tones.count('pass'):,} of {len(tones):,}",
            below,
            "Adapters that nothing speaks against.",
        )
        loaded, own = sum(row.loaded for row in found.adapters), sum(row.own for row in found.adapters)
        if loaded:
            changed = sum(row.changed_loaded for row in found.adapters) / loaded
            alone = sum(row.changed_own for row in found.adapters) / own if own else 0.0
            figure(
                "Changed under load",
                f"{changed:.1%}",
                f"{alone:.1%} at once without others",
                "Of answers while all adapters were asked, those that were others than alone; ties are left out.",
            )
        if found.times is not None and found.times.ratio is not None:
            figure(
                "Switch/stay", md(ratio(found.times)), "first token, of medians", "With its 95% interval. 1: no wait."
            )
        below = f"in {found.seconds:,.0f} s, {found.concurrency:,} at once"
        figure(
            "Requests", f"{found.requests:,}", below, f"{found.prompts:,} prompts, {found.rounds:,} rounds under load."
        )
