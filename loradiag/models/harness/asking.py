"""Asking a model all documents of a task."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from loradiag.core.errors import InputError, UsageError
from loradiag.core.lazy import require
from loradiag.core.text import printable, shorten
from loradiag.models.harness.answers import SHOWN, Answer, Metric, Scored
from loradiag.models.harness.quiet import quietly
from loradiag.models.harness.tasks import EXTRA

FEWSHOT_SEED = 1234
"""What lm-eval itself takes."""

_SEEDS = (0, 1234, 1234)
"""Of random, numpy and torch, as lm-eval sets them."""

SOURCES = ("source_id", "passage", "article", "story", "paragraph", "context_id", "passage_id", "group_id")
"""Fields of documents that name what they were drawn from. Documents that share it are no independent draws."""

_LABEL = 64
"""Characters of a source's name that are kept; of longer ones (a whole passage) a hash is."""

Progress = Callable[[int, int], None]


class Options(msgspec.Struct, frozen=True):
    """How tasks are asked.

    Attributes:
        limit: Documents of a task at most.
        shots: Examples before each document; None: what each task says.
        chat: Whether prompts go through the tokenizer's chat template.
        unsafe: Whether tasks that run code which the model wrote may do so.
        cluster: The field of documents that names their source; None: told by its name (:data:`SOURCES`).
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
    field = options.cluster or _cluster_field(samples)
    answers = [_answer(number, rows, field) for number, rows in _grouped(samples)]
    return Scored(name, str(task.VERSION), _metrics(task, samples), answers, field)


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
    reason = shorten(printable(str(error).strip().partition("\n")[0] or type(error).__name__), 200)
    return InputError(name, f"{what} ({reason})", remedy)


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


def _metrics(task: Any, samples: Sequence[Mapping[str, Any]]) -> list[Metric]:
    better, aggregated = task.higher_is_better(), task.aggregation()
    found = dict.fromkeys((metric, sample["filter"]) for sample in samples for metric in sample["metrics"])
    listed = list(getattr(task, "_metric_fn_list", None) or ())
    order = {name: index for index, name in enumerate(listed)}
    rows = [
        Metric(
            name=metric,
            filter=kind,
            higher_is_better=bool(better.get(metric, True)),
            aggregation=getattr(aggregated.get(metric), "__name__", "") or "unknown",
        )
        for metric, kind in found
        if metric != "bypass"
    ]
    return sorted(rows, key=lambda row: order.get(row.name, len(order)))


def _cluster_field(samples: Sequence[Mapping[str, Any]]) -> str | None:
    """The field that names documents' source, if several documents share one and there are several."""
    for field in SOURCES:
        values = [_label(sample["doc"], field) for sample in samples]
        if None not in values and 1 < len(set(values)) < len({sample["doc_id"] for sample in samples}):
            return field
    return None


def _label(doc: Any, field: str) -> str | None:
    value = doc.get(field) if isinstance(doc, Mapping) else None
    if not isinstance(value, (str, int)) or value == "":
        return None
    text = str(value)
    return text if len(text) <= _LABEL else hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _grouped(samples: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, list[Mapping[str, Any]]]]:
    found: dict[int, list[Mapping[str, Any]]] = {}
    for sample in samples:
        found.setdefault(sample["doc_id"], []).append(sample)
    yield from sorted(found.items())


def _answer(number: int, rows: Sequence[Mapping[str, Any]], field: str | None) -> Answer:
    first = rows[0]
    prompt, target, said = _words(first)
    choices = len(_choices(first))
    return Answer(
        number=number,
        key=_hash("".join(first[name] for name in ("doc_hash", "prompt_hash", "target_hash"))),
        replies=_hash(repr(first["resps"])),
        values={f"{metric},{row['filter']}": _number(row[metric]) for row in rows for metric in row["metrics"]},
        choices=choices if choices > 1 else None,
        cluster=_label(first["doc"], field) if field else None,
        prompt=prompt,
        target=target,
        said=said,
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _words(row: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """What was asked, what is right, and what was answered, as far as it can be told of any task."""
    arguments, replies, target = row["arguments"], row["filtered_resps"], row["target"]
    prompt = _short(arguments[0][0]) if arguments and arguments[0] else None
    choices = _choices(row)
    if choices:
        likely = [reply[0] if isinstance(reply, (list, tuple)) else reply for reply in replies]
        if all(isinstance(value, (int, float)) for value in likely):
            right = choices[target] if isinstance(target, int) and 0 <= target < len(choices) else target
            return prompt, _short(right), _short(choices[max(range(len(likely)), key=likely.__getitem__)])
    said = replies[0] if replies and isinstance(replies[0], str) else None
    return prompt, _short(target), _short(said)


def _choices(row: Mapping[str, Any]) -> list[str]:
    """The answers to choose from: one request each, of which the likeliest is the answer. Empty for other tasks."""
    choices = [args[1] for args in row["arguments"] if len(args) > 1 and isinstance(args[1], str)]
    return choices if len(choices) == len(row["filtered_resps"]) > 1 else []


def _short(value: Any) -> str | None:
    if isinstance(value, str) and value.strip():
        return shorten(value.strip(), SHOWN)
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _number(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_number(one) for one in value]
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): _number(one) for key, one in value.items()}
    return float(value)
