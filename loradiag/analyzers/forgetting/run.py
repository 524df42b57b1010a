"""The run: all questions to the base, to each adapter beside it, and to what is served along each route."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from loradiag.adapters.opening import open_adapter
from loradiag.analyzers.forgetting.compare import Subject, compare
from loradiag.analyzers.forgetting.fitness import check_fits, precision_of, tokenizer_difference
from loradiag.analyzers.forgetting.groups import adjusted, asked_instead, group_scores
from loradiag.analyzers.forgetting.identity import of_adapter, of_base
from loradiag.analyzers.forgetting.meter import Meter
from loradiag.analyzers.forgetting.questions import Question, Questions, find_tasks, load_questions
from loradiag.analyzers.forgetting.remember import ADAPTERS, BASES, Memory, versions
from loradiag.analyzers.forgetting.served import BY_VLLM as VLLM
from loradiag.analyzers.forgetting.served import ServedStage
from loradiag.analyzers.forgetting.stage import Stage
from loradiag.analyzers.forgetting.sweep import Heard, Weaker, default_specs, name_of, swept
from loradiag.analyzers.forgetting.wanted import Progress, Spec, Wanted
from loradiag.analyzers.inspection import Inspection
from loradiag.analyzers.merge.reference import BY_PEFT, read_by_peft
from loradiag.analyzers.merge.routes import ROUTES, plan_routes
from loradiag.bases.model import Base
from loradiag.core.errors import LoradiagError, UsageError
from loradiag.core.forgetting import Forgetting, Score, Sweep
from loradiag.models.harness.answers import Scored
from loradiag.storage.hashing import content_sha256

SWEEP = "sweep"
"""The name under which an interrupted sweep is unfinished."""

Answers = dict[str, Scored]
Enter = Callable[[], AbstractContextManager[Any]]


class Asked(msgspec.Struct, frozen=True):
    """An adapter to be asked: inspected beside the base, with the hash of its content."""

    inspection: Inspection
    sha256: str


def forgetting(base: Base, adapters: Sequence[Asked], wanted: Wanted, progress: Progress) -> Iterator[Forgetting]:
    """Ask the base once, and each adapter.

    Args:
        base: The base.
        adapters: Whom to ask.
        wanted: What to ask, and how.
        progress: See :class:`Progress`.

    Yields:
        For each adapter in turn what was found. An interrupt ends the run after what was finished: the last result then has
        ``unfinished``.

    Raises:
        InputError: Base, adapter or a task's data cannot be read or run, or they do not belong together.
        MissingExtraError: lm-eval, torch, transformers or PEFT is not installed.
        UsageError: There is no such task or route, or options do not go together.
        KeyboardInterrupt: Before anything was finished.
    """
    for one in adapters:
        check_fits(one.inspection)
    plan = plan_routes(base, wanted.routes)
    precisions = [precision_of(one.inspection, plan, wanted.trained_on) for one in adapters]
    folding = bool(wanted.routes) or any(not read_by_peft(one.inspection.adapter) for one in adapters)
    tasks = find_tasks(wanted, lambda what: progress(what, 0, 1))
    with tempfile.TemporaryDirectory(prefix="loradiag-") as scratch:
        progress("loading the base", 0, 1)
        inspections = [one.inspection for one in adapters]
        stage: Stage | ServedStage = (
            ServedStage(base, wanted, precisions, inspections)
            if wanted.backend == VLLM
            else Stage(base, wanted, precisions, Path(scratch), folding=folding)
        )
        _check_chat(wanted, stage)
        checked = [] if wanted.tokenizer else adapters
        notes = [tokenizer_difference(one.inspection.adapter.path, stage.tokenizer) for one in checked]
        questions = load_questions(wanted, tasks, stage.wrapped)
        run = _Run(stage, questions, wanted, base, progress)
        run.plan(adapters, precisions)
        for index, (one, precision) in enumerate(zip(adapters, precisions, strict=True)):
            found = run.adapter(one, precision)
            yield msgspec.structs.replace(found, tokenizer_differs=notes[index] if notes else None)
            if found.unfinished:
                return
        run.complete()


def _check_chat(wanted: Wanted, stage: Stage | ServedStage) -> None:
    if wanted.options.chat and not getattr(stage.tokenizer, "chat_template", None):
        raise UsageError(
            "--apply-chat-template: the tokenizer has no chat template; --tokenizer DIR names one that has"
        )


class _Run:
    """The stage, the questions, and what has been answered so far."""

    def __init__(
        self, stage: Stage | ServedStage, questions: Questions, wanted: Wanted, base: Base, progress: Progress
    ) -> None:
        self._stage, self._questions, self._wanted = stage, questions, wanted
        self._progress, self._opened = progress, base
        self._digests: dict[str, str] = {}
        for index, question in enumerate(questions.questions):
            progress(f"requests: {question.name}", index, len(questions.questions))
            self._digests[question.name] = question.digest(stage.wrapped)
        self._identity = of_base(base, wanted, stage, lambda done, total: progress("hashing the base", done, total))
        self._about = {"base": base.name, "compute": stage.compute, "device": wanted.device}
        self._base: dict[str, Answers] = {}
        self._remembered: dict[str, int] = {}
        self._used: list[Memory] = []

    def complete(self) -> None:
        """Every adapter has its report: what would have helped an interrupted run is not needed any more."""
        for memory in self._used:
            memory.forget(self._digests.values())

    def plan(self, adapters: Sequence[Asked], precisions: Sequence[str]) -> None:
        """See what is known already, and how much work is left."""
        sizes = {question.name: question.size() for question in self._questions.questions}
        for precision in dict.fromkeys(precisions):
            self._base[precision] = self._known(self._memory_of_base(precision))
            self._remembered[precision] = len(self._base[precision])
        total = sum(sizes[name] for found in self._base.values() for name in sizes if name not in found)
        for one, precision in zip(adapters, precisions, strict=True):
            for route in (None, *self._wanted.routes):
                known = self._known(self._memory_of(one, precision, route))
                total += sum(size for name, size in sizes.items() if name not in known)
            total += len(self._specs(one)) * sum(sizes.values())
        self._meter = Meter(total, self._progress)

    def adapter(self, one: Asked, precision: str) -> Forgetting:
        """Ask the base where it was not asked yet, the adapter, and what is served."""
        stage, wanted = self._stage, self._wanted
        base = self._base[precision]
        own: dict[str | None, Answers] = {route: {} for route in (None, *wanted.routes)}
        memories = {route: self._memory_of(one, precision, route) for route in own}
        told = [BY_PEFT]
        interrupted, sweep = False, None
        try:
            self._ask(base, self._memory_of_base(precision), "base", lambda: stage.base(precision))
            for route, answers in own.items():
                enter = self._enter(one, precision, route, told)
                self._ask(answers, memories[route], route or "adapter", enter)
            if wanted.sweep is not None:
                sweep = self._sweep(one, precision, base, own[None])
        except KeyboardInterrupt:
            interrupted = True
        done = [
            question
            for question in self._questions.questions
            if all(question.name in found for found in (base, *own.values()))
        ]
        if interrupted and not done:
            raise KeyboardInterrupt
        unfinished = [question.name for question in self._questions.questions if question not in done]
        if wanted.sweep is not None and sweep is None:
            unfinished.append(SWEEP)
        self._used += memories.values()
        scores, groups = self._scores(done, base, own)
        remembered = self._remembered[precision]
        return Forgetting(
            tasks=scores,
            groups=groups,
            unfinished=unfinished,
            sweep=sweep,
            harness=f"lm-eval {versions()['lm-eval']}",
            backend=wanted.backend,
            device=wanted.device_map or wanted.device,
            compute=stage.compute,
            trained_on=precision,
            shots=wanted.options.shots,
            limit=wanted.options.limit,
            chat=wanted.options.chat,
            batch=wanted.batch,
            routes=list(wanted.routes),
            adapter_by=told[-1],
            base_by=self._base_by(remembered),
            remembered=remembered,
        )

    def _base_by(self, remembered: int) -> str:
        if remembered == len(self._questions.questions):
            return "remembered"
        return "shared" if self._stage.loads == 1 else "apart"

    def _enter(self, one: Asked, precision: str, route: str | None, told: list[str]) -> Enter:
        stage = self._stage
        if route is not None:
            return lambda: stage.route(one.inspection, ROUTES[route])

        @contextmanager
        def enter() -> Iterator[Any]:
            with stage.adapter(one.inspection, precision) as (wrapped, how):
                told.append(how)
                yield wrapped

        return enter

    def _known(self, memory: Memory) -> Answers:
        found = {name: memory.read(digest) for name, digest in self._digests.items()}
        return {name: scored for name, scored in found.items() if scored is not None}

    def _ask(self, answers: Answers, memory: Memory, label: str, enter: Enter) -> None:
        """Ask a model the questions whose answers are not known; ``answers`` grows as they come."""
        answers.update(self._known(memory))
        missing = [question for question in self._questions.questions if question.name not in answers]
        if not missing:
            return
        with enter() as wrapped:
            for question in missing:
                size = question.size()
                scored = question.ask(wrapped, self._meter.part(f"{label}: {question.name}", size))
                self._meter.finished(size)
                memory.write(self._digests[question.name], scored)
                answers[question.name] = scored

    def _specs(self, one: Asked) -> Sequence[Spec]:
        """Weaker forms to look for."""
        sweep = self._wanted.sweep
        if sweep is None:
            return ()
        sides = [min(pair.weight.shape) for pair in one.inspection.pairing.pairs if pair.weight is not None]
        return sweep.specs or default_specs(one.inspection.adapter, max(sides, default=0), self._wanted.device)

    def _sweep(self, one: Asked, precision: str, base: Answers, adapter: Answers) -> Sweep:
        """Ask weaker forms of an adapter, and choose."""
        sweep = self._wanted.sweep
        assert sweep is not None, "asked for without one"
        heard: list[Heard] = []
        memories = []
        with tempfile.TemporaryDirectory(prefix="loradiag-") as scratch:
            for index, spec in enumerate(self._specs(one)):
                folder = Path(scratch) / str(index)
                weaker = self._weaker(one, precision, spec, folder)
                answers: Answers = {}
                if weaker.path is not None:
                    form = self._form(weaker.path)
                    memories.append(self._memory_of(form, precision, None))
                    self._ask(answers, memories[-1], weaker.name, self._enter(form, precision, None, []))
                heard.append(Heard(weaker, answers if weaker.path is not None else None))
            found = swept(
                self._questions,
                base,
                adapter,
                heard,
                limits=sweep.limits,
                metrics=self._wanted.metrics,
                domain=str(self._wanted.domain.path) if self._wanted.domain else "",
            )
            chosen = next((row.weaker.path for row in heard if row.weaker.name == found.chosen), None)
            written = sweep.keep(chosen) if chosen is not None else None
        self._used += memories
        return msgspec.structs.replace(found, written=written)

    def _weaker(self, one: Asked, precision: str, spec: Spec, folder: Path) -> Weaker:
        """Write a weaker form; where that cannot be done, say why."""
        sweep, name = self._wanted.sweep, name_of(spec)
        assert sweep is not None, "asked for without one"
        self._progress(f"writing {name}", 0, 1)
        try:
            if spec.kind == "intruders":
                self._stage.reduce_intruders(one.inspection, precision, spec.value, folder)
            else:
                sweep.make(one.inspection.adapter.path, spec, folder)
        except LoradiagError as error:
            return Weaker(name, spec, reason=str(error))
        return Weaker(name, spec, folder)

    def _form(self, path: Path) -> Asked:
        adapter = open_adapter(path)
        return Asked(Inspection(adapter, base=self._opened), content_sha256(adapter.weights))

    def _memory_of_base(self, precision: str) -> Memory:
        identity = {**self._identity, "precision": precision}
        return Memory(BASES, identity, self._about, enabled=self._wanted.remember)

    def _memory_of(self, one: Asked, precision: str, route: str | None) -> Memory:
        identity = {**self._identity, "precision": precision, **of_adapter(one.inspection, one.sha256, route)}
        about = {**self._about, "adapter": str(one.inspection.adapter.path)}
        return Memory(ADAPTERS, identity, about, enabled=self._wanted.remember)

    def _scores(
        self, done: Sequence[Question], base: Answers, own: Mapping[str | None, Answers]
    ) -> tuple[list[Score], list[Score]]:
        rows: list[Score] = []
        for index, question in enumerate(done):
            self._progress("statistics", index, len(done))
            for route, answers in own.items():
                found = self._compared(question, base, answers, route)
                rows += found if route is None else self._beside_adapter(question, found, own[None], answers, route)
        finished = {question.name for question in done}
        groups = [group for group in self._questions.groups if finished.issuperset(group.tasks)]
        combined = group_scores(groups, rows, self._questions.asked)
        rows = asked_instead(rows, combined)
        judged = adjusted([*rows, *combined])
        return judged[: len(rows)], judged[len(rows) :]

    def _compared(self, question: Question, base: Answers, other: Answers, route: str | None) -> list[Score]:
        return compare(
            Subject(question.name, question.role, question.asked, route),
            base[question.name],
            other[question.name],
            aggregate=question.aggregate,
            primary=self._wanted.metrics.get(question.name),
            examples=self._wanted.examples,
        )

    def _beside_adapter(
        self, question: Question, rows: Sequence[Score], adapter: Answers, served: Answers, route: str
    ) -> list[Score]:
        """Add to the scores of a route what it does to those of the adapter beside its base."""
        between = self._compared(question, adapter, served, route)
        return [
            msgspec.structs.replace(
                row,
                unmerged=other.base,
                unmerged_difference=other.difference,
                unmerged_low=other.ci_low,
                unmerged_high=other.ci_high,
            )
            for row, other in zip(rows, between, strict=True)
        ]
