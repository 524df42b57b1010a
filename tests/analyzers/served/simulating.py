"""Servers that round, simulated: how often answers that are sound are taken for faults, and faults are found.

Texts are single letters of an answer's own: what matters is which answers are equal. With logprobs a change by rounding is a
near tie, which the tokens show; a mix-up is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np

from loradiag.analyzers.served.answers import Answer, Token
from loradiag.analyzers.served.asking import Heard
from loradiag.analyzers.served.comparing import beside
from loradiag.analyzers.served.loading import pooled, texts_of, under_load
from loradiag.analyzers.served.served import TIE
from loradiag.core.served import Served, ServedModel
from loradiag.core.serving import beside_status, isolation
from loradiag.rules import find_rule


class Kind(msgspec.Struct, frozen=True):
    """A kind of server.

    ``noise``: share of answers that rounding changes, ``lands`` of these in another's answer; ``loaded`` times as many at once.
    ``mixed``: share of answers that are another's among others. ``differs``: share of prompts to which an adapter has words of
    its own, ``shift`` nats of logprobs of its own, ``wobble`` those of rounding. ``short``: answers of one word.
    """

    noise: float = 0.0
    loaded: float = 1.0
    lands: float = 0.2
    mixed: float = 0.0
    differs: float = 1.0
    shift: float = 0.1
    wobble: float = 0.0
    logprobs: bool = True
    short: bool = False
    prompts: int = 32
    models: int = 3
    rounds: int = 2


class Simulated:
    """One server."""

    def __init__(self, kind: Kind, seed: int) -> None:
        self.kind, self.random = kind, np.random.default_rng(seed)
        self.names = ["base", *(f"a{number}" for number in range(1, kind.models))]
        self.own = {
            name: [
                name if name != "base" and self.random.random() < kind.differs else "base" for _ in range(kind.prompts)
            ]
            for name in self.names
        }
        self.turned = {name: [self._turned(name, index) for index in range(kind.prompts)] for name in self.names}
        self.far = dict.fromkeys((*self.names, *(f"{name}*" for name in self.names)), -9.0)

    def _turned(self, name: str, index: int) -> str:
        """The answer that is about as likely."""
        others = [other for other in self.names if other != name]
        if self.random.random() < self.kind.lands:
            return self.own[others[self.random.integers(len(others))]][index]
        return f"{self.own[name][index]}*"

    def heard(self) -> Heard:
        """All that a check asks."""
        kind, found = self.kind, Heard()
        for name in self.names:
            pairs = [[self.answer(name, index, 1.0, 0.0) for index in range(kind.prompts)] for _ in range(2)]
            found.alone[name] = list(zip(*pairs, strict=True))  # type: ignore[arg-type]
            for rounds, mixed in ((found.own, 0.0), (found.loaded, kind.mixed)):
                rounds[name] = [
                    [self.answer(name, index, kind.loaded, mixed) for index in range(kind.prompts)]
                    for _ in range(kind.rounds)
                ]
        return found

    def answer(self, name: str, index: int, times: float, mixed: float) -> Answer:
        """One answer; what rounding makes of it is a word of its own, or of some prompts another's."""
        kind, random = self.kind, self.random
        if random.random() < mixed:
            others = [other for other in self.names if other != name]
            name = others[random.integers(len(others))]
        own, turned = self.own[name][index], self.turned[name][index]
        text = turned if random.random() < min(1.0, kind.noise * times) else own
        said = text if kind.short else f"this is what {text}"
        if not kind.logprobs:
            return Answer(said, None)
        shift = kind.shift * self.names.index(name)
        logprob = -0.5 - shift + kind.wobble * random.standard_normal()
        top = {**self.far, own: -0.5 - shift, text: logprob}
        if kind.noise:
            top |= {turned if text == own else own: -0.6 - shift}
        return Answer(said, (Token("x", logprob, {"x": logprob}), Token(text, logprob, top)))


def verdicts(kind: Kind, seed: int) -> tuple[str, str]:
    """What a check makes of the first adapter of a server: beside its base, and of all models' isolation the gravest."""
    heard = Simulated(kind, seed).heard()
    names = list(heard.alone)
    texts = {name: texts_of(heard, name) for name in names}
    rows: list[ServedModel] = []
    for name in names:
        load = under_load(heard, name, texts, TIE, show_text=False)
        near = beside("base", heard.alone[name], heard.alone["base"], TIE) if name != "base" else None
        rows.append(ServedModel(name=name, role="adapter", answering="answers", beside=near, **load))
    found = served_of(rows, kind.logprobs, *pooled(rows))
    states = [isolation(row, found, len(rows), limits("LD415"), limits("LD417")["telling"]) for row in rows]
    gravest = next((state for state in ("mixed-up", "changed", "suspect", "undecided") if state in states), "isolated")
    return beside_status(rows[1], kind.logprobs, limits("LD414")), gravest


def served_of(rows: list[ServedModel], logprobs: bool, p: float | None, taken_p: float | None) -> Served:
    """What a server of these models is."""
    return Served(
        url="http://localhost", api="completions", logprobs=logprobs, prompts=rows[0].n, prompts_from="", prompts_sha256=None,
        max_tokens=8, rounds=2, concurrency=8, tie=TIE, seed=0, requests=0, seconds=0, streamed=True, bases=rows[:1],
        adapters=rows[1:], p=p, taken_p=taken_p,
    )  # fmt: skip


@lru_cache
def limits(code: str) -> dict[str, float]:
    """The defaults of a rule."""
    return {threshold.name: threshold.default for threshold in find_rule(code).thresholds}


def shares(kind: Kind, count: int, seed: int = 0) -> tuple[dict[str, float], dict[str, float]]:
    """How often each status comes about over ``count`` servers."""
    found = [verdicts(kind, seed + number) for number in range(count)]

    def share(values: Sequence[str]) -> dict[str, float]:
        return {value: values.count(value) / count for value in sorted(set(values))}

    return share([one for one, _ in found]), share([two for _, two in found])
