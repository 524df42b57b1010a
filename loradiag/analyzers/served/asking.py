"""Everybody is asked: alone and twice; at once, without others; and at once, among all others, in rounds that take turns."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import msgspec

from loradiag.analyzers.served.answers import Answer, Api, Failure, Manner, Outcome
from loradiag.analyzers.served.client import Client
from loradiag.analyzers.served.wire import UNREACHABLE

TWICE = 2
"""Answers alone to every prompt: what a server does to its own answers is what its answers under load are held against."""

_HOPELESS = 3
"""A model that gave no answer so often at first is not asked any more."""

SKIPPED = "not asked"
Step = Callable[[str, int, int], None]
"""Told the stage, and how many of how many requests are done."""


class Heard(msgspec.Struct):
    """All answers, by model: ``alone`` a pair a prompt, ``own`` and ``loaded`` a list a round with one a prompt."""

    alone: dict[str, list[tuple[Outcome, Outcome]]] = {}
    own: dict[str, list[list[Outcome]]] = {}
    loaded: dict[str, list[list[Outcome]]] = {}

    def outcomes(self, model: str) -> list[Outcome]:
        """All of one model that were asked for."""
        every = [outcome for pair in self.alone.get(model, ()) for outcome in pair]
        for rounds in (self.own, self.loaded):
            every += [outcome for row in rounds.get(model, ()) for outcome in row]
        return [row for row in every if not (isinstance(row, Failure) and row.kind == SKIPPED)]

    def lives(self, model: str) -> bool:
        """Whether it ever gave an answer alone."""
        return any(isinstance(outcome, Answer) for pair in self.alone[model] for outcome in pair)


def planned(models: int, prompts: int, rounds: int) -> int:
    """Requests of all rounds, if none is repeated."""
    return models * prompts * (TWICE + (2 * rounds if models > 1 else 0))


def find_manner(
    client: Client, models: Sequence[str], prompt: str, max_tokens: int, apis: Sequence[Api]
) -> tuple[Manner, str]:
    """How the endpoint is to be asked, and what was wrong with the last try if it gave no answer at all.

    Each API is tried with logprobs and without them, on some models, since any of them may be the broken one.
    """
    last = ""
    for api in apis:
        for model in models[:4]:
            for logprobs in (True, False):
                manner = Manner(api, logprobs, max_tokens)
                outcome = client.ask(model, prompt, manner)
                if isinstance(outcome, Answer):
                    return msgspec.structs.replace(manner, logprobs=outcome.tokens is not None), ""
                last = outcome.kind
                if last in UNREACHABLE or last in ("status 401", "timed out"):
                    break
            if last in UNREACHABLE:
                return Manner(apis[0], False, max_tokens), last
    return Manner(apis[0], False, max_tokens), last


def listen(
    client: Client,
    models: Sequence[str],
    prompts: Sequence[str],
    manner: Manner,
    *,
    rounds: int,
    concurrency: int,
    seed: int,
    step: Step,
) -> Heard:
    """Ask everybody everything."""
    heard, done, lock, total = Heard(), [0], Lock(), planned(len(models), len(prompts), rounds)

    def ask(model: str, index: int, stage: str) -> Outcome:
        outcome = client.ask(model, prompts[index], manner)
        with lock:
            done[0] += 1
            step(stage, done[0], total)
        return outcome

    for model in models:
        first = _in_turn(lambda index, model=model: ask(model, index, "alone"), len(prompts))  # type: ignore[misc]
        hopeless = not any(isinstance(outcome, Answer) for outcome in first)
        second = (
            [Failure(SKIPPED)] * len(prompts)
            if hopeless
            else [ask(model, index, "alone") for index in range(len(prompts))]
        )
        heard.alone[model] = list(zip(first, second, strict=True))
    living = [model for model in models if heard.lives(model)]
    if len(living) < 2:
        return heard
    order = random.Random(seed)  # noqa: S311 - an order, no secret
    with ThreadPoolExecutor(concurrency, thread_name_prefix="loradiag-asking") as pool:
        try:
            for _ in range(rounds):
                for model in living:
                    row = _at_once(pool, order, [(model, index) for index in range(len(prompts))], ask, "at once")
                    heard.own.setdefault(model, []).append([row[model, index] for index in range(len(prompts))])
                every = [(model, index) for model in living for index in range(len(prompts))]
                row = _at_once(pool, order, every, ask, "among others")
                for model in living:
                    heard.loaded.setdefault(model, []).append([row[model, index] for index in range(len(prompts))])
        except BaseException:
            client.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return heard


def _in_turn(ask: Callable[[int], Outcome], prompts: int) -> list[Outcome]:
    """Answers one after the other; none more of a model that gave none at first."""
    found: list[Outcome] = []
    for index in range(prompts):
        hopeless = len(found) >= _HOPELESS and not any(isinstance(outcome, Answer) for outcome in found)
        found.append(Failure(SKIPPED) if hopeless else ask(index))
    return found


def _at_once(
    pool: ThreadPoolExecutor,
    order: random.Random,
    jobs: Sequence[tuple[str, int]],
    ask: Callable[[str, int, str], Outcome],
    stage: str,
) -> dict[tuple[str, int], Outcome]:
    """Answers to all jobs, by as many threads as there are, in an order that mixes models and prompts."""
    shuffled = list(jobs)
    order.shuffle(shuffled)
    return dict(zip(shuffled, pool.map(lambda job: ask(job[0], job[1], stage), shuffled), strict=True))
