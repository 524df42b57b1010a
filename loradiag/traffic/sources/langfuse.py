"""Langfuse's exports: observations of the kind GENERATION, with names in both of its spellings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loradiag.traffic.request import Request
from loradiag.traffic.values import (
    Node,
    asked,
    content,
    either,
    first,
    items,
    milliseconds,
    moment,
    node,
    parsed,
    text,
    whole,
    word,
)

_KINDS = frozenset(
    ("GENERATION", "SPAN", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR", "EMBEDDING", "GUARDRAIL")
)
_NAMES = ("provided_model_name", "providedModelName")


def recognise(record: Node) -> bool:
    """Whether it is an observation of a trace: other records have traces and times too, but no kind or provided name."""
    if not any(key in record for key in ("traceId", "trace_id")):
        return False
    return _kind(record) in _KINDS if "type" in record else any(key in record for key in _NAMES)


def read(record: Node) -> Iterator[Request | None]:
    """The request of a generation; other observations, such as spans and events, are passed over."""
    if "type" in record and _kind(record) != "GENERATION":
        yield None
        return
    start, end = moment(either(record, "startTime", "start_time")), moment(either(record, "endTime", "end_time"))
    usage = node(parsed(either(record, "usageDetails", "usage_details", "usage")))
    metadata = node(parsed(record.get("metadata")))
    yield Request(
        id=word(record.get("id")),
        time=start,
        model=word(either(record, *_NAMES, "model")),
        conversation=word(either(record, "sessionId", "session_id")) or word(either(record, "traceId", "trace_id")),
        prompt=asked(parsed(record.get("input"))),
        response=_answer(parsed(record.get("output"))),
        finish=text(metadata.get("finish_reason")),
        prompt_tokens=_count(record, usage, "input", "promptTokens", "prompt_tokens", "input_usage"),
        response_tokens=_count(record, usage, "output", "completionTokens", "completion_tokens", "output_usage"),
        latency_ms=milliseconds(start, end),
        first_token_ms=milliseconds(start, moment(either(record, "completionStartTime", "completion_start_time"))),
        failed=record.get("level") == "ERROR",
    )


def _kind(record: Node) -> str:
    return str(record.get("type")).upper()


def _count(record: Node, usage: Node, first_name: str, *names: str) -> int | None:
    """Tokens by the names of several releases; ``input`` and ``output`` beside the usage are texts."""
    return whole(either(usage, first_name, *names)) or whole(either(record, *names))


def _answer(value: Any) -> str | None:
    if isinstance(value, str):
        return text(value)
    told = node(value)
    if told:
        choice = node(first(told.get("choices")))
        return content(either(told, "content", "completion", "text")) or _answer(choice.get("message"))
    return next((found for part in reversed(items(value)) if (found := _answer(part))), None)
