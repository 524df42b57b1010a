"""Langfuse's exports: observations of the kind GENERATION, with names in both of its spellings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from loradiag.traffic.request import RejectedError, Request
from loradiag.traffic.values import Node, asked, content, items, milliseconds, moment, node, text, whole, word


def recognise(record: Node) -> bool:
    """Whether it is an observation: a start, an input or output, and a trace."""
    return any(key in record for key in ("traceId", "trace_id")) and any(
        key in record for key in ("provided_model_name", "providedModelName", "modelId", "startTime", "start_time")
    )


def read(record: Node) -> Iterator[Request]:
    """The request of a generation; other observations, such as spans and scores, are passed over."""
    if str(record.get("type", "GENERATION")).upper() != "GENERATION":
        return
    start, end = _moment(record, "startTime", "start_time"), _moment(record, "endTime", "end_time")
    usage = node(_json(record.get("usage", record.get("usageDetails", record.get("usage_details")))))
    asked_of = _json(record.get("input"))
    yield Request(
        id=word(record.get("id")),
        time=start,
        model=word(record.get("provided_model_name", record.get("providedModelName", record.get("model")))),
        conversation=word(record.get("sessionId", record.get("session_id")))
        or word(record.get("traceId", record.get("trace_id"))),
        prompt=asked(asked_of),
        response=_answer(_json(record.get("output"))),
        finish=text(node(_json(record.get("metadata"))).get("finish_reason")),
        prompt_tokens=whole(usage.get("input", usage.get("promptTokens", record.get("input_usage")))),
        response_tokens=whole(usage.get("output", usage.get("completionTokens", record.get("output_usage")))),
        latency_ms=milliseconds(start, end),
        first_token_ms=milliseconds(start, _moment(record, "completionStartTime", "completion_start_time")),
        failed=record.get("level") == "ERROR",
    )


def _moment(record: Node, *names: str) -> int | None:
    return next((found for name in names if (found := moment(record.get(name))) is not None), None)


def _answer(value: Any) -> str | None:
    if isinstance(value, str):
        return text(value)
    told = node(value)
    if told:
        return content(told.get("content", told.get("completion")))
    return next((found for part in reversed(items(value)) if (found := _answer(part))), None)


def _json(value: Any) -> Any:
    """CSV exports hold objects as text."""
    if not isinstance(value, str) or value[:1] not in "[{" or len(value) > 4_000_000:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
    except RecursionError as error:
        raise RejectedError("is nested too deeply") from error
