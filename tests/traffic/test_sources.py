"""Every format, by records written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from loradiag.core.errors import UsageError
from loradiag.traffic.request import Request
from loradiag.traffic.sources import SOURCES, reader
from loradiag.traffic.sources.generic import parse_map
from loradiag.traffic.sources.generic import read as read_generic
from tests.traffic.logs import (
    BATCH,
    COMPLETION,
    LANGFUSE,
    LITELLM,
    LORA_PATH,
    NOON_US,
    OTLP,
    SGLANG,
    SPAN,
    vllm,
)


def read(record: dict[str, Any]) -> tuple[str, list[Request]]:
    """The format that recognises a record first, and what it reads."""
    for name in SOURCES:
        recognise, read_ = reader(name)
        if recognise(record):
            return name, [request for request in read_(record) if request is not None]
    raise AssertionError("no format")


def told(record: dict[str, Any], *fields: str) -> tuple[Any, ...]:
    """Some fields of the one request of a record."""
    (request,) = read(record)[1]
    return tuple(getattr(request, field) for field in fields)


def test_vllm_chat() -> None:
    """The last question, the answer, logprobs with their tops, prompt logprobs, counts, time and session."""
    name, (request,) = read(vllm(3))
    assert name == "openai"
    assert request.prompt == "where is my card number 3?"
    assert (request.response, request.finish, request.model) == ("It is on its way.", "stop", "support")
    assert (request.id, request.conversation) == ("chatcmpl-3", "session-3")
    assert request.time == NOON_US + 3_000_000
    assert (request.logprobs, request.top_logprobs) == ([-0.5, -0.25], [[-0.5, -1.5], [-0.25, -2.0]])
    assert request.prompt_logprobs == [None, -2.0]
    assert (request.prompt_tokens, request.response_tokens, request.latency_ms) == (20, 5, 120.5)


def test_completion_merged_with_its_request() -> None:
    """Old completions: a list of logprobs, the first of which may be null."""
    assert told(COMPLETION, "prompt", "response", "finish", "logprobs", "top_logprobs") == (
        "2 + 2 =",
        " 4",
        "length",
        [-1.0],
        [[], [-1.0, -1.0]],
    )


def test_batch_output() -> None:
    """The body that was asked beside the body that was answered; parts of content are put together."""
    assert told(BATCH, "id", "prompt", "response", "failed") == ("b1", "hi", "hello", False)
    failed = {**BATCH, "response": {"status_code": 429, "body": {"error": {"message": "slow down"}}}}
    assert told(failed, "id", "failed") == ("row-3", True)


def test_sglang() -> None:
    """``base:adapter`` stays as it is until bases are known; ``lora_path`` names the adapter by its last part."""
    assert told(SGLANG, "model", "adapter", "prompt") == ("llama:billing", None, "pay")
    assert told(LORA_PATH, "model", "adapter", "prompt") == ("llama", "billing", "pay")


def test_litellm() -> None:
    """The group is the name that clients use; times are seconds."""
    name, (request,) = read(LITELLM)
    assert name == "litellm"
    assert (request.model, request.prompt, request.response) == ("support", "refund?", "Yes.")
    assert (request.time, request.latency_ms, request.first_token_ms) == (NOON_US + 250_000, 1250.0, 250.0)
    assert (request.prompt_tokens, request.response_tokens, request.conversation) == (9, 2, "s-1")


@pytest.mark.parametrize("messages", [{}, None, [], "{}", "redacted-by-litellm"])
def test_litellm_without_content(messages: Any) -> None:
    """Prompts that were not persisted are no texts."""
    assert told({**LITELLM, "messages": messages}, "prompt") == (None,)


def test_otlp() -> None:
    """One record may hold many spans; those about other things are passed over."""
    name, (request,) = read(OTLP)
    assert name == "otel"
    assert (request.model, request.prompt, request.response, request.finish) == ("support", "cash?", "No.", "stop")
    assert (request.time, request.latency_ms, request.response_tokens) == (NOON_US, 300.0, 7)
    assert (request.id, request.conversation) == ("aa", "c-1")


def test_single_spans() -> None:
    """Attributes as a mapping, older names of content, ISO times."""
    assert told(SPAN, "prompt", "response", "time", "latency_ms") == ("cash?", "No.", NOON_US, 2000.0)


def test_langfuse() -> None:
    """A generation; spans and events are passed over; the older spelling of names gives the same."""
    name, (request,) = read(LANGFUSE)
    assert name == "langfuse"
    assert (request.model, request.prompt, request.response) == ("support", "limit?", "500.")
    assert (request.time, request.latency_ms, request.first_token_ms) == (NOON_US, 1000.0, 400.0)
    assert (request.conversation, request.prompt_tokens, request.response_tokens) == ("s-7", 4, 3)
    assert read({**LANGFUSE, "type": "SPAN"})[1] == []
    names = {
        "traceId": "trace_id",
        "providedModelName": "provided_model_name",
        "startTime": "start_time",
        "endTime": "end_time",
        "completionStartTime": "completion_start_time",
        "sessionId": "session_id",
    }
    snake = {names.get(key, key): value for key, value in LANGFUSE.items()}
    assert read(snake)[1] == [request]
    as_text = {
        **snake,
        "input": '{"messages": [{"role": "user", "content": "limit?"}]}',
        "usage": '{"input": 4, "output": 3}',
    }
    assert told(as_text, "prompt", "prompt_tokens") == ("limit?", 4)


def test_generic_names_and_maps() -> None:
    """Usual names without a map; with one, any, also inside of objects."""
    row = {"query": "q", "lora": "a", "ts": "2026-11-01 12:00:00", "embedding": [0.6, 0.8], "answer": "b"}
    assert told(row, "prompt", "adapter", "time", "embedding", "response") == ("q", "a", NOON_US, [0.6, 0.8], "b")
    fields = parse_map("text=in.body,adapter=tag")
    (request,) = read_generic({"in": {"body": "deep"}, "tag": "x"}, fields)
    assert (request.prompt, request.adapter) == ("deep", "x")
    with pytest.raises(UsageError, match="NAME=FIELD"):
        parse_map("texts=a")


def test_every_format_is_in_the_table() -> None:
    """Those that the command's help names, and each has both functions."""
    assert set(SOURCES) == {"openai", "litellm", "otel", "langfuse", "generic"}
    for name in SOURCES:
        assert all(callable(part) for part in reader(name))
