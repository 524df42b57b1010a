"""What is known of one logged request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

MAX_TEXT = 1_000_000
"""Characters of a text that are read; the rest is cut, and counted."""

MAX_ID = 200
"""Characters of an id that are kept."""


class Request(msgspec.Struct, kw_only=True):
    """One request as its log has it; None for what the log does not say.

    Attributes:
        id: What the source calls it.
        time: When it came, in microseconds since 1970, UTC.
        model: The model's name as logged, from which adapter and base are told.
        adapter: The adapter, where the log says so apart from the model.
        base: The base, where the log says so.
        conversation: What names its conversation or session.
        prompt: What the user newly asked.
        response: What the model answered.
        finish: Why it stopped, as logged.
        logprobs: Of generated tokens, natural logarithms.
        top_logprobs: Of the likeliest tokens at each place, as logged.
        prompt_logprobs: Of the prompt's tokens, None where there is none, as at the first.
        prompt_tokens: How many.
        response_tokens: How many.
        latency_ms: From the request to the end of the answer.
        first_token_ms: From the request to its first token.
        embedding: A vector that the log carries.
        encoder: What made that vector, as the log calls it.
        failed: Whether the server answered with an error.
    """

    id: str | None = None
    time: int | None = None
    model: str | None = None
    adapter: str | None = None
    base: str | None = None
    conversation: str | None = None
    prompt: str | None = None
    response: str | None = None
    finish: str | None = None
    logprobs: Sequence[float] = ()
    top_logprobs: Sequence[Sequence[float]] = ()
    prompt_logprobs: Sequence[float | None] = ()
    prompt_tokens: int | None = None
    response_tokens: int | None = None
    latency_ms: float | None = None
    first_token_ms: float | None = None
    embedding: Sequence[float] | None = None
    encoder: str | None = None
    failed: bool = False


class RejectedError(ValueError):
    """Why a record cannot be taken. ``reason`` is a short phrase without anything of the record in it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


Record = Mapping[str, object]
