"""Conversations: messages as OpenAI and ShareGPT write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loradiag.core.text import quoted
from loradiag.texts.flaws import TextsError, a_kind, whole

Messages = tuple[Mapping[str, str], ...]

_ROLES = {"human": "user", "gpt": "assistant"}
"""ShareGPT's names for who speaks."""


def messages_of(values: list[Any]) -> Messages:
    """Read {role, content} or {from, value}. Parts of text are put together without anything between them.

    Raises:
        TextsError: One is no message, or has more to it than text.
    """
    return tuple(_message(value, f"message {number:,}") for number, value in enumerate(values, 1))


def _message(value: Any, place: str) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise TextsError(f"{place} is {a_kind(value)}, not an object with role and content", "give a list of messages")
    role, content = (value.get(ours, value.get(theirs)) for ours, theirs in (("role", "from"), ("content", "value")))
    if not isinstance(role, str):
        raise TextsError(f"{place} has no role", "give each message role and content")
    if value.get("tool_calls"):
        raise TextsError(f"{place} calls tools", "give conversations of text only")
    if isinstance(content, list):
        content = "".join(_part(part, place) for part in content)
    if not isinstance(content, str):
        raise TextsError(f"{place} has no text: its content is {a_kind(content)}", "give each message role and content")
    return {"role": whole(_ROLES.get(role, role)), "content": whole(content)}


def _part(part: Any, place: str) -> str:
    kind, text = (part.get("type"), part.get("text")) if isinstance(part, dict) else (a_kind(part), None)
    if kind != "text" or not isinstance(text, str):
        shown = quoted(kind) if isinstance(kind, str) else a_kind(kind)
        raise TextsError(f"{place} has a part that is no text ({shown})", "give conversations of text only")
    return text
