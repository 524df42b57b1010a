"""Adapters behind an endpoint, as their answers tell. Part of the wire format, as :mod:`loradiag.core.measurements`.

Texts are not kept unless they were asked for: of an answer there are the first digits of its hash, and its length.
"""

from __future__ import annotations

from typing import Literal

from loradiag.core.measure import Measure

Answering = Literal["answers", "partly", "empty", "never"]
"""``empty``: nothing but empty answers; ``never``: not once, after retries."""

BesideStatus = Literal["differs", "same", "as-told", "unlike-told", "undecided", "unjudged"]
"""``as-told``: the base's answers, as its report foretells; ``unlike-told``: other answers although its update is zero."""

Isolation = Literal["isolated", "mixed-up", "changed", "suspect", "undecided", "unjudged"]
"""``mixed-up``: another's answers under load; ``changed``: answers that others' load changes; ``suspect``: one alone."""

Told = Literal["zero", "weak", "live"]
"""What a report on the adapter says of its update."""


class ServedText(Measure, kw_only=True, frozen=True):
    """One answer: 16 digits of the SHA-256 of its text, its length, and the text itself where it was asked for."""

    sha256: str
    characters: int
    text: str | None = None


class ServedExample(Measure, kw_only=True, frozen=True):
    """An answer under load that was not the one given alone.

    ``prompt``: its number in the prompts, from 1. ``equals``: whose answer it is, where it is another's. ``gap``: by how many
    nats the token alone was likelier than the one under load where the two part; None where no logprobs tell.
    """

    prompt: int
    equals: str | None
    gap: float | None
    alone: ServedText
    loaded: ServedText


class ServedBeside(Measure, kw_only=True, frozen=True):
    """Answers of two beside each other, asked alone and each prompt twice.

    ``same``: of ``n`` prompts those to which both gave an answer that is the other's too; ``ties``: others, to which answers
    part only where logprobs show two tokens to be about as likely. ``logprob_gap``: the mean distance of the logprobs of tokens
    that they share, ``logprob_noise`` the same of each beside its own second answer; None where the
    server gives none. ``p``: how likely so much more of a difference between the two than within each is if they are one.
    """

    other: str
    n: int
    same: int
    ties: int = 0
    logprob_gap: float | None
    logprob_noise: float | None
    p: float | None


class ServedTimes(Measure, kw_only=True, frozen=True):
    """Times to the first token in milliseconds, of requests after one to the same adapter and after one to another.

    ``n``: pairs of the two. ``ratio``: of the medians, switch over stay, with its 95% bootstrap interval (None below eight
    pairs). ``failed``: requests without an answer.
    """

    n: int
    stay: float | None
    stay_p95: float | None
    switch: float | None
    switch_p95: float | None
    ratio: float | None
    low: float | None
    high: float | None
    failed: int = 0


class ServedModel(Measure, kw_only=True, frozen=True):
    """One name that is served: an adapter, or a base.

    ``base``: the name of the base that it stands beside. ``listed``: whether the server lists it; None where it lists nothing.
    ``failures`` counts requests without an answer by what was wrong, ``empty`` the answers without text.

    The counts compare answers at temperature 0 with the two that were given alone, prompt by prompt. ``changed_alone``: of
    ``n`` prompts, those with two answers. ``changed_own`` of ``own`` requests, at the same concurrency with no other adapter
    asked; ``changed_loaded`` of ``loaded``, while all others were. Where logprobs show that both tokens were about as likely
    (``Served.tie``) an answer counts under ``ties``, and as unchanged. ``telling``: answers under load to prompts that others
    answer otherwise. ``taken``: of these, those that are another's and never its own, ``taken_whole`` of them in four words or
    more, which no rounding is likely to hit; ``taken_own``: as ``taken``, without others. ``more`` and ``fewer``: pairs of
    requests of which only the one among others, or only the other, was changed; ``p``: the chance of so many more.
    ``taken_more``, ``taken_fewer`` and ``taken_p``: the same of answers that are another's.
    """

    name: str
    role: Literal["base", "adapter"]
    base: str | None = None
    listed: bool | None = None
    answering: Answering = "never"
    asked: int = 0
    failed: int = 0
    failures: dict[str, int] = {}
    empty: int = 0
    n: int = 0
    changed_alone: int = 0
    own: int = 0
    changed_own: int = 0
    loaded: int = 0
    changed_loaded: int = 0
    ties: int = 0
    telling: int = 0
    taken: int = 0
    taken_whole: int = 0
    taken_own: int = 0
    takers: dict[str, int] = {}
    more: int = 0
    fewer: int = 0
    p: float | None = None
    taken_more: int = 0
    taken_fewer: int = 0
    taken_p: float | None = None
    examples: list[ServedExample] = []
    beside: ServedBeside | None = None
    told: Told | None = None
    told_size: float | None = None
    times: ServedTimes | None = None
    beside_status: BesideStatus = "unjudged"
    isolation: Isolation = "unjudged"


class ServedPair(Measure, kw_only=True, frozen=True):
    """Two adapters that gave the same answer to every prompt. Other pairs are not listed."""

    name: str
    beside: ServedBeside
    alike: bool = False


class Served(Measure, kw_only=True, frozen=True):
    """What an OpenAI-compatible endpoint answers.

    ``api``: ``completions`` or ``chat``. ``logprobs``: whether the server gives them. ``prompts``: how many, from
    ``prompts_from``. ``tie``: nats within which two tokens count as equally likely to a server that rounds. ``seed``: of the
    order of requests under load. ``streamed``: whether times to the first token are those of a stream; otherwise they are those
    of an answer of one token. ``p`` and ``taken_p`` are those of all models' pairs of requests together.
    """

    url: str
    api: Literal["completions", "chat"]
    logprobs: bool
    prompts: int
    prompts_from: str
    prompts_sha256: str | None
    max_tokens: int
    rounds: int
    concurrency: int
    tie: float
    seed: int
    requests: int
    seconds: float
    streamed: bool
    bases: list[ServedModel]
    adapters: list[ServedModel]
    pairs: list[ServedPair] = []
    times: ServedTimes | None = None
    p: float | None = None
    taken_p: float | None = None
