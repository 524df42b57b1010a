"""What is kept of a request in place of its texts: hashes, lengths, and how sure the model was."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import chain
from math import fsum, isfinite

import numpy as np

LEAST_GRAMS = 8
"""Word 4-grams below which nothing is said about repetition."""

_REFUSALS = re.compile(
    r"\W*(?:i['’]?m (?:very |so |really )?sorry|i am (?:very |so )?sorry|sorry,? (?:but )?i|i apologi[sz]e"
    r"|unfortunately,? i (?:can|am|['’]m)|i (?:can['’]?t|cannot|can not|won['’]?t|will not|am unable|['’]m unable|am not able)"
    r"|i['’]m (?:unable|not able)|as an ai\b|as a (?:large )?language model|i (?:do not|don['’]?t) feel comfortable)",
    re.IGNORECASE,
)
_FINISHES = {
    "stop": "stop",
    "end_turn": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "error": "error",
    "abort": "error",
}


def hash64(text: str) -> int:
    """Return the first 64 bits of SHA-256, never 0, which stands for none."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") or 1


def mean_nll(logprobs: Sequence[float | None]) -> tuple[float, int] | None:
    """Return the mean of −log p over tokens, in nats, and how many tokens have one.

    None where no token does. −inf and numbers above 0 by more than rounding are no log-probabilities; a server writes
    −9999 for what it did not compute, which is left out too.
    """
    known = [value for value in logprobs if value is not None and isfinite(value) and -1000 < value <= 1e-3]
    return (fsum(-min(value, 0.0) for value in known) / len(known), len(known)) if known else None


def truncated_entropy(tops: Sequence[Sequence[float]]) -> tuple[float, int] | None:
    """Return the mean entropy of the logged likeliest tokens, made to add up to 1, in nats, and how many there usually are.

    It is not the entropy of the model's distribution, of which the log has the top only: of one token it would be 0, and
    so nothing is said.
    """
    if not any(tops):
        return None
    owners = np.repeat(np.arange(len(tops)), [len(top) for top in tops])
    values = np.fromiter(chain.from_iterable(tops), dtype=np.float64, count=owners.size)
    known = (values > -1000) & (values <= 1e-3)  # of NaN neither is true
    owners, values = owners[known], values[known]
    weights = np.exp(values)
    sizes = np.bincount(owners, minlength=len(tops))
    totals = np.bincount(owners, weights, minlength=len(tops))
    sums = np.bincount(owners, weights * values, minlength=len(tops))
    told = (sizes > 1) & (totals > 0)
    if not told.any():
        return None
    # With shares w/T, and v = ln w: -Σ w/T·ln(w/T) = ln T - Σ w·v / T.
    entropies = np.log(totals[told]) - sums[told] / totals[told]
    return float(np.maximum(entropies, 0).mean()), int(np.bincount(sizes[told]).argmax())


def repetition(text: str) -> float | None:
    """Return 1 − distinct / all word 4-grams (Welleck et al., arXiv 1908.04319: seq-rep-4); None under eight of them."""
    words = text.split()
    grams = [tuple(words[start : start + 4]) for start in range(len(words) - 3)]
    return 1 - len(set(grams)) / len(grams) if len(grams) >= LEAST_GRAMS else None


def refusal_like(text: str) -> bool:
    """Say whether an answer begins as English refusals do. Some that do are none, and refusals in other words are missed."""
    return _REFUSALS.match(text[:400]) is not None


def finish_of(reason: str | None) -> str | None:
    """Return why an answer ended, in one of six words; None where the log does not say."""
    if reason is None or not reason.strip():
        return None
    word = reason.strip().lower().rpartition(".")[2]
    return _FINISHES.get(word, "other")
