"""Adapters that were never inspected on their own: what a fleet's table, other reports, or the traffic tell of them."""

from __future__ import annotations

import streamlit as st

from loradiag.core.fleet import FleetAdapter
from loradiag.core.report import Report
from loradiag.core.text import listed
from loradiag.outputs.facts import facts, percent, short_number, size
from loradiag.overview.cards import FLEET_ROW, SERVED_ROW, Card
from loradiag.overview.roster import Row
from loradiag_dashboard.parts.nothing import command, nothing
from loradiag_dashboard.parts.plain import label, md
from loradiag_dashboard.parts.times import ago
from loradiag_dashboard.parts.verdicts import MARKS, TONES
from loradiag_dashboard.source import report
from loradiag_dashboard.views.inspection.head import terms

_TRAFFIC = ("drift", "watch", "canary", SERVED_ROW)


def lone(row: Row) -> None:
    """Draw what is known, and how to learn more."""
    scanned = next((card for card in row.cards if card.kind == FLEET_ROW), None)
    other = next((card for card in row.cards if card.kind not in (FLEET_ROW, *_TRAFFIC)), None)
    if scanned is not None:
        _scanned(scanned)
        _ask(
            row,
            "Not inspected on its own",
            "A scan of the fleet keeps a line of each adapter. An inspection shows all.",
        )
    elif other is not None:
        _measured(other)
        _ask(row, "Not inspected", "It was measured for another question alone. An inspection shows what is in it.")
    else:
        nothing(
            "Only its traffic is known",
            "No report is about the adapter itself. Reports and traffic belong together where the traffic's name of the "
            "adapter is that of its folder, or where its baseline is bound to its weights.",
            "loradiag inspect my_adapter/ -o reports/my_adapter.json",
        )


def _ask(row: Row, what: str, why: str) -> None:
    nothing(what, why, command("inspect", row.path, "-o", f"reports/{row.name.replace('/', '-')}.json"))


def _scanned(card: Card) -> None:
    found = report(card)
    fleet = found.measurements.fleet if found else None
    adapter = fleet.adapters[card.row] if fleet and card.row < len(fleet.adapters) else None
    with st.container(border=True):
        _verdict(card, f"in a scan of the fleet {ago(card.created)}")
        if card.headline:
            st.markdown(f"**{md(card.headline, 400)}**")
        if card.codes:
            st.markdown(f":gray[errors and warnings] {md(listed(card.codes, 12), 200)}")
        if adapter is not None:
            terms(scan_facts(adapter))


def scan_facts(adapter: FleetAdapter) -> list[tuple[str, str]]:
    """Pairs of label and text of an adapter in a fleet; they need not be safe."""
    beyond = [f"{name.replace('_', ' ')} (z {value:+.1f})" for name, value in adapter.outlying.items()]
    pairs = (
        ("method", adapter.method),
        ("base", adapter.base),
        ("rank", None if adapter.rank is None else str(adapter.rank)),
        ("scale", None if adapter.scale is None else short_number(adapter.scale)),
        ("modules", f"{adapter.modules:,}"),
        ("parameters", f"{adapter.parameters:,}"),
        ("size", f"{size(adapter.bytes)}, {adapter.dtype or '?'}"),
        ("sha256", f"{adapter.sha256[:16]}…" if adapter.sha256 else None),
        ("σ₁, largest", short_number(adapter.spectral_norm)),
        ("‖ΔW‖F, of all", short_number(adapter.frobenius_norm)),
        ("stable rank, median", short_number(adapter.stable_rank)),
        ("entropy rank over r", percent(adapter.entropy_share)),
        ("kurtosis", short_number(adapter.kurtosis)),
        ("outside the fleet's bands", ", ".join(beyond) or "nothing"),
        ("stamp", f"by {adapter.owner}" if adapter.owner else "yes" if adapter.stamped else "none"),
        ("changed", adapter.modified),
    )
    return [(name, value) for name, value in pairs if value is not None]


def _measured(card: Card) -> None:
    found: Report | None = report(card)
    with st.container(border=True):
        _verdict(card, f"of {label(card.kind)} {ago(card.created)}")
        if found is not None:
            terms(facts(found))


def _verdict(card: Card, when: str) -> None:
    st.markdown(f"### :{TONES[card.verdict]}-badge[{MARKS[card.verdict]} {md(card.verdict)}] {md(when)}")
