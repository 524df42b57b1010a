"""Text and times as the tables hold them."""

from __future__ import annotations

import datetime
import re

from loradiag.core.errors import UsageError
from loradiag.core.text import printable, shorten
from loradiag.core.times import moment_of, own_moment, written

MAX_NAME, MAX_PATH, MAX_TEXT = 500, 4_000, 20_000
"""Characters of a name, of a path, and of notes and reasons."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL refuses in text, and UTF-8 lacks."""

_AGO = re.compile(r"(\d{1,4})([dw])", re.ASCII)


def kept(text: str, most: int = MAX_NAME) -> str:
    """Text that every database takes: of bounded length, and what none of them holds written as an escape."""
    return shorten(_UNSTORABLE.sub(lambda match: printable(match.group()), text), most)


def maybe(text: str | None, most: int = MAX_NAME) -> str | None:
    """The same, of text that may be missing; what is empty is missing."""
    return kept(text, most) if text else None


def moment(text: str) -> str | None:
    """A time of a file, in UTC to the second; None if it is none."""
    try:
        parsed = moment_of(text)
        return written(parsed) if parsed.year >= 1000 else None
    except (ValueError, OverflowError):
        return None


def bound(option: str, text: str | None, now: str) -> str | None:
    """A time that a user gave: a date (its beginning, in UTC), a time, or ``90d`` and ``12w``, so long before now.

    Raises:
        UsageError: It is none of these.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text.strip())
    if ago:
        days = int(ago[1]) * (7 if ago[2] == "w" else 1)
        return written(own_moment(now) - datetime.timedelta(days=days))
    found = moment(text.strip())
    if found is None:
        raise UsageError(f"{option} {printable(text)}: write a date (2026-07-01), a time, or days ago (90d)")
    return found


def days_between(earlier: str, later: str) -> float:
    """Days from one time of the tables to another."""
    return (own_moment(later) - own_moment(earlier)).total_seconds() / 86_400
