"""Topics and novel requests of a window, arranged for every output. All text is safe to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from loradiag.core.drift import DriftWindow, Exemplar, TopicShare
from loradiag.core.text import printable, shorten
from loradiag.outputs.flips import cut
from loradiag.outputs.scores import p_words
from loradiag.outputs.windowfigures import route_words, share_words
from loradiag.outputs.windows import moment

GREW, SHRANK = "↗", "↘"
"""Beside topics; with the numbers, so that no colour is needed."""

SHORT = 120
"""Characters of a text in a row."""


class Part(msgspec.Struct, frozen=True):
    """One column of the table of novel requests: ``right`` aligned if a number, ``worth`` as elsewhere."""

    title: str
    meaning: str
    worth: int
    say: Callable[[Exemplar], str]
    right: bool = False


def topics(window: DriftWindow) -> list[TopicShare]:
    """Those that grew most first, those that shrank most last."""
    return sorted(window.topics, key=lambda row: -row.residual)


def change(row: TopicShare) -> str:
    """``5.0% → 21.0% ↗``."""
    return f"{share_words(row.expected)} → {share_words(row.observed)} {way(row)}".rstrip()


def way(row: TopicShare) -> str:
    """Which way a topic's share went."""
    return GREW if row.observed > row.expected else SHRANK if row.observed < row.expected else ""


def like(record: int) -> str:
    """A record of the training data by its number."""
    return f"#{record:,}"


def group(row: Exemplar) -> str:
    """``1 (18 alike)``: numbers by falling size."""
    return f"{row.group + 1:,} ({row.group_size:,})"


def parts(shown: Sequence[Exemplar], *, texts: bool = True) -> list[Part]:
    """The columns that have something to show.

    Args:
        shown: Novel requests.
        texts: Whether to show texts in columns, where there are any.
    """
    every = [*_PARTS, *(_TEXTS if texts else ())]
    return [part for part in every if any(part.say(row) not in ("", "–") for row in shown)]


def told(row: Exemplar) -> list[tuple[str, str]]:
    """Pairs of label and text: what was asked, and what stands nearest to it in the training data, as far as it is known."""
    pairs = (("asked", row.text), ("nearest", row.neighbour_text))
    return [(label, said) for label, text in pairs if text is not None and (said := cut(text))]


def _text(text: str | None) -> str:
    return "" if text is None else cut(text, SHORT)


_PARTS = (
    Part("time", "When it was asked, in UTC.", 8, lambda row: "–" if row.time is None else moment(row.time)),
    Part("request", "Its number in the log.", 9, lambda row: shorten(printable(row.request), 64)),
    Part("cosine", "To the nearest reference.", 10, lambda row: f"{row.cosine:.3f}", right=True),
    Part("p", "Share of held-out references that are as far or farther.", 5, lambda row: p_words(row.p), right=True),
    Part("nearest", "The nearest record of the training data.", 6, lambda row: like(row.neighbour), right=True),
    Part("topic", "The topic of that record.", 3, lambda row: f"{row.topic}", right=True),
    Part(
        "alike", "The group of novel requests that are like each other, and how many these are.", 7, group, right=True
    ),
    Part(
        "route", "The adapter whose baseline takes it for its own, or the base.", 4, lambda row: route_words(row.route)
    ),
)
_TEXTS = (
    Part("text", "What was asked.", 11, lambda row: _text(row.text)),
    Part("nearest text", "The record nearest to it.", 2, lambda row: _text(row.neighbour_text)),
)
