"""Findings with their evidence and what to do, the gravest first; ignored ones and notes that a table names stand aside."""

from __future__ import annotations

import streamlit as st

from loradiag.core.findings import Finding, Severity
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.outputs.arrange import SEVERITY_MARKS, active, gates, ignored, undecided
from loradiag.outputs.facts import short_number
from loradiag.outputs.notes import Card, asides, cards, named
from loradiag_dashboard.parts.plain import label, md

TONES = {Severity.ERROR: "red", Severity.WARNING: "orange", Severity.INFO: "blue"}
_MODULES = 40


def findings(report: Report) -> None:
    """Draw all findings of a report."""
    quiet = asides(report)
    notes = [finding for part in quiet for finding in part.notes]
    loud = sorted((row for row in active(report) if row not in notes), key=lambda row: -row.severity.weight)
    if not loud and not notes:
        st.caption("No rule has anything to say.")
    for card in cards(report, loud):
        _card(report, card)
    for part in quiet:
        with st.expander(md(part.words)):
            for card in cards(report, part.notes, len(part.notes)):
                _card(report, card)
    aside = ignored(report)
    if aside:
        with st.expander(f"{len(aside):,} ignored by the policy"):
            for finding in aside:
                st.markdown(f"**{md(finding.code)}** {md(finding.message)}  \nIgnored because: {md(_reason(finding))}")


def _reason(finding: Finding) -> str:
    return finding.reason or "no reason given"


def _card(report: Report, card: Card) -> None:
    finding = card.finding
    word = f"{SEVERITY_MARKS[finding.severity]} {finding.severity.value}"
    gate = " :red-badge[fails the gate]" if gates(report, finding) else ""
    if not gate and undecided(report, finding):
        gate = " :orange-badge[leaves the verdict open]"
    with st.container(border=True):
        head = f":{TONES[finding.severity]}-badge[{word}] **{md(finding.code)}** {md(finding.rule)}{gate}"
        st.markdown(f"{head} :gray[{finding.confidence.value} confidence]")
        st.markdown("\n".join(_messages(card)))
        if finding.advice:
            st.markdown(f"→ {md(finding.advice)}")
        if finding.modules and named(report, finding) == "module":
            _modules(finding)
        st.caption(f"{_evidence(finding)}Source: {md(finding.source)}")


def _messages(card: Card) -> list[str]:
    if not card.messages:
        return [md(card.finding.message)]
    lines = [f"- {md(message)}" for message in (card.finding.message, *card.messages)]
    return [*lines, *([f"- and {plural(card.more, md(card.noun))} more"] if card.more else [])]


def _evidence(finding: Finding) -> str:
    pairs = (("observed", finding.observed), ("threshold", finding.threshold))
    return "".join(f"{word} {md(short_number(value))} · " for word, value in pairs if value is not None)


def _modules(finding: Finding) -> None:
    with st.popover(plural(len(finding.modules), "module"), type="tertiary"):
        st.text("\n".join(label(name, 160) for name in finding.modules[:_MODULES]))
        if len(finding.modules) > _MODULES:
            st.caption(f"and {len(finding.modules) - _MODULES:,} more: the JSON report has all")
