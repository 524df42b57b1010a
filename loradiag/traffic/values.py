"""Values out of records that strangers wrote: each is what it should be, or None."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from loradiag.traffic.request import MAX_TEXT, RejectedError

Node = Mapping[str, Any]

FIRST, LAST = 946_684_800_000_000, 4_102_444_800_000_000
"""The years 2000 and 2100 in microseconds: a time outside of them is a mistake in units, or a lie."""

_LONE = re.compile("[\ud800-\udfff]")
_UNITS = (1e-3, 1.0, 1e3, 1e6)
"""Microseconds to a unit: nanoseconds, microseconds, milliseconds, seconds."""


def node(value: object) -> Node:
    """An object, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    """A list, or an empty one."""
    return value if isinstance(value, list | tuple) else ()


def first(value: object) -> Any:
    """The first of a list; None of an empty one."""
    found = items(value)
    return found[0] if found else None


def text(value: object) -> str | None:
    """Text that UTF-8 can hold, cut to a million characters; None where it is no text or empty."""
    if not isinstance(value, str) or not value:
        return None
    return _LONE.sub("\ufffd", value[:MAX_TEXT])


def word(value: object) -> str | None:
    """A name or an id: text, or a whole number, without white space around it."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**30 else None
    found = text(value)
    return found.strip()[:1000] or None if found else None


def number(value: object) -> float | None:
    """A finite number, also one that is written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value) if not isinstance(value, str) or len(value) < 50 else float("nan")
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None


def whole(value: object) -> int | None:
    """A whole number that is not negative."""
    found = number(value)
    return int(found) if found is not None and found >= 0 and found.is_integer() and found < 2**53 else None


def moment(value: object) -> int | None:
    """Microseconds since 1970 of a time: ISO 8601 (UTC unless it says otherwise), or seconds, milli-, micro-, nanoseconds.

    The unit of a number is the one by which it lies between the years 2000 and 2100.
    """
    if isinstance(value, datetime):
        return _within(int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1e6))
    found = number(value)
    if found is not None:
        return next((at for unit in _UNITS if (at := _within(int(found * unit))) is not None), None)
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        time = datetime.fromisoformat(value.strip())
        return _within(int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1e6))
    except (ValueError, OverflowError):
        return None


def _within(time: int) -> int | None:
    return time if FIRST <= time < LAST else None


def milliseconds(start: int | None, end: int | None) -> float | None:
    """Between two moments; None where one is unknown or they stand the wrong way round."""
    return (end - start) / 1000 if start is not None and end is not None and end >= start else None


def content(value: object) -> str | None:
    """The text of a message's content: text, or the parts of it that are text."""
    if isinstance(value, str):
        return text(value)
    parts = [_part(part) for part in items(value)]
    return text("\n".join(part for part in parts if part))


def _part(part: object) -> str | None:
    if isinstance(part, str):
        return part
    told = node(part)
    if told.get("type", "text") not in ("text", "input_text", "output_text"):
        return None
    found = told.get("text", told.get("content"))
    return found if isinstance(found, str) else None


def asked(messages: object) -> str | None:
    """What the user newly asked: the last message of a conversation that is the user's, or a prompt as it is."""
    if isinstance(messages, str):
        return text(messages)
    if isinstance(messages, Mapping):  # some exports put the list below a key
        return asked(messages.get("messages", messages.get("content")))
    for message in reversed(items(messages)):
        told = node(message)
        if told.get("role", told.get("from")) in ("user", "human"):
            return content(told.get("content", told.get("parts", told.get("value"))))
    return None


def logarithms(values: Iterable[object]) -> list[float]:
    """Numbers out of a list, those that are none left out."""
    return [found for found in map(number, values) if found is not None]


def expect(record: object) -> Node:
    """A record, which must be an object.

    Raises:
        RejectedError: It is none.
    """
    if not isinstance(record, Mapping):
        raise RejectedError("is no object")
    return record
