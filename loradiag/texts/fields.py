"""Where in a record the text is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import msgspec

from loradiag.core.text import quoted
from loradiag.texts.chat import Messages, messages_of
from loradiag.texts.flaws import TO_NAME, TextsError, a_kind, those_there, whole

MAX_SAMPLE = 10_000_000
"""Bytes of a sample in UTF-8. Models take a thousandth of it."""

_CHATS = ("messages", "conversations", "conversation")
Rules = Sequence[tuple[str, ...]]

WHOLE: Rules = (
    *((name,) for name in _CHATS),
    ("text",),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("prompt", "chosen"),
    ("instruction", "input", "output"),
    ("instruction", "input", "response"),
    ("question", "answer"),
    ("content",),
    ("prompt",),
)
"""Where the whole of a text is: the first of which a record has every key is taken."""

ASKED: Rules = (
    *((name,) for name in _CHATS),
    ("instruction", "input"),
    ("prompt",),
    ("question",),
    ("query",),
    ("input",),
    ("text",),
    ("content",),
)
"""Where what a user asked is, without the answer to it."""

_OPTIONAL = "input"

Value = str | Messages


class Choice(msgspec.Struct, frozen=True):
    """What the text of a record is taken from.

    Attributes:
        name: In words, for a report.
        keys: Fields, in the order in which they are put together; empty where the record is itself the text.
        chat: Whether only a list of messages will do.
    """

    name: str
    keys: tuple[str, ...] = ()
    chat: bool = False


def choose(record: Any, field: str | None, rules: Rules = WHOLE) -> Choice:
    """Choose by the keys of the first record, or check that it has ``field``, a key or a path as ``a.b``.

    Raises:
        TextsError: It has no such field, or none of the usual names.
    """
    if field is not None:
        _find(record, field)
        return Choice(whole(field), (field,))
    if isinstance(record, str | list):
        return Choice("strings") if isinstance(record, str) else Choice("messages", chat=True)
    if not isinstance(record, dict):
        raise TextsError(f"is {a_kind(record)}, neither an object nor text", "give objects or texts")
    for rule in rules:
        if all(key in record or (key == _OPTIONAL and len(rule) > 1) for key in rule):
            keys = tuple(key for key in rule if key in record)
            return Choice(" + ".join(keys), rule, chat=keys[0] in _CHATS)
    raise TextsError(f"has no field of a known name; {those_there(record)}", TO_NAME)


def take(record: Any, choice: Choice) -> Value:
    """Return the text or the messages of a record; "" where there are none.

    Parts of a text are put together with a line break, unless there is white space where they meet.

    Raises:
        TextsError: The record lacks a field, or a value is of a wrong type or too long.
    """
    found = [(key, _part(record, key, choice)) for key in choice.keys] or [("", record)]
    parts = [part for part in (_value(part, key, choice.chat) for key, part in found) if not is_blank(part)]
    value: Value
    if all(isinstance(part, str) for part in parts):
        value = reduce(_joined, parts, "")  # type: ignore[arg-type]
    elif all(isinstance(part, tuple) for part in parts):
        value = tuple(message for part in parts for message in part)  # type: ignore[misc]
    else:
        raise TextsError(f"of {choice.name}, one is text and another a list of messages", TO_NAME)
    if (size := size_of(value)) > MAX_SAMPLE:
        raise TextsError(f"the sample has {size:,} bytes; {MAX_SAMPLE:,} are the most", "break it up", kind="large")
    return value


def is_blank(value: Value) -> bool:
    """Whether there is nothing but white space in it."""
    return not any(text.strip() for text in _texts(value))


def size_of(value: Value) -> int:
    """Bytes in UTF-8."""
    return sum(len(text) if text.isascii() else len(text.encode()) for text in _texts(value))


def _texts(value: Value) -> list[str]:
    return [value] if isinstance(value, str) else [message["content"] for message in value]


def _joined(first: str, second: str) -> str:
    meets = not first or first[-1].isspace() or second[0].isspace()
    return first + second if meets else f"{first}\n{second}"


def _part(record: Any, key: str, choice: Choice) -> Any:
    optional = key == _OPTIONAL and len(choice.keys) > 1 and isinstance(record, dict) and key not in record
    return None if optional else _find(record, key)


def _value(value: Any, key: str, chat: bool) -> Value:
    what = f"{quoted(key)} is" if key else "is"
    if value is None:
        return ""
    if isinstance(value, list):
        return messages_of(value)
    if chat:
        raise TextsError(f"{what} {a_kind(value)}, not a list of messages", TO_NAME)
    if not isinstance(value, str):
        raise TextsError(f"{what} {a_kind(value)}, not text", TO_NAME)
    return whole(value)


def _find(record: Any, path: str, above: str = "") -> Any:
    """What lies at ``path``: a key as it is written, or keys with dots between them. Below null everything is null."""
    if record is None and above:
        return None
    if not isinstance(record, dict):
        raise TextsError(f"is {a_kind(record)}, which has no field {quoted(path)}", TO_NAME)
    if path in record:
        return record[path]
    head, dot, rest = path.partition(".")
    if dot and (record.get(head) is None or isinstance(record[head], dict)) and head in record:
        return _find(record[head], rest, f"{above}{head}.")
    raise TextsError(
        f"has no field {quoted(above + path)}; {those_there([f'{above}{name}' for name in record])}", TO_NAME
    )
