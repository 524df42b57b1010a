"""Requests as rows of the lake."""

from __future__ import annotations

import hashlib
from typing import Any

from loradiag.texts.same import text_key
from loradiag.traffic.measures import finish_of, hash64, mean_nll, refusal_like, repetition, truncated_entropy
from loradiag.traffic.request import MAX_ID, Request

Row = dict[str, Any]

_LARGEST = 2**31 - 1


def row_of(request: Request, source: str, *, keep_text: bool) -> Row:
    """Return what the lake keeps of a request, by column, but for its embedding."""
    prompt, response = request.prompt or None, request.response or None
    row: Row = {
        "request_id": request.id[:MAX_ID] if request.id else None,
        "adapter": request.adapter,
        "base": request.base,
        "time": request.time,
        "conversation": hash64(request.conversation) if request.conversation else None,
        "text_hash": text_key(prompt) if prompt and prompt.strip() else None,
        "response_hash": hash64(response) if response else None,
        "prompt_chars": len(prompt) if prompt else None,
        "response_chars": len(response) if response else None,
        "prompt_tokens": _count(request.prompt_tokens),
        "response_tokens": _count(request.response_tokens),
        "finish": finish_of(request.finish),
        "refusal_like": refusal_like(response) if response else None,
        "repetition": repetition(response) if response else None,
        "latency_ms": _time(request.latency_ms),
        "first_token_ms": _time(request.first_token_ms),
        "failed": request.failed,
        "source": source,
        "encoder": None,
        "embedding": None,
        "prompt": prompt if keep_text else None,
        "response": response if keep_text else None,
        **_logprobs(request),
    }
    row["truncated"] = None if row["finish"] is None else row["finish"] == "length"
    row["key"] = _key(request, row)
    return row


_TOLD_BY = ("conversation", "prompt_tokens", "response_tokens", "latency_ms", "first_token_ms", "nll", "prompt_nll")
"""What a record without an id is told by, beside what every record is."""


def _logprobs(request: Request) -> Row:
    generated, prompt = mean_nll(request.logprobs), mean_nll(request.prompt_logprobs)
    entropy = truncated_entropy(request.top_logprobs)
    pairs = {"nll": generated, "prompt_nll": prompt}
    row: Row = {}
    for name, found in pairs.items():
        row[name], row[f"{name}_tokens"] = found or (None, None)
    row["entropy"], row["entropy_top"] = entropy or (None, None)
    return row


def _key(request: Request, row: Row) -> int:
    """One number for one record, the same however often it is ingested.

    A request that was sent again has another id or another time; a record that was written again has the same. Where the
    log gives no id, and perhaps no text, all that is known of a request tells it from others.
    """
    parts: list[object] = [request.id, request.adapter, request.base, request.time]
    parts += [row["text_hash"], row["response_hash"]]
    if request.id is None:
        parts += [row[name] for name in _TOLD_BY]
        parts.append(None if request.embedding is None else [*request.embedding])
    digest = hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") or 1


def _count(value: int | None) -> int | None:
    return value if value is not None and 0 <= value <= _LARGEST else None


def _time(value: float | None) -> float | None:
    return value if value is not None and 0 <= value < 1e9 else None
