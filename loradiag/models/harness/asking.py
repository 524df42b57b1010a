"""Asking a model all documents of a task."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from loradiag.core.errors import InputError, UsageError, reason_of
from loradiag.core.lazy import require
from loradiag.core.text import printable
from loradiag.models.harness.answers import Scored
from loradiag.models.harness.quiet import quietly
from loradiag.models.harness.samples import answers_of, cluster_field, metrics_of
from loradiag.models.harness.tasks import EXTRA

FEWSHOT_SEED = 1234
"""What lm-eval itself takes."""

_SEEDS = (0, 1234, 1234)
"""Of random, numpy and torch, as lm-eval sets them."""

Progress = Callable[[int, int], None]


class Options(msgspec.Struct, frozen=True):
    """How tasks are asked.

    Attributes:
        limit: Documents of a task at most.
        shots: Examples before each document; None: what each task says.
        chat: Whether prompts go through the tokenizer's chat template.
        unsafe: Whether tasks that run code which the model wrote may do so.
        cluster: The field of documents that names their source; None: told by its name, one of ``SOURCES``.
    """

    limit: int | None = None
    shots: int | None = None
    chat: bool = False
    unsafe: bool = False
    cluster: str | None = None


def prepare(task: Any, options: Options) -> None:
    """Set shots and seeds as lm-eval does it."""
    given = task.get_config("num_fewshot")
    if options.shots is not None and given != 0:
        task.set_config(key="num_fewshot", value=options.shots)
    elif given is None:
        task.set_config(key="num_fewshot", value=0)
    task.set_fewshot_seed(seed=FEWSHOT_SEED)


def requests_digest(name: str, task: Any, wrapped: Any, options: Options) -> str:
    """Hash all that a model will be asked for a task, and how answers are scored: what results depend on, the model aside.

    Raises:
        InputError: The task cannot make its requests.
    """
    _seed()
    try:
        with quietly():
            _build(task, wrapped, options)
    except Exception as error:  # templates of prompts are programs
        raise _failed(name, "lm-eval cannot make its requests", error) from error
    if not task.instances:
        raise InputError(name, "the task has no documents", "check its data and its split")
    config = {key: value for key, value in task.dump_config().items() if key != "metadata"}
    digest = hashlib.sha256()
    head = [name, str(task.VERSION), _plain(config), _source(type(task)), options.cluster]
    digest.update(msgspec.json.encode(head, order="deterministic"))
    for instance in task.instances:
        row = [instance.request_type, instance.doc_id, instance.idx, instance.repeats, _plain(instance.args)]
        digest.update(msgspec.json.encode(row, order="deterministic"))
    return digest.hexdigest()


def _build(task: Any, wrapped: Any, options: Options) -> None:
    utils = require("lm_eval.evaluator_utils", EXTRA)
    task.build_all_requests(
        limit=utils.get_sample_size(task, options.limit),
        rank=0,
        world_size=1,
        apply_chat_template=options.chat,
        chat_template=wrapped.apply_chat_template if options.chat else None,
        tokenizer_name=wrapped.tokenizer_name if options.chat else "",
    )


def _plain(value: Any) -> Any:
    """Something that JSON can hold, the same for equal values; of functions their source."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    return _source(value) if callable(value) else str(type(value))


def _source(value: Any) -> str:
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        return getattr(value, "__qualname__", str(type(value)))


def score(name: str, task: Any, wrapped: Any, options: Options, progress: Progress) -> Scored:
    """Ask a model all documents of a task.

    Args:
        name: Of the task.
        task: As lm-eval has loaded it, prepared.
        wrapped: The model, see :func:`loradiag.models.harness.wrapping.wrap`.
        options: How to ask.
        progress: Told the requests that are answered, and their number.

    Raises:
        InputError: lm-eval cannot score it.
        UsageError: Memory does not suffice, or the task runs code that the model wrote.
    """
    if getattr(task, "UNSAFE_CODE", False) and not options.unsafe:
        raise UsageError(
            f"--tasks {printable(name)}: it runs code that the model writes; --confirm-run-unsafe-code allows it"
        )
    evaluate = require("lm_eval.evaluator", EXTRA).evaluate
    _seed()
    count_answers(wrapped, progress, len(task.instances))
    try:
        with quietly(), _as_built(task):
            result = evaluate(
                lm=wrapped,
                task_dict={"tasks": {name: task}, "groups": {}, "group_map": {}},
                limit=options.limit,
                bootstrap_iters=0,
                log_samples=True,
                apply_chat_template=options.chat,
                confirm_run_unsafe_code=options.unsafe,
            )
    except Exception as error:  # scorers of tasks are programs, and import what they like
        if "out of memory" in str(error).lower():
            raise UsageError(f"--tasks {printable(name)}: memory does not suffice; lower --batch") from error
        raise _failed(name, "lm-eval cannot score the task", error) from error
    samples = result["samples"][name]
    field = options.cluster or cluster_field(samples)
    return Scored(name, str(task.VERSION), metrics_of(task, samples), answers_of(samples, field), field)


@contextlib.contextmanager
def _as_built(task: Any) -> Iterator[None]:
    """Keep lm-eval from making the requests once more: they are made, and making them takes as long as asking a small model.

    Requests hold the answers that they got; those of an earlier model are taken out.
    """
    for instance in task.instances:
        instance.resps, instance.filtered_resps = [], {}
    task.build_all_requests = lambda **_options: None
    try:
        yield
    finally:
        del task.build_all_requests


def _failed(name: str, what: str, error: Exception) -> InputError:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    remedy = f"install the package {printable(missing)}" if missing else "leave it out, or mend its definition"
    return InputError(name, f"{what} ({reason_of(error, 200)})", remedy)


def count_answers(wrapped: Any, progress: Progress, total: int) -> None:
    """Have answers counted as they come."""
    wrapped.set_cache_hook(_Counter(progress, total))


class _Counter:
    """In the place of lm-eval's cache of answers, which is not keyed by the model: counts answers instead."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def add_partial(self, kind: str, _request: object, _answer: object) -> None:
        """One more request is answered."""
        if kind != "loglikelihood_rolling":  # these come all at once, at the end: their windows were counted
            self.add(1)

    def add(self, count: int) -> None:
        """So many more are done."""
        self._done += count
        self._progress(min(self._done, self._total), self._total)


def _seed() -> None:
    random.seed(_SEEDS[0])
    require("numpy", "").random.seed(_SEEDS[1])
    require("torch", EXTRA).manual_seed(_SEEDS[2])
