"""Any other record: what is where is told by a map, or by names that people use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.traffic.request import RejectedError, Request
from loradiag.traffic.values import (
    Node,
    asked,
    content,
    items,
    logarithms,
    moment,
    number,
    parsed,
    text,
    vector,
    whole,
    word,
)

NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "request_id", "uuid"),
    "time": ("time", "timestamp", "created", "created_at", "ts", "@timestamp", "date"),
    "adapter": ("adapter", "lora", "lora_name", "adapter_id", "adapter_name"),
    "model": ("model", "model_name"),
    "base": ("base", "base_model"),
    "conversation": ("conversation", "conversation_id", "session_id", "session", "thread_id", "user"),
    "text": ("text", "prompt", "query", "question", "input", "messages", "request"),
    "response": ("response", "answer", "completion", "output"),
    "finish": ("finish_reason", "finish", "stop_reason"),
    "logprobs": ("logprobs", "token_logprobs"),
    "top_logprobs": ("top_logprobs",),
    "prompt_logprobs": ("prompt_logprobs",),
    "prompt_tokens": ("prompt_tokens", "input_tokens"),
    "response_tokens": ("response_tokens", "completion_tokens", "output_tokens"),
    "latency_ms": ("latency_ms", "duration_ms"),
    "first_token_ms": ("first_token_ms", "ttft_ms"),
    "embedding": ("embedding", "vector"),
    "encoder": ("encoder", "embedding_model"),
    "failed": ("failed", "error"),
}
"""What a map may name, and where each is looked for without one."""


def recognise(record: Node) -> bool:
    """Whether there is a request or a vector under a usual name."""
    return any(_found(record, NAMES[name]) is not None for name in ("text", "embedding"))


def read(record: Node, fields: Mapping[str, str] | None = None) -> Iterator[Request]:
    """The request of a record.

    Args:
        record: The record.
        fields: Where things are, by the names of :data:`NAMES`; ``a.b`` reaches into objects.

    Raises:
        RejectedError: It has neither a text nor a vector.
    """

    def at(name: str) -> Any:
        return _found(record, (fields[name],)) if fields and name in fields else _found(record, NAMES[name])

    given = vector(at("embedding"))
    prompt = asked(_messages(at("text")))
    if prompt is None and given is None:
        raise RejectedError("has no text and no embedding under a known name")
    yield Request(
        id=word(at("id")),
        time=moment(at("time")),
        model=word(at("model")),
        adapter=word(at("adapter")),
        base=word(at("base")),
        conversation=word(at("conversation")),
        prompt=prompt,
        response=content(at("response")),
        finish=text(at("finish")),
        logprobs=logarithms(items(parsed(at("logprobs")))),
        top_logprobs=[_top(place) for place in items(parsed(at("top_logprobs")))],
        prompt_logprobs=[number(value) for value in items(parsed(at("prompt_logprobs")))],
        prompt_tokens=whole(at("prompt_tokens")),
        response_tokens=whole(at("response_tokens")),
        latency_ms=number(at("latency_ms")),
        first_token_ms=number(at("first_token_ms")),
        embedding=given,
        encoder=word(at("encoder")),
        failed=_is_failed(at("failed")),
    )


def parse_map(words: str) -> dict[str, str]:
    """Read ``text=prompt_col,time=ts``.

    Raises:
        UsageError: A part is not of that form, or names something that there is not.
    """
    fields = {}
    for part in words.split(","):
        name, sign, place = (piece.strip() for piece in part.partition("="))
        if not sign or not place or name not in NAMES:
            raise UsageError(f"--map {printable(part)}: write NAME=FIELD, with NAME one of {', '.join(NAMES)}")
        fields[name] = place
    return fields


def _found(record: Node, places: tuple[str, ...]) -> Any:
    for place in places:
        value = _at(record, place)
        if value is not None and value != "":
            return value
    return None


def _at(record: Any, path: str) -> Any:
    if not isinstance(record, Mapping):
        return None
    if path in record:
        return record[path]
    head, dot, rest = path.partition(".")
    return _at(record.get(head), rest) if dot else None


def _messages(value: object) -> object:
    """Tables hold conversations as JSON; a prompt that begins with a bracket stays as it is."""
    told = parsed(value)
    return told if isinstance(told, list) and told and all(isinstance(part, Mapping) for part in told) else value


def _top(place: object) -> list[float]:
    return logarithms(place.values() if isinstance(place, Mapping) else items(place))


def _is_failed(value: object) -> bool:
    """Whether a flag is set, or something is said of an error."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "false", "0", "no", "none", "null", "ok", "success")
    return bool(value)
