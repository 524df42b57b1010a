"""What a report comes to, in the words of all outputs: the headline, and on what it rests."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from loradiag.core.report import Report
from loradiag.outputs.advice import Advice
from loradiag.outputs.arrange import deciding
from loradiag.outputs.routes import MARKS
from loradiag_dashboard.parts.plain import md

_BOXES = {
    "pass": (st.success, ":material/check_circle:"),
    "inconclusive": (st.warning, ":material/help:"),
    "fail": (st.error, ":material/cancel:"),
}


def headline(found: Advice) -> None:
    """The sentence that answers the question of the page, and what else there is to know."""
    box, icon = _BOXES[found.tone]
    more = "  \n".join(md(sentence(line)) for line in found.more)
    box(f"**{md(sentence(found.text))}**" + (f"  \n{more}" if more else ""), icon=icon)


def verdict(report: Report, found: Advice) -> None:
    """What decided the verdict of the report, where that is another than the headline's."""
    status = report.verdict.status.value
    if status != found.tone:
        because = f", decided by {md(deciding(report))}" if deciding(report) else ""
        st.caption(f"The verdict of the whole report: {MARKS[status]} {status}{because}.")


def bracketed(said: str) -> str:
    """An interval in brackets where it begins with a sign: spreadsheets would take it for a formula."""
    return f"[{said}]" if said.startswith(("+", "-")) else said


def unsigned(said: str) -> str:
    """A number in words without a sign at its start that spreadsheets would take for a formula's."""
    return f"−{said[1:]}" if said.startswith("-") else said.removeprefix("+")


def sentence(text: str) -> str:
    """With a capital at its start and a full stop at its end."""
    return f"{text[:1].upper()}{text[1:]}."


def statements(said: Sequence[tuple[str, str]], title: str = "What this rests on") -> None:
    """Pairs of label and sentence, in a box of their own."""
    with st.container(border=True):
        st.markdown(f"**{title}**")
        st.markdown("  \n".join(f":gray[{md(label)}] {md(text)}" for label, text in said))


def figure(title: str, value: str, below: str, about: str) -> None:
    """A number that answers a part of the question of the page, in a box.

    Args:
        title: Above it; trusted.
        value: The number in words, safe to show as Markdown.
        below: What it is beside, under it; as safe.
        about: What it means, behind a question mark; as safe.
    """
    st.metric(title, value, below, delta_color="off", delta_arrow="off", help=about, border=True)
