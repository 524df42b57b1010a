"""What the fast server says: tokens that follow from the adapter, the prompt and what was said before, by hashes."""

from __future__ import annotations

import hashlib

from tests.analyzers.served.server import Row

WORDS = [
    f" {first}{second}" for first in ("ba", "do", "fe", "gi", "lu", "mo") for second in ("n", "rt", "sk", "ll", "mp")
]
TURN = 0.2
"""Nats between two tokens that rounding may turn; others are two apart."""


def drawn(*parts: object) -> float:
    """A number from 0 to 1 that the parts decide."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def speak(adapter: str, prompt: str, most: int, turned: bool) -> list[Row]:
    """Some words. Every seventh place is a near tie, of which ``turned`` takes the other token, once."""
    rows: list[Row] = []
    said = ""
    for place in range(min(most, 8)):
        first = WORDS[int(drawn(adapter, prompt, said, "word") * len(WORDS))]
        second = WORDS[(WORDS.index(first) + 1) % len(WORDS)]
        logprob = -0.05 - 0.5 * drawn(adapter, prompt, said, "logprob")
        near = place == int(drawn(prompt, "place") * 6)
        other = logprob - (TURN if near else 2.0)
        top = {first: logprob, second: other}
        top |= {WORDS[(WORDS.index(first) + more) % len(WORDS)]: logprob - 1.0 - more for more in (2, 3, 4)}
        if near and turned:
            first, logprob, turned = second, other, False
        rows.append((first, logprob, top))
        said += first
    return rows


def close(adapter: str, prompt: str, most: int, turned: bool) -> list[Row]:
    """The base's words by whatever name, with logprobs that are a little of each adapter's own."""
    shift = 0.0 if adapter == "base" else 0.02 * drawn(adapter)
    rows = speak("base", prompt, most, turned)
    return [(text, value - shift, {name: own - shift for name, own in top.items()}) for text, value, top in rows]
