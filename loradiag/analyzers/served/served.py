"""From an endpoint to a measurement: who is served, what each answers, and how long a switch takes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import combinations

import msgspec

from loradiag.analyzers.served.answers import Answer, Api, Failure, Manner
from loradiag.analyzers.served.asking import Heard, find_manner, listen, planned
from loradiag.analyzers.served.client import Client, refusal
from loradiag.analyzers.served.comparing import beside
from loradiag.analyzers.served.expecting import told_by
from loradiag.analyzers.served.loading import Texts, pooled, texts_of, under_load
from loradiag.analyzers.served.models import Cast
from loradiag.analyzers.served.prompts import Prompts
from loradiag.analyzers.served.timing import Timed, time_switches, times_of, turns
from loradiag.analyzers.served.wire import UNREACHABLE
from loradiag.core.report import Report
from loradiag.core.served import Answering, Served, ServedModel, ServedPair

TIE = 0.5
"""Nats. Logits of 16 to 32 in bfloat16 lie 0.125 apart: rounding along another order of sums moves each by some such steps.
Every change that batches made of a small model's answers was within 0.07 (benchmarks/batches.py); larger ones round more."""

MOST_PAIRS = 5_000
PROBES = 16
"""Requests at most to find out how an endpoint is asked."""

Step = Callable[[str, int, int], None]


class Wish(msgspec.Struct, frozen=True):
    """What is asked, and how."""

    prompts: Prompts
    apis: tuple[Api, ...]
    max_tokens: int
    rounds: int
    concurrency: int
    switches: int
    seed: int
    show_text: bool


def requests_of(models: int, wish: Wish) -> int:
    """Requests that a run makes, if none is repeated."""
    return planned(models, len(wish.prompts.texts), wish.rounds) + 2 * models * turns(models, wish.switches)


def run(client: Client, cast: Cast, wish: Wish, reports: Mapping[str, Report], step: Step) -> Served:
    """Ask, and say what came of it.

    Raises:
        InputError: Nobody answers anything.
    """
    begun, everyone, prompts = time.monotonic(), cast.everyone, wish.prompts.texts
    manner, last = find_manner(client, everyone, prompts[0], wish.max_tokens, wish.apis)
    if last in UNREACHABLE or last.startswith(("status 3", "status 401", "status 403")):
        raise refusal(client.endpoint, last)
    heard = listen(
        client, everyone, prompts, manner, rounds=wish.rounds, concurrency=wish.concurrency, seed=wish.seed, step=step
    )
    living = [model for model in everyone if heard.lives(model)]
    if not living and not _statuses(heard):
        raise refusal(client.endpoint, last or "no answer")
    timed = time_switches(
        client, living, prompts, manner, wish.switches, lambda done, total: step("switches", done, total)
    )
    return _served(client, cast, wish, manner, heard, timed, reports, time.monotonic() - begun)


def _statuses(heard: Heard) -> bool:
    """Whether a server gave reasons, if no answers."""
    outcomes = (row for model in heard.alone for row in heard.outcomes(model))
    return any(isinstance(row, Failure) and row.kind.startswith("status") for row in outcomes)


def _served(
    client: Client,
    cast: Cast,
    wish: Wish,
    manner: Manner,
    heard: Heard,
    timed: Timed,
    reports: Mapping[str, Report],
    seconds: float,
) -> Served:
    texts = {model: texts_of(heard, model) for model in cast.everyone}

    def row(name: str, base: str | None) -> ServedModel:
        told, size = told_by(reports[name]) if name in reports else (None, None)
        made = _model(heard, name, texts, wish)
        return msgspec.structs.replace(
            made,
            role="adapter" if name in cast.adapters else "base",
            base=base,
            listed=None if cast.listed is None else name in cast.listed,
            beside=beside(base, heard.alone[name], heard.alone[base], TIE) if base is not None else None,
            told=told,
            told_size=size,
            times=times_of(timed.pairs.get(name, ()), timed.failed.get(name, 0)),
        )

    every = [pair for pairs in timed.pairs.values() for pair in pairs]
    bases, adapters = (
        [row(name, None) for name in cast.bases],
        [row(name, base) for name, base in cast.adapters.items()],
    )
    p, taken_p = pooled([*bases, *adapters])
    return Served(
        url=client.endpoint.shown,
        api=manner.api,
        logprobs=manner.logprobs,
        prompts=len(wish.prompts.texts),
        prompts_from=wish.prompts.source,
        prompts_sha256=wish.prompts.sha256,
        max_tokens=wish.max_tokens,
        rounds=wish.rounds,
        concurrency=wish.concurrency,
        tie=TIE,
        seed=wish.seed,
        requests=client.requests,
        seconds=round(seconds, 3),
        streamed=timed.streamed,
        bases=bases,
        adapters=adapters,
        pairs=_pairs(heard, [name for name in cast.adapters if heard.lives(name)], texts),
        times=times_of(every, sum(timed.failed.values())),
        p=p,
        taken_p=taken_p,
    )


def _model(heard: Heard, name: str, texts: Texts, wish: Wish) -> ServedModel:
    outcomes = heard.outcomes(name)
    failures = Counter(row.kind for row in outcomes if isinstance(row, Failure))
    answers = [row for row in outcomes if isinstance(row, Answer)]
    empty = sum(not row.text.strip() for row in answers)
    state: Answering = (
        "never" if not answers else "empty" if empty == len(answers) else "partly" if failures else "answers"
    )
    load = under_load(heard, name, texts, TIE, show_text=wish.show_text)
    return ServedModel(
        name=name,
        role="adapter",
        answering=state,
        asked=len(outcomes),
        failed=sum(failures.values()),
        failures=dict(failures.most_common(8)),
        empty=empty,
        **load,
    )


def _pairs(heard: Heard, names: list[str], texts: Texts) -> list[ServedPair]:
    """Adapters of which every answer was the other's too."""
    found = []
    for count, (one, other) in enumerate(combinations(names, 2)):
        if count >= MOST_PAIRS:
            break
        if all(ours & theirs or not ours or not theirs for ours, theirs in zip(texts[one], texts[other], strict=True)):
            pair = ServedPair(name=one, beside=beside(other, heard.alone[one], heard.alone[other], TIE))
            if pair.beside.n:
                found.append(pair)
    return found
