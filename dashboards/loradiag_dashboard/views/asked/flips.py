"""Documents on which base and adapter differ: lost ones beside won ones, with what was asked and both answers."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from loradiag.core.forgetting import Example, Forgetting, Score
from loradiag.outputs.flips import change, headline, shown
from loradiag_dashboard.parts.choices import kept
from loradiag_dashboard.parts.plain import label, lines, md

_TEXT = 1200
"""Characters of a text; reports keep fewer."""


def flips(found: Forgetting) -> None:
    """Let the reader choose a task, and draw its documents."""
    scores = shown(found)
    if not scores:
        st.caption("The report holds no documents. Run it with --examples 5 to see what changed.")
        return
    by_name = {_address(score): score for score in scores}
    name = kept("task", list(by_name), "Task", format_func=lambda name: label(headline(by_name[name]), 120))
    score = by_name[name]
    left, right = st.columns(2, gap="medium")
    words = ("lost", "won") if score.binary else ("worse", "better")
    with left:
        _way(score, f"✗ {words[0]}", score.lost, score.lost_examples)
    with right:
        _way(score, f"✓ {words[1]}", score.won, score.won_examples)


def _address(score: Score) -> str:
    """What the address calls a score."""
    return f"{score.task} {score.route}" if score.route is not None else score.task


def _way(score: Score, word: str, count: int | None, examples: Sequence[Example]) -> None:
    of = f" of {score.n:,}" if score.n else ""
    st.markdown(f"**{word}: {'?' if count is None else f'{count:,}'}**{of} documents")
    if not examples:
        st.caption("None is in the report.")
    for example in examples:
        marks = [" ✓" if value else " ✗" for value in (example.base, example.adapter)] if score.binary else ["", ""]
        with st.container(border=True, gap="xsmall"):
            values = change(score, example)
            st.caption(f"document {example.document:,}" + (f", {md(values)}" if values else ""))
            _texts(example, *marks)


def _texts(example: Example, base: str, adapter: str) -> None:
    if example.prompt:
        st.code(lines(example.prompt, _TEXT), language=None, wrap_lines=True)
    pairs = (
        ("right", example.target),
        (f"base{base}", example.base_answer),
        (f"adapter{adapter}", example.adapter_answer),
    )
    told = [(word, text) for word, text in pairs if text is not None]
    if not told:
        return
    for place, (word, text) in zip(st.columns(len(told), gap="small"), told, strict=True):
        with place:
            st.caption(word)
            st.text(lines(text, _TEXT))
