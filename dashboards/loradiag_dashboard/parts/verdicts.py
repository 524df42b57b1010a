"""Verdicts as a mark, a word and a tone, and when and of which weights a report is."""

from __future__ import annotations

from loradiag.overview.cards import Card
from loradiag.overview.roster import Row
from loradiag_dashboard.parts.plain import label

MARKS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "unreadable": "✗"}
TONES = {"pass": "green", "fail": "red", "inconclusive": "orange", "unreadable": "red"}
"""The same as colours that Streamlit names."""

COLORS = {"pass": "green", "fail": "red", "inconclusive": "gold", "unreadable": "pink"}
SHAPES = {"pass": "circle", "fail": "cross", "inconclusive": "diamond", "unreadable": "triangle-up"}
"""Of marks in charts, so that verdicts are told apart without colour."""


def verdict_mark(verdict: str) -> str:
    """A verdict as cells show it: a mark and a word."""
    return f"{MARKS.get(verdict, '·')} {label(verdict)}"


def moment(card: Card) -> str:
    """When a report was made, to the minute, in UTC."""
    return label(card.created.replace("T", " ")[:16])


def is_earlier(row: Row, card: Card) -> bool:
    """Whether a report is about other weights than the adapter has now."""
    return bool(card.sha256 and row.sha256 and card.sha256 != row.sha256)


def weights_of(row: Row, card: Card) -> str:
    """Of which weights a report is, in a word and some digits."""
    if not card.sha256:
        return "not known"
    return f"{'earlier' if is_earlier(row, card) else 'present'} {label(card.sha256[:8])}"


def called(row: Row, card: Card) -> str:
    """A report among others of its kind: its verdict, when it was made, its step, and whether it is of earlier weights."""
    step = f", step {card.step:,}" if card.step is not None else ""
    words = f", {label(card.words, 40)}" if card.words else ""
    earlier = f", earlier weights {label((card.sha256 or '')[:8])}" if is_earlier(row, card) else ""
    return f"{verdict_mark(card.verdict)}, {moment(card)}{step}{words}{earlier}"
