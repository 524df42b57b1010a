"""Shapes in which the same request is logged: by hand, from public formats and from what people's own loggers write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from loradiag.traffic.request import RejectedError, Request
from loradiag.traffic.sources import SOURCES, reader
from loradiag.traffic.values import moment
from tests.traffic.logs import LANGFUSE, LITELLM, NOON, NOON_US, OTLP, SPAN, vllm

CHAT = {"model": "support", "messages": [{"role": "user", "content": "where is it?"}]}
ANSWER = {
    "id": "chatcmpl-1",
    "created": NOON,
    "choices": [{"message": {"role": "assistant", "content": "Here."}, "finish_reason": "stop"}],
}


def read(record: Any) -> tuple[str, list[Request | None]]:
    """The format that recognises a record first, and what it reads."""
    for name in SOURCES:
        recognise, read_ = reader(name)
        if recognise(record):
            return name, list(read_(record))
    raise AssertionError("no format")


def one(record: Any, name: str) -> Request:
    """The one request of a record in a format."""
    found, requests = read(record)
    assert found == name
    (request,) = requests
    assert request is not None
    return request


@pytest.mark.parametrize(
    "record",
    [
        {"request": CHAT, "response": ANSWER},
        {"request": json.dumps(CHAT), "response": json.dumps(ANSWER)},
        {"request_body": CHAT, "response_body": ANSWER},
        {**CHAT, **ANSWER},
        {"trace_id": "t", "start_time": "2026-11-01T12:00:00Z", "request": CHAT, "response": ANSWER},
        {"attributes": {"team": "a"}, "request": CHAT, "response": ANSWER},
        {"time": None, "timestamp": "2026-11-01T12:00:00Z", "request": CHAT, "response": ANSWER},
        {"ts": NOON, **CHAT, **ANSWER},
    ],
)
def test_one_request_in_shapes_of_openai(record: dict[str, Any]) -> None:
    """Nested, as JSON in text, merged, with fields of other formats beside it."""
    request = one(record, "openai")
    told = (request.model, request.prompt, request.response, request.finish, request.time, request.id)
    assert told == ("support", "where is it?", "Here.", "stop", NOON_US, "chatcmpl-1")


def test_a_flat_record_with_a_plain_answer() -> None:
    """Has a model and a prompt too, but its answer is text and its adapter has a name of its own."""
    row = {"model": "llama", "adapter": "support", "prompt": "q", "response": "a", "session": "s", "finish": "stop"}
    request = one(row, "generic")
    assert (request.model, request.adapter, request.prompt, request.response) == ("llama", "support", "q", "a")
    assert (request.conversation, request.finish) == ("s", "stop")
    nested = one({"adapter": "support", "request": CHAT, "response": ANSWER}, "openai")
    assert nested.adapter == "support"


def test_several_choices() -> None:
    """The first counts."""
    other = {"message": {"content": "There."}, "finish_reason": "length"}
    request = one({"request": CHAT, "response": {**ANSWER, "choices": [*ANSWER["choices"], other]}}, "openai")
    assert (request.response, request.finish) == ("Here.", "stop")


def test_choices_that_are_no_answers() -> None:
    """Of a quiz."""
    request = one({"question": "2 + 2?", "choices": ["3", "4"], "answer": "4"}, "generic")
    assert (request.prompt, request.response) == ("2 + 2?", "4")


def test_parts_of_a_message_are_put_together_as_for_a_baseline() -> None:
    """With nothing between them, as training data are read: else the same prompt would have two embeddings."""
    from loradiag.texts.chat import messages_of

    message = {"role": "user", "content": [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]}
    (expected,) = messages_of([message])
    assert one({**CHAT, "messages": [message], **ANSWER}, "openai").prompt == expected["content"] == "one two"


def test_prompt_logprobs_by_the_prompts_own_tokens() -> None:
    """A token's rivals stand beside it in vLLM's answers; where ids are logged they say which is which."""
    entry = {"9": {"logprob": -0.1, "rank": 1}, "7": {"logprob": -2.0, "rank": 3}}
    answer = {**ANSWER, "prompt_logprobs": [None, entry], "prompt_token_ids": [1, 7]}
    assert one({"request": CHAT, "response": answer}, "openai").prompt_logprobs == [None, -2.0]


def test_a_completion_that_repeats_its_prompt() -> None:
    """Of five tokens three are the prompt's, and the first of these has no log-probability."""
    logprobs = {
        "token_logprobs": [None, -3.0, -2.0, -0.5, -0.25],
        "top_logprobs": [None, {"a": -3.0}, {"a": -2.0}, {"a": -0.5, "b": -1.5}, {"a": -0.25, "b": -2.0}],
    }
    record = {
        "request": {"model": "support", "prompt": "a b c", "echo": True},
        "response": {
            "choices": [{"text": "a b c d e", "logprobs": logprobs}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2},
        },
    }
    request = one(record, "openai")
    assert request.response == " d e"
    assert request.prompt_logprobs == [None, -3.0, -2.0]
    assert request.logprobs == [-0.5, -0.25]
    assert request.top_logprobs == [[-0.5, -1.5], [-0.25, -2.0]]


def test_sglangs_own_answers() -> None:
    """``/generate``: text, and everything else below ``meta_info``."""
    record = {
        "request": {"text": "where is it?", "lora_path": "/adapters/support"},
        "response": {
            "text": " Here.",
            "meta_info": {
                "id": "ab12",
                "finish_reason": {"type": "length", "length": 2},
                "prompt_tokens": 4,
                "completion_tokens": 2,
                "e2e_latency": 0.25,
                "input_token_logprobs": [[None, 1, None], [-3.0, 5, None]],
                "output_token_logprobs": [[-0.5, 7, None], [-1.5, 8, None]],
                "output_top_logprobs": [[[-0.5, 7, None], [-1.0, 9, None]], [[-1.5, 8, None], [-2.0, 9, None]]],
            },
        },
    }
    request = one(record, "openai")
    assert (request.adapter, request.prompt, request.response, request.finish) == (
        "support",
        "where is it?",
        " Here.",
        "length",
    )
    assert (request.id, request.prompt_tokens, request.response_tokens, request.latency_ms) == ("ab12", 4, 2, 250.0)
    assert (request.logprobs, request.prompt_logprobs) == ([-0.5, -1.5], [None, -3.0])
    assert request.top_logprobs == [[-0.5, -1.0], [-1.5, -2.0]]


def test_rows_of_litellms_table() -> None:
    """Objects are JSON in text there, and the id has another name."""
    row = {
        "request_id": "r9",
        "call_type": "acompletion",
        "model": "hosted_vllm/support",
        "model_group": "support",
        "startTime": "2026-11-01 12:00:00.250",
        "endTime": "2026-11-01 12:00:01.500",
        "messages": json.dumps(LITELLM["messages"]),
        "response": json.dumps(LITELLM["response"]),
        "metadata": json.dumps({"session_id": "s-1"}),
        "spend": 0.001,
    }
    request = one(row, "litellm")
    assert (request.id, request.prompt, request.response, request.conversation) == ("r9", "refund?", "Yes.", "s-1")
    assert (request.time, request.latency_ms) == (NOON_US + 250_000, 1250.0)
    empty = one({**row, "messages": "{}", "response": "{}"}, "litellm")
    assert (empty.prompt, empty.response) == (None, None)


@pytest.mark.parametrize("first", [vllm(1), SPAN, LANGFUSE, LITELLM, {"text": "plain", "adapter": "a"}])
def test_a_format_is_told_by_the_record_alone(first: dict[str, Any], tmp_path: Any) -> None:
    """Whatever came before it in the same log."""
    from tests.traffic.filling import ingest, write_log

    rest = [vllm(2), {**LITELLM, "id": "x"}, {**SPAN, "span_id": "dd"}, {"text": "plainer", "adapter": "a"}]
    done = ingest(tmp_path / "lake", write_log(tmp_path / "a.jsonl", [first, *rest, LANGFUSE]))
    expected = dict.fromkeys(("openai", "litellm", "otel", "generic", "langfuse"), 1)
    expected[read(first)[0]] += 1
    assert done.sources == expected


def test_spans_about_other_things() -> None:
    """Passed over one by one, in OTLP and alone; they are neither requests nor rejected."""
    assert [request is None for request in read(OTLP)[1]] == [False, True]
    span = {"name": "GET", "trace_id": "1", "span_id": "2", "start_time": "2026-11-01T12:00:00Z"}
    assert read({**span, "attributes": {"http.request.method": "GET"}}) == ("otel", [None])
    assert read({**span, "attributes": []}) == ("otel", [None])


def _typed(value: Any) -> dict[str, Any]:
    """A value as OTLP writes it."""
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": key, "value": _typed(part)} for key, part in value.items()]}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_typed(part) for part in value]}}
    return {"stringValue": value}


def test_messages_of_spans_in_structured_form() -> None:
    """As the conventions would have it: lists of objects, not JSON in text. The finish may stand in the message."""
    asked = [{"role": "user", "parts": [{"type": "text", "content": "cash?"}]}]
    said = [{"role": "assistant", "parts": [{"type": "text", "content": "No."}], "finish_reason": "stop"}]
    attributes = {"gen_ai.request.model": "support", "gen_ai.input.messages": asked, "gen_ai.output.messages": said}
    listed = [{"key": key, "value": _typed(value)} for key, value in attributes.items()]
    span = {"traceId": "t", "spanId": "s", "startTimeUnixNano": f"{NOON}123456789", "attributes": listed}
    (request,) = read({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})[1]
    assert request is not None
    assert (request.prompt, request.response, request.finish) == ("cash?", "No.", "stop")
    assert request.time == NOON_US + 123_456


def test_spans_as_pythons_sdk_prints_them() -> None:
    """Ids below ``context``, a status by name, and a conversation as an attribute for each part of each message."""
    span = {
        "name": "chat support",
        "context": {"trace_id": "0x1", "span_id": "0x2"},
        "start_time": "2026-11-01T12:00:00.000000Z",
        "end_time": "2026-11-01T12:00:02.000000Z",
        "status": {"status_code": "ERROR"},
        "attributes": {
            "gen_ai.request.model": "support",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "be brief",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": "cash?",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "No.",
            "gen_ai.completion.0.finish_reason": "length",
            "gen_ai.latency.time_to_first_token": 0.125,
        },
    }
    request = one(span, "otel")
    assert (request.id, request.prompt, request.response, request.finish) == ("0x2", "cash?", "No.", "length")
    assert (request.failed, request.latency_ms, request.first_token_ms) == (True, 2000.0, 125.0)


def test_langfuse_tokens_and_null_names() -> None:
    """Counts of several releases; ``input`` is a text and no count; a null name gives way to the next."""
    old = {key: value for key, value in LANGFUSE.items() if key != "usage"}
    request = one(
        {**old, "promptTokens": 4, "completionTokens": 3, "providedModelName": None, "model": "m"}, "langfuse"
    )
    assert (request.prompt_tokens, request.response_tokens, request.model) == (4, 3, "m")
    choices = {"choices": [{"message": {"role": "assistant", "content": "500."}}]}
    assert one({**LANGFUSE, "output": choices}, "langfuse").response == "500."


def test_cells_of_tables() -> None:
    """Vectors, log-probabilities and conversations are JSON in text there; a prompt with a bracket is a prompt."""
    row = {"adapter": "a", "embedding": "[0.6, 0.8]", "logprobs": "[-1, -2]", "text": json.dumps(CHAT["messages"])}
    request = one(row, "generic")
    assert (request.embedding, request.logprobs, request.prompt) == ([0.6, 0.8], [-1.0, -2.0], "where is it?")
    assert one({"text": "[1, 2] is a list"}, "generic").prompt == "[1, 2] is a list"
    assert one({"text": "[1, 2]"}, "generic").prompt == "[1, 2]"


@pytest.mark.parametrize(
    "value", [[1.0, None, 3.0], [1.0, float("nan")], ["a"], [[1.0]], {"a": 1}, "x", [0.0] * 20_000, [1e300]]
)
def test_vectors_that_are_none(value: Any) -> None:
    """One number less would be another vector."""
    _, read_ = reader("generic")
    with pytest.raises(RejectedError, match="no list of numbers"):
        list(read_({"adapter": "a", "text": "q", "embedding": value}))


@pytest.mark.parametrize(
    ("value", "failed"),
    [
        ("CUDA out of memory", True),
        ({"message": "x"}, True),
        ("", False),
        (None, False),
        ("false", False),
        (True, True),
    ],
)
def test_errors(value: Any, failed: bool) -> None:
    """What is said of an error is one, whatever its words."""
    assert one({"text": "q", "adapter": "a", "error": value}, "generic").failed is failed


def test_moments_to_the_microsecond() -> None:
    """No digit is lost on the way through a float."""
    for micro in (1, 123_457, 999_999):
        assert moment(f"2026-11-01T12:00:00.{micro:06d}Z") == NOON_US + micro
        assert moment(str((NOON_US + micro) * 1000)) == NOON_US + micro
        assert moment(NOON + micro / 1e6) == NOON_US + micro
    assert moment("20261101") == NOON_US - 43_200_000_000
    assert moment("2026-11-01 12:00:00 UTC") == NOON_US
