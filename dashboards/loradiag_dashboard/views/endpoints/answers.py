"""Answers that changed under load: whose, to which prompt, beside what was said alone. Texts where the report keeps them."""

from __future__ import annotations

import streamlit as st

from loradiag.core.served import Served, ServedExample, ServedModel, ServedText
from loradiag.core.text import plural
from loradiag.outputs.served import named
from loradiag_dashboard.parts.plain import label, lines, md
from loradiag_dashboard.views.endpoints.order import gravest_first

SHOWN = 8
"""Answers that are drawn; who needs more reads the JSON."""

_TEXT = 1200


def answers(found: Served) -> None:
    """Draw some of each adapter in turn, those of the gravest first."""
    every = [(row, example) for row in gravest_first(found) for example in row.examples]
    if not every:
        return
    st.subheader("Answers that changed under load", anchor="answers")
    if all(example.alone.text is None for _, example in every):
        st.caption("The report has their hashes and lengths; loradiag serve-check --show-text keeps the texts.")
    some = in_turn(found)[:SHOWN]
    for start in range(0, len(some), 2):
        for place, (row, example) in zip(st.columns(2, gap="medium"), some[start : start + 2], strict=False):
            with place:
                _one(row, example)
    if len(every) > len(some):
        st.caption(f"and {plural(len(every) - len(some), 'more answer')}: the JSON report has all that were kept")


def in_turn(found: Served) -> list[tuple[ServedModel, ServedExample]]:
    """The first of each adapter, then the second of each: those that are another's before others."""
    placed = [
        (not any(one.equals for one in row.examples), number, row, example)
        for row in gravest_first(found)
        for number, example in enumerate(sorted(row.examples, key=lambda one: one.equals is None))
    ]
    return [(row, example) for _, _, row, example in sorted(placed, key=lambda part: part[:2])]


def _one(row: ServedModel, example: ServedExample) -> None:
    with st.container(border=True, gap="xsmall"):
        whose = f" :red-badge[✗ what {md(label(example.equals, 40))} says]" if example.equals is not None else ""
        gap = f" :gray[parted by {example.gap:.2g} nats]" if example.gap is not None else ""
        st.markdown(f"**{md(named(row.name, 60))}**, prompt {example.prompt:,}{whose}{gap}")
        for place, (word, text) in zip(
            st.columns(2, gap="small"), (("alone", example.alone), ("under load", example.loaded)), strict=True
        ):
            with place:
                _text(word, text)


def _text(word: str, text: ServedText) -> None:
    st.caption(f"{word}, {plural(text.characters, 'character')}")
    if text.text is None:
        st.code(label(text.sha256), language=None)
    else:
        st.text(lines(text.text, _TEXT) or " ")
