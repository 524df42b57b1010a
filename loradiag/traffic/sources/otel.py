"""OpenTelemetry's GenAI spans: OTLP JSON with its lists of attributes, or one span an object."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
    number,
    parsed,
    text,
    whole,
    word,
)

_SPANS = {"scopeSpans": "spans", "instrumentationLibrarySpans": "spans", "scopeLogs": "logRecords"}
_RESOURCES = ("resourceSpans", "resourceLogs")
_IDS = ("traceId", "trace_id", "spanId", "span_id", "context", "parent_id", "startTimeUnixNano")
_INDEXED = re.compile(r"gen_ai\.(prompt|completion)\.(\d{1,4})\.(role|content|finish_reason)")
"""OpenLLMetry writes a conversation as an attribute for each part of each message."""


def recognise(record: Node) -> bool:
    """Whether it is OTLP, or a span: attributes beside the ids of one, or attributes of this kind."""
    if any(key in record for key in _RESOURCES):
        return True
    attributes = record.get("attributes")
    if isinstance(attributes, dict | list) and any(key in record for key in _IDS):
        return True
    return any(str(key).startswith("gen_ai.") for key in (*_attributes(attributes), *record))


def read(record: Node) -> Iterator[Request | None]:
    """A request for every span that says something of a model; other spans are passed over."""
    for span in _spans(record):
        told = {**_attributes(span.get("attributes")), **_flat(span), **_events(span)}
        yield _request(span, told) if any(key.startswith("gen_ai.") for key in told) else None


def _spans(record: Node) -> Iterator[Node]:
    if not any(key in record for key in _RESOURCES):
        yield record
        return
    for resource in (part for key in _RESOURCES for part in items(record.get(key))):
        for scopes, spans in _SPANS.items():
            for scope in items(node(resource).get(scopes)):
                yield from map(node, items(node(scope).get(spans)))


def _request(span: Node, told: Mapping[str, Any]) -> Request:
    start = moment(either(span, "startTimeUnixNano", "start_time", "startTime", "timeUnixNano"))
    end = moment(either(span, "endTimeUnixNano", "end_time", "endTime"))
    messages, answers = _indexed(told)
    answer = parsed(either(told, "gen_ai.output.messages", "gen_ai.completion")) or answers
    seconds = number(either(told, "gen_ai.server.time_to_first_token", "gen_ai.latency.time_to_first_token"))
    return Request(
        id=word(told.get("gen_ai.response.id")) or _span_id(span),
        time=start,
        model=word(told.get("gen_ai.request.model")) or word(told.get("gen_ai.response.model")),
        conversation=word(told.get("gen_ai.conversation.id")) or word(told.get("session.id")),
        prompt=asked(parsed(either(told, "gen_ai.input.messages", "gen_ai.prompt")) or messages),
        response=_answer(answer),
        finish=_finish(parsed(told.get("gen_ai.response.finish_reasons")), answer),
        prompt_tokens=whole(either(told, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")),
        response_tokens=whole(either(told, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")),
        latency_ms=milliseconds(start, end),
        first_token_ms=seconds * 1000 if seconds is not None else None,
        failed=_failed(span, told),
    )


def _span_id(span: Node) -> str | None:
    return word(either(span, "spanId", "span_id")) or word(node(span.get("context")).get("span_id"))


def _failed(span: Node, told: Mapping[str, Any]) -> bool:
    code = either(node(span.get("status")), "code", "status_code")
    return code in (2, "STATUS_CODE_ERROR", "ERROR") or "error.type" in told


def _finish(reasons: Any, answer: Any) -> str | None:
    """Of the first choice, said of the span or of the message."""
    found = reasons if isinstance(reasons, str) else first(reasons)
    return text(found) or text(node(first(answer)).get("finish_reason"))


def _indexed(told: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Messages asked and answered, out of attributes such as ``gen_ai.prompt.0.content``."""
    found: dict[str, dict[int, dict[str, Any]]] = {"prompt": {}, "completion": {}}
    for key, value in told.items():
        if match := _INDEXED.fullmatch(key):
            found[match[1]].setdefault(int(match[2]), {})[match[3]] = parsed(value)
    messages, answers = ([places[number] for number in sorted(places)] for places in found.values())
    return messages, answers


def _answer(value: Any) -> str | None:
    if isinstance(value, str):
        return text(value)
    for message in map(node, items(value)):  # each is a choice, of which the first counts
        if message.get("role", "assistant") == "assistant":
            return content(either(message, "content", "parts"))
    return None


def _attributes(value: object) -> dict[str, Any]:
    """A mapping, or OTLP's list of keys and typed values."""
    if isinstance(value, dict):
        return dict(value)
    return {str(node(pair).get("key")): _value(node(pair).get("value")) for pair in items(value)}


def _value(value: object) -> Any:
    told = node(value)
    for key in ("stringValue", "intValue", "doubleValue", "boolValue"):
        if key in told:
            return told[key]
    if "arrayValue" in told:
        return [_value(part) for part in items(node(told["arrayValue"]).get("values"))]
    if "kvlistValue" in told:
        return _attributes(node(told["kvlistValue"]).get("values"))
    return None if told else value


def _flat(span: Node) -> dict[str, Any]:
    """Attributes that stand beside the span's own fields."""
    return {key: value for key, value in span.items() if isinstance(key, str) and key.startswith("gen_ai.")}


def _events(span: Node) -> dict[str, Any]:
    """What older instrumentation writes as events."""
    told: dict[str, Any] = {}
    for event in items(span.get("events")):
        found = _attributes(node(event).get("attributes"))
        told.update({key: value for key, value in found.items() if key.startswith("gen_ai.")})
    return told
