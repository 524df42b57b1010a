"""Requests and responses as OpenAI's API has them, and vLLM, SGLang and Ray Serve with it.

Taken in the shapes that people log: ``{"request": …, "response": …}``, as objects or as JSON in text, both merged into one
object, a batch's output beside its ``body``, and responses alone, of which nobody knows what was asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from loradiag.traffic.request import Request
from loradiag.traffic.sources.generic import NAMES
from loradiag.traffic.sources.logprobs import read_logprobs
from loradiag.traffic.values import (
    Node,
    asked,
    content,
    either,
    first,
    milliseconds,
    moment,
    node,
    number,
    parsed,
    text,
    vector,
    whole,
    word,
)

_ASKED = ("request", "body", "request_body", "kwargs", "input_body")
_ANSWERED = ("response", "response_body", "output_body", "completion_response")


def recognise(record: Node) -> bool:
    """Whether it has a model and messages, a prompt or choices, at the top or below ``request`` and ``response``."""
    question, answer = _halves(record)
    if isinstance(first(answer.get("choices")), dict) or "meta_info" in answer:
        return True
    if not ("model" in question or "model" in answer or "lora_path" in question):
        return False
    if question is record and _is_plain(record):
        return False
    return any(key in question for key in ("messages", "prompt", "input", "text"))


def read(record: Node) -> Iterator[Request]:
    """The request of a record, with its first choice."""
    question, answer = _halves(record)
    choice, native = node(first(answer.get("choices"))), node(answer.get("meta_info"))
    usage = node(answer.get("usage")) or native or record
    start = moment(either(record, "time", "timestamp", "ts", "@timestamp", "start_time", "created_at"))
    end = moment(record.get("end_time"))
    created = moment(answer.get("created") or question.get("created"))
    found = Request(
        id=word(answer.get("id") or native.get("id") or either(record, "custom_id", "request_id", "id")),
        time=start if start is not None else created,
        model=word(question.get("model")) or word(answer.get("model")),
        adapter=_adapter(question) or word(either(record, *NAMES["adapter"])),
        conversation=_conversation(record, question),
        prompt=_prompt(question),
        response=_answer(choice, answer, native=bool(native)),
        finish=_finish(choice, answer, native),
        prompt_tokens=whole(either(usage, "prompt_tokens", "input_tokens")),
        response_tokens=whole(either(usage, "completion_tokens", "output_tokens")),
        latency_ms=_latency(record, native, start, end),
        first_token_ms=number(either(record, "first_token_ms", "time_to_first_token_ms", "ttft_ms")),
        embedding=vector(record.get("embedding")),
        encoder=word(either(record, "encoder", "embedding_model")),
        failed=_failed(record, answer),
    )
    read_logprobs(found, choice, answer, echo=question.get("echo") is True)
    yield found


def _halves(record: Node) -> tuple[Node, Node]:
    """What was asked and what was answered; the record itself where it is both."""
    question = next((half for key in _ASKED if (half := _half(record, key)) is not None), record)
    answer = next((half for key in _ANSWERED if (half := _half(record, key)) is not None), record)
    below = answer.get("body")  # a batch's output: {"response": {"status_code": 200, "body": …}}
    return question, below if isinstance(below, dict) and "choices" in below else answer


def _is_plain(record: Node) -> bool:
    """Whether it has an answer that is only text, or names an adapter: in no such way do servers answer."""
    return any(isinstance(record.get(key), str) for key in NAMES["response"]) or any(
        key in record for key in NAMES["adapter"]
    )


def _half(record: Node, key: str) -> Node | None:
    found = parsed(record.get(key))
    return found if isinstance(found, dict) else None


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


def _answer(choice: Node, answer: Node, *, native: bool) -> str | None:
    message = node(choice.get("message"))
    return (
        content(message.get("content"))
        or text(choice.get("text"))
        or content(node(choice.get("delta")).get("content"))
        or text(answer.get("output_text"))
        or (text(answer.get("text")) if native else None)
    )


def _finish(choice: Node, answer: Node, native: Node) -> str | None:
    """Why it ended; SGLang's own answers say it in an object."""
    said = native.get("finish_reason")
    return text(choice.get("finish_reason")) or text(answer.get("finish_reason")) or text(node(said).get("type", said))


def _latency(record: Node, native: Node, start: int | None, end: int | None) -> float | None:
    for key, factor in (("latency_ms", 1.0), ("duration_ms", 1.0), ("latency", 1000.0), ("duration", 1000.0)):
        if (found := number(record.get(key))) is not None:
            return found * factor
    seconds = number(native.get("e2e_latency"))
    return seconds * 1000 if seconds is not None else milliseconds(start, end)


def _failed(record: Node, answer: Node) -> bool:
    if record.get("error") or answer.get("error"):
        return True
    status = whole(node(record.get("response")).get("status_code", record.get("status_code")))
    return status is not None and status >= 400
