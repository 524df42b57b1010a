"""Asking a model: document by document what lm-eval finds alone, what questions depend on, progress, sources of documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from loradiag.core.errors import InputError, UsageError
from loradiag.models.harness.answers import Answer, Metric, Scored
from loradiag.models.harness.asking import Options, prepare, requests_digest, score
from loradiag.models.harness.tasks import load_tasks
from loradiag.models.harness.wrapping import exchange
from tests.conftest import FIXTURES
from tests.models.harness.making import CHOICE, ROLLING, WRITTEN, facts, write_documents, write_task

pytestmark = pytest.mark.models

LIMIT = 24
FILTERS = [
    {"name": "whole", "filter": [{"function": "take_first"}]},
    {"name": "word", "filter": [{"function": "regex", "regex_pattern": r"(\w+)"}, {"function": "take_first"}]},
]
MCC = {"metric": "mcc", "aggregation": "matthews_corrcoef", "higher_is_better": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tasks of every kind."""
    folder = tmp_path_factory.mktemp("tasks")
    write_task(folder, "choice", **{**CHOICE, "metric_list": [*CHOICE["metric_list"], MCC]})
    write_task(folder, "shots", **CHOICE, num_fewshot=2, fewshot_split="test", description="Answer.\n\n")
    write_task(folder, "written", **WRITTEN, filter_list=FILTERS)
    write_task(folder, "rolling", **ROLLING)
    return folder


def ask(folder: Path, name: str, wrapped: Any, options: Options | None = None, told: list[Any] | None = None) -> Scored:
    """Load a task and ask it."""
    options = options or Options(limit=LIMIT)
    task = load_tasks([name], [folder]).tasks[name]
    prepare(task, options)
    requests_digest(name, task, wrapped, options)
    return score(name, task, wrapped, options, lambda *counts: told.append(counts) if told is not None else None)


def digest(folder: Path, name: str, wrapped: Any, **options: Any) -> str:
    """Of what a task asks."""
    asked = Options(**options)
    task = load_tasks([name], [folder]).tasks[name]
    prepare(task, asked)
    return requests_digest(name, task, wrapped, asked)


@pytest.fixture(scope="module")
def alone(folder: Path) -> Mapping[str, Any]:
    """lm-eval's own run, with a model that it loads itself."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    found: Mapping[str, Any] = simple_evaluate(
        model="hf",
        model_args={"pretrained": str(FIXTURES / "base"), "dtype": "float32", "softmax_dtype": "float32"},
        tasks=["choice", "shots", "written", "rolling"],
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        batch_size=16,
        device="cpu",
        limit=LIMIT,
        bootstrap_iters=0,
        log_samples=True,
    )
    return found


@pytest.mark.parametrize(
    ("name", "metrics", "filters"),
    [
        ("choice", ["acc", "acc_norm", "mcc"], ["none"]),
        ("shots", ["acc", "acc_norm"], ["none"]),
        ("written", ["exact_match"], ["whole", "word"]),
        ("rolling", ["word_perplexity", "byte_perplexity", "bits_per_byte"], ["none"]),
    ],
)
def test_documents_agree_with_lm_eval(
    folder: Path, wrapped: Any, alone: Mapping[str, Any], name: str, metrics: list[str], filters: list[str]
) -> None:
    """One by one, for every metric and every reading of the answers."""
    found = ask(folder, name, wrapped)
    assert sorted({metric.name for metric in found.metrics}) == sorted(metrics)
    assert found.metrics[0].name == metrics[0]
    assert {metric.filter for metric in found.metrics} == set(filters)
    assert [answer.number for answer in found.answers] == list(range(LIMIT))
    rows = {(row["doc_id"], row["filter"]): row for row in alone["samples"][name]}
    assert len(rows) == LIMIT * len(filters)
    for answer in found.answers:
        assert answer.values.keys() == {f"{metric},{kind}" for metric in metrics for kind in filters}
        for key, value in answer.values.items():
            metric, kind = key.split(",")
            assert value == pytest.approx(rows[answer.number, kind][metric], rel=1e-6), (answer.number, key)


def test_what_metrics_are(folder: Path, wrapped: Any) -> None:
    """Their direction, and the function that makes a score of them."""
    assert ask(folder, "choice", wrapped).metrics == [
        Metric("acc", "none", True, "mean"),
        Metric("acc_norm", "none", True, "mean"),
        Metric("mcc", "none", True, "matthews_corrcoef"),
    ]
    assert [metric.key for metric in ask(folder, "written", wrapped).metrics] == [
        "exact_match,whole",
        "exact_match,word",
    ]
    rolling = ask(folder, "rolling", wrapped).metrics
    assert [(row.name, row.higher_is_better, row.aggregation) for row in rolling] == [
        ("word_perplexity", False, "weighted_perplexity"),
        ("byte_perplexity", False, "weighted_perplexity"),
        ("bits_per_byte", False, "bits_per_byte"),
    ]


def test_what_is_shown(folder: Path, wrapped: Any, alone: Mapping[str, Any]) -> None:
    """The question, the right answer and the model's, from the facts themselves and from lm-eval's own run."""
    rows = facts(LIMIT)
    for answer, row in zip(ask(folder, "choice", wrapped).answers, rows, strict=True):
        assert (answer.prompt, answer.target, answer.choices) == (row["query"], row["choices"][row["gold"]], 4)
        assert (answer.said == answer.target) == (answer.values["acc,none"] == 1)
    replies = {row["doc_id"]: row["resps"][0][0] for row in alone["samples"]["written"]}
    for answer, row in zip(ask(folder, "written", wrapped).answers, rows, strict=True):
        assert (answer.prompt, answer.choices) == (row["query"], None)
        assert answer.said == replies[answer.number].strip()


def test_examples_come_before_the_question(folder: Path, wrapped: Any) -> None:
    """And the description before them."""
    (first, *_) = ask(folder, "shots", wrapped).answers
    assert first.prompt is not None
    assert first.prompt.startswith("Answer.")
    assert first.prompt.endswith(facts(1)[0]["query"])


@pytest.mark.parametrize("name", ["choice", "written", "rolling"])
def test_the_same_model_answers_the_same(folder: Path, wrapped: Any, name: str) -> None:
    """To the last bit of what it puts out."""
    assert ask(folder, name, wrapped) == ask(folder, name, wrapped)


@pytest.mark.parametrize("name", ["choice", "written", "rolling"])
def test_another_model_answers_otherwise_and_leaves_nothing_behind(
    folder: Path, wrapped: Any, model: Any, name: str
) -> None:
    """The same requests to base, adapter and base again: keys are the same, replies are not, then they are."""
    from peft import PeftModel

    options = Options(limit=8)
    task = load_tasks([name], [folder]).tasks[name]
    prepare(task, options)
    requests_digest(name, task, wrapped, options)

    def now() -> list[Answer]:
        return list(score(name, task, wrapped, options, lambda _done, _total: None).answers)

    before = now()
    adapted = PeftModel.from_pretrained(model, FIXTURES / "adapters" / "narrow_forgetting").eval()
    try:
        exchange(wrapped, adapted)
        between = now()
    finally:
        adapted.unload()
        exchange(wrapped, model)
    assert [answer.key for answer in between] == [answer.key for answer in before]
    assert all(one.replies != other.replies for one, other in zip(before, between, strict=True))
    assert now() == before


def test_questions_that_are_the_same(folder: Path, wrapped: Any, tmp_path: Path) -> None:
    """Have the same digest: made again, from a file elsewhere, under another note in its metadata."""
    first = digest(folder, "choice", wrapped, limit=4)
    assert digest(folder, "choice", wrapped, limit=4) == first
    metrics = [*CHOICE["metric_list"], MCC]
    write_task(tmp_path, "choice", **{**CHOICE, "metric_list": metrics}, metadata={"version": 1, "note": "x"})
    assert digest(tmp_path, "choice", wrapped, limit=4) == first


@pytest.mark.parametrize("change", [{"limit": 5}, {"shots": 1}, {"cluster": "gold"}])
def test_questions_that_are_asked_otherwise(folder: Path, wrapped: Any, change: dict[str, Any]) -> None:
    """Limit, shots, and the field that clusters are told by."""
    first = digest(folder, "choice", wrapped, limit=4)
    assert digest(folder, "choice", wrapped, **{"limit": 4, **change}) != first


@pytest.mark.parametrize(
    "change",
    [
        {"doc_to_text": "{{query}} "},
        {"description": "Answer."},
        {"doc_to_choice": "{{choices|reverse|list}}"},
        {"target_delimiter": ""},
        {"metric_list": CHOICE["metric_list"][:1]},
        {"metadata": {"version": 2}},
        {"should_decontaminate": True, "doc_to_decontamination_query": "query"},
    ],
)
def test_definitions_that_differ(folder: Path, wrapped: Any, tmp_path: Path, change: dict[str, Any]) -> None:
    """What is asked, and how it is scored."""
    whole = {**CHOICE, "metric_list": [*CHOICE["metric_list"], MCC]}
    write_task(tmp_path, "choice", **{**whole, **change})
    assert digest(tmp_path, "choice", wrapped, limit=4) != digest(folder, "choice", wrapped, limit=4)


def test_documents_that_differ(folder: Path, wrapped: Any, tmp_path: Path) -> None:
    """One letter of one of them."""
    rows = facts(4)
    data = write_documents(tmp_path / "a.jsonl", rows)
    write_task(tmp_path, "choice", data)
    before = digest(tmp_path, "choice", wrapped)
    rows[3]["query"] += "?"
    other = tmp_path / "b"
    other.mkdir()
    write_task(other, "choice", write_documents(data, rows))
    assert digest(other, "choice", wrapped) != before


def test_shots_that_a_task_forbids(wrapped: Any, tmp_path: Path) -> None:
    """As lm-eval has it: a task that says 0 is asked without examples."""
    write_task(tmp_path, "none", **CHOICE, num_fewshot=0)
    assert digest(tmp_path, "none", wrapped, limit=4, shots=3) == digest(tmp_path, "none", wrapped, limit=4)


@pytest.mark.parametrize(("name", "total"), [("choice", 4 * LIMIT), ("written", LIMIT), ("rolling", LIMIT)])
def test_progress(folder: Path, wrapped: Any, name: str, total: int) -> None:
    """Counts requests as they are answered, up to all of them."""
    told: list[tuple[int, int]] = []
    ask(folder, name, wrapped, told=told)
    assert {count for _, count in told} == {total}
    done = [count for count, _ in told]
    assert done == sorted(done)
    assert done[-1] == total
    assert done[0] < total


SOURCES = ["a", "a", "b", "b", "b", "c"]
LONG = ["x" * 200 + letter for letter in "aabbbc"]


@pytest.mark.parametrize(
    ("field", "values", "option", "expected"),
    [
        ("passage", SOURCES, None, SOURCES),
        ("source_id", [1, 1, 2, 2, 2, 3], None, ["1", "1", "2", "2", "2", "3"]),
        ("mine", SOURCES, None, None),
        ("mine", SOURCES, "mine", SOURCES),
        ("passage", list("abcdef"), None, None),
        ("passage", ["a"] * 6, None, None),
        ("passage", ["a", "a", "b", "", "b", "c"], None, None),
    ],
)
def test_sources_of_documents(
    wrapped: Any, tmp_path: Path, field: str, values: list[Any], option: str | None, expected: list[str] | None
) -> None:
    """Told by the field's name or by the user; none where it tells nothing: all alike, all different, some missing."""
    rows = [{**row, field: value} for row, value in zip(facts(6), values, strict=True)]
    write_task(tmp_path, "task", write_documents(tmp_path / "d.jsonl", rows))
    found = ask(tmp_path, "task", wrapped, Options(cluster=option))
    assert found.cluster_field == (field if expected else None)
    assert [answer.cluster for answer in found.answers] == (expected or [None] * 6)


def test_long_sources_are_hashed(wrapped: Any, tmp_path: Path) -> None:
    """A whole passage is no name; equal ones stay equal."""
    rows = [{**row, "passage": value} for row, value in zip(facts(6), LONG, strict=True)]
    write_task(tmp_path, "task", write_documents(tmp_path / "d.jsonl", rows))
    labels = [answer.cluster or "" for answer in ask(tmp_path, "task", wrapped, Options()).answers]
    assert [labels.index(label) for label in labels] == [0, 0, 2, 2, 2, 5]
    assert max(map(len, labels)) <= 64


def test_documents_without_a_metric_to_show(wrapped: Any, tmp_path: Path) -> None:
    """The bypass metric is none."""
    task = {**WRITTEN, "metric_list": [{"metric": "bypass"}]}
    write_task(tmp_path, "task", **task)
    assert ask(tmp_path, "task", wrapped, Options(limit=2)).metrics == []


@pytest.fixture
def scorer(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a task with a scorer of its own."""

    def write(body: str, **fields: Any) -> Path:
        (tmp_path / "own.py").write_text(f"def results(doc, replies):\n    {body}\n")
        file = write_task(tmp_path, "own", **{**CHOICE, **fields})
        file.write_text(file.read_text()[:-1] + ', "process_results": !function own.results}')
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("body", "said", "remedy"),
    [
        ("raise ValueError('no\\nway')", "(no)", "leave it out"),
        ("import nowhere_at_all", "nowhere_at_all", "install the package nowhere_at_all"),
        ("raise KeyError", "(KeyError)", "leave it out"),
    ],
)
def test_scorers_that_fail(scorer: Any, wrapped: Any, body: str, said: str, remedy: str) -> None:
    """Are programs of others': one line that says what they said."""
    folder = scorer(body)
    with pytest.raises(InputError, match="own: lm-eval cannot score the task") as error:
        ask(folder, "own", wrapped, Options(limit=2))
    assert said in str(error.value)
    assert remedy in str(error.value)


def test_values_of_any_kind(scorer: Any, wrapped: Any) -> None:
    """Become what JSON holds: numbers as floats, lists of them, words, and what is nested."""
    folder = scorer("import numpy; return {'acc': True, 'acc_norm': numpy.float32(0.5)}")
    answers = ask(folder, "own", wrapped, Options(limit=2)).answers
    assert [answer.values for answer in answers] == [{"acc,none": 1.0, "acc_norm,none": 0.5}] * 2
    assert {type(value) for value in answers[0].values.values()} == {float}


def test_prompts_that_cannot_be_made(wrapped: Any, tmp_path: Path) -> None:
    """Templates are programs too."""
    rows: list[dict[str, Any]] = [*facts(3), {**facts(1)[0], "query": None}]  # lm-eval tries the first when it loads
    write_task(tmp_path, "task", write_documents(tmp_path / "d.jsonl", rows), doc_to_text="{{query.upper()}}")
    with pytest.raises(InputError, match="task: lm-eval cannot make its requests"):
        digest(tmp_path, "task", wrapped)


def test_code_that_the_model_writes(folder: Path, wrapped: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs only if the user says so."""
    task = load_tasks(["choice"], [folder]).tasks["choice"]
    monkeypatch.setattr(type(task), "UNSAFE_CODE", True, raising=False)
    with pytest.raises(UsageError, match="--confirm-run-unsafe-code allows it"):
        ask(folder, "choice", wrapped, Options(limit=2))
    assert len(ask(folder, "choice", wrapped, Options(limit=2, unsafe=True)).answers) == 2


def test_memory_that_does_not_suffice(folder: Path, wrapped: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is no fault of the task's."""

    def full(*_arguments: Any, **_options: Any) -> Any:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(wrapped, "loglikelihood", full)
    with pytest.raises(UsageError, match="--tasks choice: memory does not suffice; lower --batch"):
        ask(folder, "choice", wrapped)


def test_an_interrupt_goes_through(folder: Path, wrapped: Any) -> None:
    """And the same task can be asked afterwards."""
    options = Options(limit=4)
    task = load_tasks(["choice"], [folder]).tasks["choice"]
    prepare(task, options)
    requests_digest("choice", task, wrapped, options)

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score("choice", task, wrapped, options, stop)
    found = score("choice", task, wrapped, options, lambda _done, _total: None)
    assert found == ask(folder, "choice", wrapped, options)
