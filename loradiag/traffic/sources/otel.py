"""OpenTelemetry's GenAI spans: OTLP JSON with its lists of attributes, or one span an object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from loradiag.traffic.request import Request
from loradiag.traffic.values import Node, asked, content, first, items, milliseconds, moment, node, text, whole, word

_SPANS = ("scopeSpans", "instrumentationLibrarySpans")
_LARGEST = 4_000_000
"""Characters of an attribute that holds JSON."""


def recognise(record: Node) -> bool:
    """Whether it is OTLP, or a span with attributes."""
    if "resourceSpans" in record:
        return True
    return any(str(key).startswith("gen_ai.") for key in (*_attributes(record.get("attributes")), *record))


def read(record: Node) -> Iterator[Request]:
    """A request for every span that says something of a model; other spans are passed over."""
    for span in _spans(record):
        told = {**_attributes(span.get("attributes")), **_flat(span)}
        told.update(_events(span))
        if any(key.startswith("gen_ai.") for key in told):
            yield _request(span, told)


def _spans(record: Node) -> Iterator[Node]:
    if "resourceSpans" not in record:
        yield record
        return
    for resource in items(record.get("resourceSpans")):
        for key in _SPANS:
            for scope in items(node(resource).get(key)):
                yield from map(node, items(node(scope).get("spans")))


def _request(span: Node, told: dict[str, Any]) -> Request:
    start = moment(span.get("startTimeUnixNano", span.get("start_time", span.get("startTime"))))
    end = moment(span.get("endTimeUnixNano", span.get("end_time", span.get("endTime"))))
    prompt = told.get("gen_ai.input.messages", told.get("gen_ai.prompt"))
    answer = told.get("gen_ai.output.messages", told.get("gen_ai.completion"))
    reasons = told.get("gen_ai.response.finish_reasons")
    seconds = told.get("gen_ai.server.time_to_first_token")
    return Request(
        id=word(told.get("gen_ai.response.id")) or word(span.get("spanId", span.get("span_id"))),
        time=start,
        model=word(told.get("gen_ai.request.model")) or word(told.get("gen_ai.response.model")),
        conversation=word(told.get("gen_ai.conversation.id")) or word(told.get("session.id")),
        prompt=asked(_json(prompt)),
        response=_answer(_json(answer)),
        finish=text(first(_json(reasons)) if not isinstance(_json(reasons), str) else reasons),
        prompt_tokens=whole(told.get("gen_ai.usage.input_tokens", told.get("gen_ai.usage.prompt_tokens"))),
        response_tokens=whole(told.get("gen_ai.usage.output_tokens", told.get("gen_ai.usage.completion_tokens"))),
        latency_ms=milliseconds(start, end),
        first_token_ms=float(seconds) * 1000 if isinstance(seconds, int | float) else None,
        failed=node(span.get("status")).get("code") in (2, "STATUS_CODE_ERROR", "ERROR") or "error.type" in told,
    )


def _answer(value: Any) -> str | None:
    if isinstance(value, str):
        return text(value)
    for message in reversed(items(value)):
        told = node(message)
        if told.get("role", "assistant") == "assistant":
            return content(told.get("content", told.get("parts")))
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


def _json(value: Any) -> Any:
    """A value, or what the JSON in a text says; a text that is no JSON is itself."""
    if not isinstance(value, str) or len(value) > _LARGEST or value[:1] not in "[{":
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
