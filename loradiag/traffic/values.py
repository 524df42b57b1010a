"""Values out of records that strangers wrote: each is what it should be, or None."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import Any

import numpy as np

from loradiag.core.times import zoned
from loradiag.traffic.request import MAX_TEXT, RejectedError

Node = Mapping[str, Any]

FIRST, LAST = 946_684_800_000_000, 4_102_444_800_000_000
"""The years 2000 and 2100 in microseconds: a time outside of them is a mistake in units, or a lie."""

MAX_JSON = 4_000_000
"""Characters of a text that is looked into as JSON."""

MAX_VECTOR = 16_384
"""Numbers of an embedding; the largest encoders in use make a quarter of it."""

_LONE = re.compile("[\ud800-\udfff]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((1, 1000), (1, 1), (1000, 1), (1_000_000, 1))
"""Microseconds to a unit, as a fraction: nanoseconds, microseconds, milliseconds, seconds."""


def node(value: object) -> Node:
    """An object, or an empty one."""
    if type(value) is dict:  # asking an abstract class takes five times as long, and logs have one of them a token
        return value
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    """A list, or an empty one."""
    return value if isinstance(value, list | tuple) else ()


def either(record: Node, *names: str) -> Any:
    """The first of some fields that is there and not null."""
    return next((value for name in names if (value := record.get(name)) is not None), None)


def parsed(value: object) -> Any:
    """What the JSON in a text says, as tables and attributes hold objects; a text that is no JSON is itself.

    Raises:
        RejectedError: It is nested beyond all reason.
    """
    if not isinstance(value, str) or value[:1] not in ("[", "{") or len(value) > MAX_JSON:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
    except RecursionError as error:
        raise RejectedError("is nested too deeply") from error


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
        return _of_time(value)
    if isinstance(value, date):
        return _of_time(datetime(value.year, value.month, value.day))
    if isinstance(value, str):
        return _of_text(value.strip()) if len(value) <= 64 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e30 < value < 1e30:
        return None
    return next((at for unit in _UNITS if (at := _within(_scaled(value, *unit))) is not None), None)


def _of_text(told: str) -> int | None:
    # By way of a float, nanoseconds would lose their last digits.
    found = moment(int(told) if told.isascii() and told.isdigit() else number(told))
    if found is not None:
        return found
    try:
        return _of_time(datetime.fromisoformat(told.removesuffix(" UTC")))
    except ValueError:
        return None


def _of_time(time: datetime) -> int | None:
    try:
        since = zoned(time) - _EPOCH
    except OverflowError:
        return None
    return _within(since // timedelta(microseconds=1))


def _scaled(value: float, factor: int, divisor: int) -> int:
    return value * factor // divisor if isinstance(value, int) else round(value * factor / divisor)


def _within(time: int) -> int | None:
    return time if FIRST <= time < LAST else None


def milliseconds(start: int | None, end: int | None) -> float | None:
    """Between two moments; None where one is unknown or they stand the wrong way round."""
    return (end - start) / 1000 if start is not None and end is not None and end >= start else None


def content(value: object) -> str | None:
    """The text of a message's content: text, or the parts of it that are text."""
    if isinstance(value, str):
        return text(value)
    # Without anything between them, as prompts of training data are put together for a baseline.
    return text("".join(part for part in map(_part, items(value)) if part))


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
        if either(told, "role", "from", "type") in ("user", "human"):
            return content(told.get("content", told.get("parts", told.get("value"))))
    return None


def logarithms(values: Iterable[object]) -> list[float]:
    """Finite numbers out of a list, the others left out."""
    # Of a log with the likeliest tokens these are most of all values, so plain floats take the short way.
    found = (value if type(value) is float else number(value) for value in values)
    return [value for value in found if value is not None and isfinite(value)]


def vector(value: object) -> list[float] | None:
    """An embedding; None where there is none.

    Raises:
        RejectedError: It is no list of finite numbers, or a longer one than any encoder makes.
    """
    told = parsed(value)
    if told is None or told == "" or (isinstance(told, list | tuple) and not told):
        return None
    if not isinstance(told, list | tuple) or len(told) > MAX_VECTOR:
        raise RejectedError("has an embedding that is no list of numbers")
    try:
        found = np.array(told, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise RejectedError("has an embedding that is no list of numbers") from error
    if found.ndim != 1 or not (np.abs(found) < 1e30).all():  # NaN is not less either
        raise RejectedError("has an embedding that is no list of numbers")
    return list(map(float, found))


def expect(record: object) -> Node:
    """A record, which must be an object.

    Raises:
        RejectedError: It is none.
    """
    if not isinstance(record, Mapping):
        raise RejectedError("is no object")
    return record
