"""The run: all questions to the base, to each adapter beside it, and to what is served along each route."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from loradiag.analyzers.forgetting.excerpts import Excerpts, excerpts
from loradiag.analyzers.forgetting.fitness import check_fits, precision_of, tokenizer_difference
from loradiag.analyzers.forgetting.forms import specs_of, sweep_forms
from loradiag.analyzers.forgetting.memorised import memorisation
from loradiag.analyzers.forgetting.questions import find_tasks, load_questions
from loradiag.analyzers.forgetting.remember import versions
from loradiag.analyzers.forgetting.results import scores_of
from loradiag.analyzers.forgetting.served import BY_VLLM, ServedStage
from loradiag.analyzers.forgetting.session import Answers, Asked, Session
from loradiag.analyzers.forgetting.stage import Stage
from loradiag.analyzers.forgetting.wanted import Progress, Wanted
from loradiag.analyzers.merge.reference import read_by_peft
from loradiag.analyzers.merge.routes import plan_routes
from loradiag.bases.model import Base
from loradiag.core.errors import UsageError
from loradiag.core.forgetting import Forgetting, Memorisation

SWEEP, MEMORY = "sweep", "memorisation"
"""Names under which these are unfinished where a run was interrupted."""


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
        stage: Stage | ServedStage = (
            ServedStage(base, wanted, precisions, [one.inspection for one in adapters])
            if wanted.backend == BY_VLLM
            else Stage(base, wanted, precisions, Path(scratch), folding=folding)
        )
        _check_chat(wanted, stage)
        checked = [] if wanted.tokenizer else adapters
        notes = [tokenizer_difference(one.inspection.adapter.path, stage.tokenizer) for one in checked]
        questions = load_questions(wanted, tasks, stage.wrapped)
        session = Session(stage, questions, wanted, base, progress)
        asked = _excerpts(wanted, stage)
        session.plan(adapters, precisions, sum(len(specs_of(one, wanted)) for one in adapters), asked)
        for index, (one, precision) in enumerate(zip(adapters, precisions, strict=True)):
            found = _one(session, one, precision, asked)
            yield msgspec.structs.replace(found, tokenizer_differs=notes[index] if notes else None)
            if found.unfinished:
                return
        session.complete()


def _check_chat(wanted: Wanted, stage: Stage | ServedStage) -> None:
    if wanted.options.chat and not getattr(stage.tokenizer, "chat_template", None):
        raise UsageError(
            "--apply-chat-template: the tokenizer has no chat template; --tokenizer DIR names one that has"
        )


def _excerpts(wanted: Wanted, stage: Stage | ServedStage) -> Excerpts | None:
    """What base and adapters will write on from, to see whether training data is remembered."""
    if wanted.training is None or wanted.control is None:
        return None
    if wanted.backend == BY_VLLM:
        raise UsageError("--training-data: prompts are given token by token, by transformers; leave --backend vllm out")
    return excerpts(wanted.training, wanted.control, stage.wrapped)


def _one(session: Session, one: Asked, precision: str, asked: Excerpts | None) -> Forgetting:
    """Ask the base where it was not asked yet, an adapter, what is served of it, and its weaker forms."""
    wanted, questions = session.wanted, session.questions
    own: dict[str | None, Answers] = {route: {} for route in (None, *wanted.routes)}
    interrupted, sweep, memory = False, None, None
    try:
        session.ask_base(precision)
        session.ask_adapter(one, precision, own[None])
        for route in wanted.routes:
            session.ask_route(one, precision, route, own[route])
        if asked is not None:
            memory = _remembered(session, one, precision, asked)
        if wanted.sweep is not None:
            sweep = sweep_forms(session, one, precision, own[None])
    except KeyboardInterrupt:
        interrupted = True
    base = session.base(precision)
    done = [
        question for question in questions.questions if all(question.name in found for found in (base, *own.values()))
    ]
    if interrupted and not done and questions.questions:
        raise KeyboardInterrupt
    unfinished = [question.name for question in questions.questions if question not in done]
    unfinished += [MEMORY] if asked is not None and memory is None else []
    unfinished += [SWEEP] if wanted.sweep is not None and sweep is None else []
    scores, groups = scores_of(questions, done, base, own, wanted, session.say)
    found = _described(session, precision)
    return msgspec.structs.replace(
        found, tasks=scores, groups=groups, unfinished=unfinished, sweep=sweep, memorisation=memory
    )


def _remembered(session: Session, one: Asked, precision: str, asked: Excerpts) -> Memorisation:
    """See what the adapter knows by heart that its base does not."""
    wanted = session.wanted
    assert wanted.training is not None, "asked for without training data"
    assert wanted.control is not None, "asked for without a control"
    base, adapter = session.hear_base(asked, precision), session.hear_adapter(asked, one, precision)
    session.say("statistics: memorisation")
    names = {"training": str(wanted.training.path), "control": str(wanted.control.path)}
    return memorisation(asked, base, adapter, **names)


def _described(session: Session, precision: str) -> Forgetting:
    """How it was asked."""
    wanted, stage = session.wanted, session.stage
    remembered = session.remembered[precision]
    asked = len(session.questions.questions)
    by = "remembered" if asked and remembered == asked else "shared" if stage.loads == 1 else "apart"
    return Forgetting(
        tasks=[],
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
        adapter_by=session.adapter_by,
        base_by=by,
        remembered=remembered,
    )
