"""What is to be checked."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from loradiag.core.errors import UsageError
from loradiag.core.text import printable

MICROSECONDS = {"m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
DAY = MICROSECONDS["d"]
_TIMED = re.compile(r"([1-9][0-9]{0,4})([mhdw])")

FLOOR = 50
"""Requests below which a window says nothing: with 5% expected, eight novel ones would be needed to call it drift."""

TOLERANCE = 0.2
"""Production is never exactly what an adapter was trained on: train and test part of one public set of requests, banking77,
differ by so much. Cohen calls 0.1 a small effect and 0.3 a medium one."""


class Window(msgspec.Struct, frozen=True):
    """How requests are cut: by ``time`` (``size`` microseconds), by ``count`` (``size`` requests that count), or ``all``."""

    kind: Literal["time", "count", "all"]
    size: int
    word: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be checked.

    Attributes:
        window: How requests are cut.
        last: The newest so many windows; None for all.
        since: No request before this is looked at, in microseconds; None for no bound.
        until: None from this on.
        floor: Requests that a window needs.
        pool: Windows that may be put together to reach the floor.
        tolerance: Cohen's w of a change in the mix of topics that is no drift.
        recent_days: Days whose answers are compared.
        reference_days: Days before them that they are compared with.
        exemplars: Novel requests that are shown of a window.
        topics: Topics that are shown of a window.
        points: Requests, and references, on the map of the newest window; 0 for no map.
        show_text: Whether kept texts go into the report.
        permutations: Of MMD.
        seed: Of samples and permutations.
    """

    window: Window
    last: int | None = 1
    since: int | None = None
    until: int | None = None
    floor: int = FLOOR
    pool: int = 28
    tolerance: float = TOLERANCE
    recent_days: int = 7
    reference_days: int = 28
    exemplars: int = 8
    topics: int = 6
    points: int = 600
    show_text: bool = False
    permutations: int = 500
    seed: int = 0


def window_of(word: str) -> Window:
    """Read ``1d``, ``6h``, ``30m``, ``2w``, ``200`` or ``all``.

    Raises:
        UsageError: It is none of these.
    """
    if word == "all":
        return Window("all", 0, word)
    if timed := _TIMED.fullmatch(word):
        return Window("time", int(timed[1]) * MICROSECONDS[timed[2]], word)
    if word.isascii() and word.isdigit() and 0 < int(word) < 10**9:
        return Window("count", int(word), word)
    raise UsageError(
        f"--window {printable(word)}: write a time such as 1d or 6h, a number of requests such as 200, or all"
    )
