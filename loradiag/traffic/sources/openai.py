"""Requests and responses as OpenAI's API has them, and vLLM, SGLang and Ray Serve with it.

Taken in the shapes that people log: ``{"request": …, "response": …}``, both merged into one object, a batch's output beside
its ``body``, and responses alone, of which nobody knows what was asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loradiag.traffic.request import Request
from loradiag.traffic.values import (
    Node,
    asked,
    content,
    first,
    items,
    logarithms,
    milliseconds,
    moment,
    node,
    number,
    text,
    whole,
    word,
)

_ASKED = ("request", "body", "request_body", "kwargs", "input_body")
_ANSWERED = ("response", "response_body", "output_body", "completion_response")


def recognise(record: Node) -> bool:
    """Whether it has a model and messages, a prompt or choices, at the top or below ``request`` and ``response``."""
    question, answer = _halves(record)
    if not ("model" in question or "model" in answer or "lora_path" in question):
        return False
    return any(key in question for key in ("messages", "prompt", "input", "text")) or "choices" in answer


def read(record: Node) -> Iterator[Request]:
    """The request of a record, with its first choice."""
    question, answer = _halves(record)
    choice = node(first(answer.get("choices")))
    usage = node(answer.get("usage"))
    start = moment(record.get("time", record.get("timestamp", record.get("start_time", record.get("created_at")))))
    end = moment(record.get("end_time"))
    created = moment(answer.get("created", question.get("created")))
    model = word(question.get("model")) or word(answer.get("model"))
    told = _logprobs(choice)
    yield Request(
        id=word(answer.get("id"))
        or word(record.get("custom_id"))
        or word(record.get("request_id"))
        or word(record.get("id")),
        time=start if start is not None else created,
        model=model,
        adapter=_adapter(question),
        conversation=_conversation(record, question),
        prompt=_prompt(question),
        response=_answer(choice, answer),
        finish=text(choice.get("finish_reason")) or text(answer.get("finish_reason")),
        logprobs=told[0],
        top_logprobs=told[1],
        prompt_logprobs=_prompt_logprobs(choice, answer),
        prompt_tokens=whole(usage.get("prompt_tokens", usage.get("input_tokens"))),
        response_tokens=whole(usage.get("completion_tokens", usage.get("output_tokens"))),
        latency_ms=_latency(record, start, end),
        first_token_ms=number(record.get("time_to_first_token_ms", record.get("ttft_ms"))),
        embedding=_vector(record),
        encoder=word(record.get("embedding_model")),
        failed=_failed(record, answer),
    )


def _halves(record: Node) -> tuple[Node, Node]:
    """What was asked and what was answered; the record itself where it is both."""
    question = next((node(record[key]) for key in _ASKED if isinstance(record.get(key), dict)), record)
    answer = next((node(record[key]) for key in _ANSWERED if isinstance(record.get(key), dict)), record)
    below = answer.get("body")  # a batch's output: {"response": {"status_code": 200, "body": …}}
    return question, below if isinstance(below, dict) and "choices" in below else answer


def _adapter(question: Node) -> str | None:
    """SGLang's own field; the last part where it is a path."""
    path = question.get("lora_path")
    found = word(first(path) if isinstance(path, list) else path)
    return found.rstrip("/").rpartition("/")[2] if found else None


def _conversation(record: Node, question: Node) -> str | None:
    """A conversation or a session; a user where nothing names these."""
    extra = node(question.get("metadata"))
    for place in (record, question, extra):
        for key in ("conversation_id", "session_id", "thread_id", "chat_id"):
            if found := word(place.get(key)):
                return found
    return word(question.get("user")) or word(record.get("user"))


def _prompt(question: Node) -> str | None:
    for key in ("messages", "prompt", "input", "text"):
        value = question.get(key)
        if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
            value = value[0]  # a list of prompts has as many choices, and the first is read
        if found := asked(value):
            return found
    return None


def _answer(choice: Node, answer: Node) -> str | None:
    message = node(choice.get("message"))
    return (
        content(message.get("content"))
        or text(choice.get("text"))
        or content(node(choice.get("delta")).get("content"))
        or text(answer.get("output_text"))
    )


def _logprobs(choice: Node) -> tuple[list[float], list[list[float]]]:
    told = node(choice.get("logprobs"))
    if "content" in told:  # chat
        tokens = [node(token) for token in items(told.get("content"))]
        tops = [logarithms(node(top).get("logprob") for top in items(token.get("top_logprobs"))) for token in tokens]
        return logarithms(token.get("logprob") for token in tokens), tops
    plain = items(told.get("token_logprobs"))
    tops = [logarithms(node(top).values()) for top in items(told.get("top_logprobs"))]
    return logarithms(plain), tops


def _prompt_logprobs(choice: Node, answer: Node) -> list[float | None]:
    """VLLM's ``prompt_logprobs``: for each token after the first what the model gave to it, under the token's own id."""
    found = items(choice.get("prompt_logprobs")) or items(answer.get("prompt_logprobs"))
    return [_of_token(entry) for entry in found]


def _of_token(entry: Any) -> float | None:
    if not isinstance(entry, dict) or not entry:
        return number(entry)
    # The prompt's own token stands first; likelier ones follow it with their ranks.
    return number(node(next(iter(entry.values()))).get("logprob"))


def _latency(record: Node, start: int | None, end: int | None) -> float | None:
    for key, factor in (("latency_ms", 1.0), ("duration_ms", 1.0), ("latency", 1000.0), ("duration", 1000.0)):
        if (found := number(record.get(key))) is not None:
            return found * factor
    return milliseconds(start, end)


def _vector(record: Node) -> list[float] | None:
    values = record.get("embedding")
    if not isinstance(values, list) or not values or len(values) > 100_000:
        return None
    found = logarithms(values)
    return found if len(found) == len(values) else None


def _failed(record: Node, answer: Node) -> bool:
    if record.get("error") or answer.get("error"):
        return True
    status = whole(node(record.get("response")).get("status_code", record.get("status_code")))
    return status is not None and status >= 400
