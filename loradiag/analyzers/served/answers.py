"""What is asked, and what is read out of the answers: text, tokens and logprobs, of either API, whatever else is in them."""

from __future__ import annotations

from math import isfinite
from typing import Any, Literal

import msgspec

Api = Literal["completions", "chat"]
PATHS: dict[Api, str] = {"completions": "completions", "chat": "chat/completions"}
TOP = 5
"""Likeliest tokens that are asked for at each place: the most that the completions of OpenAI give."""

MAX_TEXT = 200_000
"""Characters of an answer; some dozens of tokens have a thousandth of it."""


class Manner(msgspec.Struct, frozen=True):
    """How an endpoint is asked."""

    api: Api
    logprobs: bool
    max_tokens: int


class Token(msgspec.Struct, frozen=True):
    """A token of an answer, its logprob, and those of the likeliest tokens at its place."""

    text: str
    logprob: float
    top: dict[str, float]


class Answer(msgspec.Struct, frozen=True):
    """An answer. ``tokens`` is None where the server gives no logprobs."""

    text: str
    tokens: tuple[Token, ...] | None


class Failure(msgspec.Struct, frozen=True):
    """A request without an answer, after all tries; ``kind`` is a stable phrase."""

    kind: str


Outcome = Answer | Failure


class MalformedError(Exception):
    """A document that is no answer."""


def payload(model: str, prompt: str, manner: Manner, *, streamed: bool = False) -> dict[str, Any]:
    """The request for one answer at temperature 0."""
    asked: dict[str, Any] = {"model": model, "max_tokens": manner.max_tokens, "temperature": 0, "stream": streamed}
    if manner.api == "chat":
        asked["messages"] = [{"role": "user", "content": prompt}]
    else:
        asked["prompt"] = prompt
    if manner.logprobs:
        asked |= {"logprobs": True, "top_logprobs": TOP} if manner.api == "chat" else {"logprobs": TOP}
    return asked


def answer_of(document: Any, api: Api) -> Answer:
    """Read an answer.

    Raises:
        MalformedError: It has none.
    """
    choice = _choice(document)
    if choice is None:
        raise MalformedError
    text = _text(choice.get("message")) if api == "chat" else choice.get("text")
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise MalformedError
    found = choice.get("logprobs")
    tokens = (_chat_tokens if api == "chat" else _completion_tokens)(found) if isinstance(found, dict) else None
    return Answer(text, tokens)


def begins(event: Any, api: Api) -> bool:
    """Whether an event of a stream, or a whole answer, has the first of its text."""
    choice = _choice(event)
    if choice is None:
        return False
    if api == "completions":
        return bool(choice.get("text"))
    return bool(_text(choice.get("delta") or choice.get("message")))


def _choice(document: Any) -> dict[str, Any] | None:
    choices = document.get("choices") if isinstance(document, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, dict) else None


def _text(message: Any) -> str | None:
    """The content of a message; of one that thinks first, and was cut off while it did, what it thought."""
    if not isinstance(message, dict):
        return None
    for name in ("content", "reasoning_content", "reasoning"):
        if isinstance(message.get(name), str) and message[name]:
            return str(message[name])
    return "" if "content" in message and message["content"] in (None, "") else None


def _completion_tokens(found: dict[str, Any]) -> tuple[Token, ...] | None:
    texts, values, tops = (found.get(name) for name in ("tokens", "token_logprobs", "top_logprobs"))
    if not isinstance(texts, list) or not isinstance(values, list) or len(texts) != len(values):
        return None
    rows = tops if isinstance(tops, list) and len(tops) == len(texts) else [None] * len(texts)
    made = [_token(text, value, top) for text, value, top in zip(texts, values, rows, strict=True)]
    return _whole(made)


def _chat_tokens(found: dict[str, Any]) -> tuple[Token, ...] | None:
    rows = found.get("content")
    if not isinstance(rows, list):
        return None
    made = []
    for row in rows:
        top = row.get("top_logprobs") if isinstance(row, dict) else None
        others = {
            other.get("token"): other.get("logprob")
            for other in (top if isinstance(top, list) else ())
            if isinstance(other, dict) and isinstance(other.get("token"), str)
        }
        made.append(_token(row.get("token"), row.get("logprob"), others) if isinstance(row, dict) else None)
    return _whole(made)


def _whole(made: list[Token | None]) -> tuple[Token, ...] | None:
    tokens = tuple(token for token in made if token is not None)
    return tokens if tokens and len(tokens) == len(made) else None


def _token(text: Any, value: Any, top: Any) -> Token | None:
    if not isinstance(text, str) or not _is_number(value):
        return None
    others = top if isinstance(top, dict) else {}
    return Token(text, float(value), {str(name): float(own) for name, own in others.items() if _is_number(own)})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6 and isfinite(value)
