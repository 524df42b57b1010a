"""LiteLLM's StandardLoggingPayload, as its proxy hands it to every logger, and the rows of its table of spending."""

from __future__ import annotations

from collections.abc import Iterator

from loradiag.traffic.request import Request
from loradiag.traffic.sources import openai
from loradiag.traffic.values import Node, asked, either, milliseconds, moment, node, parsed, text, whole, word


def recognise(record: Node) -> bool:
    """Whether it has what only this payload has."""
    return "startTime" in record and "call_type" in record and "model" in record


def read(record: Node) -> Iterator[Request]:
    """The request of a payload. Prompts that the proxy was told not to keep are ``{}`` or a placeholder, and are none."""
    answer = parsed(record.get("response"))
    start, end = moment(record.get("startTime")), moment(record.get("endTime"))
    metadata = node(parsed(record.get("metadata")))
    found = next(openai.read({"response": node(answer), "request": {}}))
    found.id = word(either(record, "id", "request_id")) or found.id
    found.time = start if start is not None else found.time
    found.model = word(record.get("model_group")) or word(record.get("model"))
    found.base = None
    found.conversation = (
        word(record.get("session_id"))
        or word(metadata.get("session_id"))
        or word(record.get("trace_id"))
        or word(record.get("end_user"))
    )
    found.prompt = _kept(asked(parsed(record.get("messages"))))
    found.response = _kept(text(answer) or found.response)
    found.prompt_tokens = whole(record.get("prompt_tokens"))
    found.response_tokens = whole(record.get("completion_tokens"))
    found.latency_ms = milliseconds(start, end)
    found.first_token_ms = milliseconds(start, moment(record.get("completionStartTime")))
    found.failed = record.get("status") == "failure"
    yield found


def _kept(found: str | None) -> str | None:
    """LiteLLM writes a word in place of what it redacts."""
    return None if found is None or found.strip().lower() in ("redacted-by-litellm", "{}", "[]") else found
