"""Asking models questions, as far as the answers are not known: the stage, the questions, and what was answered before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import msgspec

from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.forgetting.excerpts import Excerpts
from loradiag.analyzers.forgetting.identity import of_adapter, of_base
from loradiag.analyzers.forgetting.memorised import Heard, hear
from loradiag.analyzers.forgetting.meter import Meter
from loradiag.analyzers.forgetting.questions import Questions
from loradiag.analyzers.forgetting.remember import ADAPTERS, BASES, Memory
from loradiag.analyzers.forgetting.served import ServedStage
from loradiag.analyzers.forgetting.stage import Stage
from loradiag.analyzers.forgetting.wanted import Progress, Wanted
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.reference import BY_PEFT
from loradiag.analyzers.merge.routes import ROUTES
from loradiag.bases.model import Base
from loradiag.models.harness.answers import Scored
from loradiag.storage.hashing import content_sha256

Answers = dict[str, Scored]
Enter = Callable[[], AbstractContextManager[Any]]


class Asked(msgspec.Struct, frozen=True):
    """An adapter to be asked: inspected beside the base, with the hash of its content."""

    inspection: Inspection
    sha256: str


class Session:
    """One loaded base and one set of questions, for any number of adapters.

    Args:
        stage: The model.
        questions: What is asked.
        wanted: How.
        base: What the model was loaded from.
        progress: See :class:`Progress`.

    Attributes:
        stage, questions, wanted: As given.
        adapter_by: How the adapter that was asked last ran.
        remembered: By precision, how many answers of the base were known before.
    """

    def __init__(
        self, stage: Stage | ServedStage, questions: Questions, wanted: Wanted, base: Base, progress: Progress
    ) -> None:
        self.stage, self.questions, self.wanted = stage, questions, wanted
        self.adapter_by = BY_PEFT
        self.remembered: dict[str, int] = {}
        self._opened, self._progress = base, progress
        self._digests: dict[str, str] = {}
        for index, question in enumerate(questions.questions):
            progress(f"requests: {question.name}", index, len(questions.questions))
            self._digests[question.name] = question.digest(stage.wrapped)
        self._identity = of_base(base, wanted, stage, lambda done, total: progress("hashing the base", done, total))
        self._about = {"base": base.name, "compute": stage.compute, "device": wanted.device}
        self._base: dict[str, Answers] = {}
        self._used: list[Memory] = []
        self._excerpts: list[str] = []
        self._meter = Meter(0, progress)

    def plan(self, adapters: Sequence[Asked], precisions: Sequence[str], forms: int, excerpts: Excerpts | None) -> None:
        """See what is known already, and how much work is left.

        Args:
            adapters: Whom to ask.
            precisions: Of the base's weights, for each.
            forms: How many weaker adapters will be asked besides.
            excerpts: What base and adapters will write on from, if they will.
        """
        sizes = {question.name: question.size() for question in self.questions.questions}
        for precision in dict.fromkeys(precisions):
            self._base[precision] = self._known(self._memory_of_base(precision))
            self.remembered[precision] = len(self._base[precision])
        total = sum(sizes[name] for found in self._base.values() for name in sizes if name not in found)
        for one, precision in zip(adapters, precisions, strict=True):
            for route in (None, *self.wanted.routes):
                known = self._known(self._memory_of(one, precision, route))
                total += sum(size for name, size in sizes.items() if name not in known)
        writing = (len(adapters) + len(self._base)) * excerpts.size() if excerpts is not None else 0
        self._meter = Meter(total + forms * sum(sizes.values()) + writing, self._progress)

    def say(self, what: str) -> None:
        """Tell what is being done, between questions."""
        self._meter.part(what, 0)

    def base(self, precision: str) -> Answers:
        """The base's answers so far. They grow when it is asked."""
        return self._base[precision]

    def ask_base(self, precision: str) -> None:
        """Ask the base what it was not asked yet."""
        memory = self._memory_of_base(precision)
        self._ask(self._base[precision], memory, "base", lambda: self.stage.base(precision))

    def ask_adapter(self, one: Asked, precision: str, answers: Answers, label: str = "adapter") -> None:
        """Ask an adapter beside the base; ``answers`` grows as they come."""
        self.adapter_by = self.stage.way(one.inspection)  # also where all answers are known, and nothing runs
        self._ask(answers, self._kept(one, precision, None), label, lambda: self._beside(one, precision))

    @contextmanager
    def _beside(self, one: Asked, precision: str) -> Iterator[Any]:
        with self.stage.adapter(one.inspection, precision) as (wrapped, _):
            yield wrapped

    def ask_route(self, one: Asked, precision: str, route: str, answers: Answers) -> None:
        """Ask what is served along a route; ``answers`` grows as they come."""
        memory = self._kept(one, precision, route)
        self._ask(answers, memory, route, lambda: self.stage.route(one.inspection, ROUTES[route]))

    def hear_base(self, excerpts: Excerpts, precision: str) -> Heard:
        """Have the base write on from the beginnings of documents."""
        memory = self._memory_of_base(precision)
        return self._hear(excerpts, memory, "base", lambda: self.stage.base(precision))

    def hear_adapter(self, excerpts: Excerpts, one: Asked, precision: str) -> Heard:
        """Have an adapter write on from the beginnings of documents."""
        memory = self._kept(one, precision, None)
        self._excerpts.append(excerpts.digest())
        return self._hear(excerpts, memory, "adapter", lambda: self._beside(one, precision))

    def _hear(self, excerpts: Excerpts, memory: Memory, label: str, enter: Enter) -> Heard:
        digest, size = excerpts.digest(), excerpts.size()
        known = memory.read(digest, Heard)
        if known is not None:
            self._meter.finished(size)
            return known
        with enter() as wrapped:
            found = hear(excerpts, wrapped, self._meter.part(f"{label}: memorisation", size))
        self._meter.finished(size)
        documents = len(excerpts.training.ids) + len(excerpts.control.ids)
        memory.write(digest, found, {"task": "memorisation", "documents": str(documents)})
        return found

    def opened(self, path: Any) -> Asked:
        """Open a weaker form of an adapter."""
        adapter = open_adapter(path)
        return Asked(Inspection(adapter, base=self._opened), content_sha256(adapter.weights))

    def complete(self) -> None:
        """Every adapter has its report: what would have helped an interrupted run is not needed any more."""
        for memory in self._used:
            memory.forget([*self._digests.values(), *self._excerpts])

    def _known(self, memory: Memory) -> Answers:
        found = {name: memory.read(digest, Scored) for name, digest in self._digests.items()}
        return {name: scored for name, scored in found.items() if scored is not None}

    def _ask(self, answers: Answers, memory: Memory, label: str, enter: Enter) -> None:
        answers.update(self._known(memory))
        missing = [question for question in self.questions.questions if question.name not in answers]
        if not missing:
            return
        with enter() as wrapped:
            for question in missing:
                size = question.size()
                scored = question.ask(wrapped, self._meter.part(f"{label}: {question.name}", size))
                self._meter.finished(size)
                about = {"task": question.name, "documents": str(len(scored.answers))}
                memory.write(self._digests[question.name], scored, about)
                answers[question.name] = scored

    def _memory_of_base(self, precision: str) -> Memory:
        identity = {**self._identity, "precision": precision}
        return Memory(BASES, identity, self._about, enabled=self.wanted.remember)

    def _memory_of(self, one: Asked, precision: str, route: str | None) -> Memory:
        identity = {**self._identity, "precision": precision, **of_adapter(one.inspection, one.sha256, route)}
        about = {**self._about, "adapter": str(one.inspection.adapter.path)}
        return Memory(ADAPTERS, identity, about, enabled=self.wanted.remember)

    def _kept(self, one: Asked, precision: str, route: str | None) -> Memory:
        memory = self._memory_of(one, precision, route)
        self._used.append(memory)
        return memory
