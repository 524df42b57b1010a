"""The run: what is asked once, what is remembered, what survives an interrupt, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loradiag
from loradiag.analyzers.forgetting import session
from loradiag.analyzers.forgetting.questions import TaskQuestion
from loradiag.core.errors import InputError, UsageError
from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.report import Report
from tests.conftest import FIXTURES

pytestmark = [pytest.mark.models, pytest.mark.usefixtures("one_thread")]

BASE, ADAPTERS = FIXTURES / "base", FIXTURES / "adapters"
TASKS = {"include_path": [FIXTURES / "tasks"], "limit": 24, "fit": False}
CHANT = FIXTURES / "text" / "chant_heldout.jsonl"


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for every test."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was really asked: labels of models and tasks."""
    found: list[tuple[str, str]] = []
    part = session.Meter.part

    def noted(self: Any, name: str, size: int) -> Callable[[int, int], None]:
        if size:
            model, _, task = name.partition(": ")
            found.append((model, task))
        return part(self, name, size)

    monkeypatch.setattr(session.Meter, "part", noted)
    return found


def of(report: Report) -> Forgetting:
    """The measurement."""
    assert report.measurements.forgetting is not None
    return report.measurements.forgetting


def numbers(found: Forgetting) -> list[tuple[str, float | None, float | None, float | None]]:
    """What two runs must have in common."""
    return [(row.task, row.base, row.adapter, row.ci_low) for row in found.tasks]


def row_of(found: Forgetting, task: str, route: str | None = None) -> Score:
    """The primary score of a task."""
    return next(row for row in found.tasks if row.task == task and row.route == route and row.primary)


def test_the_base_is_asked_once_for_all_adapters(asked: list[tuple[str, str]]) -> None:
    """And not at all the second time."""
    adapters = [ADAPTERS / "untrained", ADAPTERS / "narrow_forgetting"]
    reports = loradiag.forgetting_all(BASE, adapters, tasks=["toy_facts", "toy_arithmetic"], **TASKS)
    assert asked.count(("base", "toy_facts")) == asked.count(("base", "toy_arithmetic")) == 1
    assert asked.count(("adapter", "toy_facts")) == 2
    assert [of(report).base_by for report in reports] == ["shared", "shared"]
    asked.clear()
    again = loradiag.forgetting(BASE, adapters[1], tasks=["toy_arithmetic", "toy_facts"], **TASKS)
    assert asked == [("adapter", "toy_arithmetic"), ("adapter", "toy_facts")]
    assert (of(again).base_by, of(again).remembered) == ("remembered", 2)
    assert sorted(numbers(of(again))) == sorted(numbers(of(reports[1])))


@pytest.mark.parametrize(
    "change", [{"limit": 12}, {"num_fewshot": 1}, {"batch": 4}, {"max_length": 64}, {"compute": "bf16"}]
)
def test_answers_to_other_questions_are_not_taken(asked: list[tuple[str, str]], change: dict[str, Any]) -> None:
    """The cache knows everything that decides an answer."""
    loradiag.forgetting(BASE, ADAPTERS / "untrained", tasks=["toy_facts"], **TASKS)
    asked.clear()
    loradiag.forgetting(BASE, ADAPTERS / "untrained", tasks=["toy_facts"], **{**TASKS, **change})
    assert ("base", "toy_facts") in asked


def test_another_base_has_answers_of_its_own(asked: list[tuple[str, str]], tmp_path: Path) -> None:
    """One bit of one weight is another base."""
    loradiag.forgetting(BASE, ADAPTERS / "untrained", tasks=["toy_facts"], **TASKS)
    asked.clear()
    other = tmp_path / "base"
    shutil.copytree(BASE, other)
    shard = other / "model-00002-of-00002.safetensors"
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    loradiag.forgetting(other, ADAPTERS / "untrained", tasks=["toy_facts"], **TASKS)
    assert ("base", "toy_facts") in asked


def test_without_a_cache_nothing_is_kept(fresh: Path, asked: list[tuple[str, str]]) -> None:
    """``cache=False`` asks everything, and writes no answer."""
    for _ in range(2):
        loradiag.forgetting(BASE, ADAPTERS / "untrained", tasks=["toy_facts"], cache=False, **TASKS)
    assert asked.count(("base", "toy_facts")) == 2
    assert not list(fresh.glob("scores*/*"))


def test_broken_answers_are_asked_again(fresh: Path, asked: list[tuple[str, str]]) -> None:
    """A file that was cut short, or that is something else."""
    first = loradiag.forgetting(BASE, ADAPTERS / "untrained", tasks=["toy_facts"], **TASKS)
    (file,) = (fresh / "scores").glob("*.json")
    for content in (file.read_bytes()[:100], b"[]", b"\xff"):
        file.write_bytes(content)
        asked.clear()
        again = loradiag.forgetting(BASE, ADAPTERS / "untrained", tasks=["toy_facts"], **TASKS)
        assert ("base", "toy_facts") in asked
        assert numbers(of(again)) == numbers(of(first))


def test_an_untrained_adapter_changes_nothing() -> None:
    """To the last bit: safe, whatever the number of documents."""
    found = of(loradiag.forgetting(BASE, ADAPTERS / "untrained", tasks=["toy_facts"], **TASKS))
    row = row_of(found, "toy_facts")
    assert (row.status, row.difference, row.ci_low, row.ci_high, row.identical) == ("safe", 0, 0, 0, True)


class Stop:
    """Interrupts when a label comes up."""

    def __init__(self, label: str) -> None:
        self._label = label

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Progress."""
        assert 0 <= done <= total
        if stage == self._label and done:
            raise KeyboardInterrupt


def test_an_interrupt_keeps_what_was_finished(fresh: Path, asked: list[tuple[str, str]]) -> None:
    """The report has the tasks that both answered; the same call goes on from there, and ends as if nothing had been."""
    call = {"tasks": ["toy_facts", "toy_arithmetic"], **TASKS}
    with pytest.raises(loradiag.InterruptedRunError) as stopped:
        loradiag.forgetting(BASE, ADAPTERS / "narrow_forgetting", progress=Stop("adapter: toy_arithmetic"), **call)
    (partial,) = stopped.value.reports
    assert [row.task for row in of(partial).tasks] == ["toy_facts"]
    assert of(partial).unfinished == ["toy_arithmetic"]
    assert "LD707" in [finding.code for finding in partial.findings]
    assert list((fresh / "scores-unfinished").glob("*.json"))
    asked.clear()
    whole = loradiag.forgetting(BASE, ADAPTERS / "narrow_forgetting", **call)
    assert asked == [("adapter", "toy_arithmetic")]
    assert not list((fresh / "scores-unfinished").glob("*.json"))
    again = loradiag.forgetting(BASE, ADAPTERS / "narrow_forgetting", **{**call, "cache": False})
    assert numbers(of(whole)) == numbers(of(again))


def test_an_interrupt_before_anything_is_finished() -> None:
    """Is an interrupt."""
    with pytest.raises(KeyboardInterrupt) as stopped:
        loradiag.forgetting(
            BASE, ADAPTERS / "untrained", tasks=["toy_facts"], progress=Stop("base: toy_facts"), **TASKS
        )
    assert not isinstance(stopped.value, loradiag.InterruptedRunError)


def test_pissa_does_not_spoil_the_base() -> None:
    """PEFT changes the base's weights when it loads such an adapter, and does not change them back."""
    adapters = [ADAPTERS / "pissa", ADAPTERS / "untrained"]
    pissa, untrained = loradiag.forgetting_all(BASE, adapters, tasks=["toy_facts"], **TASKS)
    row = row_of(of(untrained), "toy_facts")
    assert row.identical
    assert row.difference == 0
    alone = loradiag.forgetting(BASE, ADAPTERS / "pissa", tasks=["toy_facts"], cache=False, **TASKS)
    assert numbers(of(alone)) == numbers(of(pissa))


@pytest.fixture
def one_file(tmp_path: Path) -> Path:
    """The narrow adapter in a layout that PEFT does not read: weights under another name."""
    folder = tmp_path / "renamed"
    shutil.copytree(ADAPTERS / "narrow_forgetting", folder)
    (folder / "adapter_model.safetensors").rename(folder / "lora_weights.safetensors")
    return folder


def test_what_peft_does_not_read_is_folded(one_file: Path) -> None:
    """Exactly, so that scores are PEFT's."""
    folded = of(loradiag.forgetting(BASE, one_file, tasks=["toy_facts"], **TASKS))
    beside = of(loradiag.forgetting(BASE, ADAPTERS / "narrow_forgetting", tasks=["toy_facts"], **TASKS))
    assert (folded.adapter_by, beside.adapter_by) == ("fold", "peft")
    assert [row[:3] for row in numbers(folded)] == [row[:3] for row in numbers(beside)]


def test_routes_are_scores_of_their_own() -> None:
    """The adapter beside its base, and what is served, told apart; FP32 is the adapter itself."""
    found = of(
        loradiag.forgetting(BASE, ADAPTERS / "narrow_forgetting", tasks=["toy_facts"], routes=["fp32", "nf4"], **TASKS)
    )
    beside, control, served = (row_of(found, "toy_facts", route) for route in (None, "fp32", "nf4"))
    assert control.adapter == beside.adapter == control.unmerged == served.unmerged
    assert control.unmerged_difference == 0
    assert served.unmerged_difference == pytest.approx((served.adapter or 0) - (beside.adapter or 0))
    assert beside.unmerged is None


def test_the_precision_of_training_is_that_of_the_base() -> None:
    """An adapter that was trained on NF4 weights is asked on them, and so is the base."""
    found = of(loradiag.forgetting(BASE, ADAPTERS / "untrained", tasks=["toy_facts"], trained_on="nf4", **TASKS))
    row = row_of(found, "toy_facts")
    assert found.trained_on == "nf4"
    assert row.identical


def test_texts_are_asked_by_perplexity() -> None:
    """exp(−Σ nats/Σ tokens) of transformers alone, `<s>` itself left out; the domain is not judged."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {**TASKS, "limit": 12, "domain_text": CHANT, "texts": [FIXTURES / "text" / "base_heldout.jsonl"]}
    found = of(loradiag.forgetting(BASE, ADAPTERS / "narrow_forgetting", **options))
    text, domain = (row_of(found, name) for name in ("base_heldout", "domain"))
    assert (text.role, domain.role, domain.status, text.status) == ("text", "domain", "unjudged", "forgot")
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).eval()
    nats = tokens = 0.0
    for line in CHANT.read_text().splitlines()[:12]:
        ids = tokenizer(json.loads(line)["text"])["input_ids"]  # <s> stands first
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
        nats -= float(logits[range(len(ids) - 1), ids[1:]].sum())
        tokens += len(ids) - 1
    assert domain.base == pytest.approx(float(torch.tensor(nats / tokens).exp()), rel=1e-4)
    assert domain.adapter is not None
    assert domain.base is not None
    assert domain.adapter < domain.base


def test_a_sweep_writes_an_adapter_that_peft_loads(tmp_path: Path) -> None:
    """The form that was chosen, and the scores that were reported of it."""
    call = {"tasks": ["toy_facts"], "include_path": [FIXTURES / "tasks"], "fit": False, "domain_text": CHANT}
    forms = ["scale:0.2", "scale:0.9", "rank:2", "intruders:0.5"]
    report = loradiag.forgetting(
        BASE, ADAPTERS / "narrow_forgetting", candidates=forms, write=tmp_path / "weaker", sweep=True, **call
    )
    sweep = of(report).sweep
    assert sweep is not None
    assert (sweep.chosen, sweep.written) == ("scale 0.2", str(tmp_path / "weaker"))
    rows = {row.name: row for row in sweep.candidates}
    assert all(row.reason is None for row in rows.values())
    assert (rows["scale 0.9"].loss_report or 0) > 0.05 > (rows["scale 0.2"].loss_report or 0)
    again = of(loradiag.forgetting(BASE, tmp_path / "weaker", **call))
    whole = row_of(again, "toy_facts")
    half = rows["scale 0.2"].tasks[0]
    right = (whole.adapter or 0) * whole.n
    assert 0 <= right - (half.candidate or 0) * sweep.documents_report <= sweep.documents_choose
    assert whole.status == "safe"


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"tasks": ["toy_fact"]}, UsageError, "did you mean toy_facts"),
        ({}, UsageError, "name what to ask"),
        ({"tasks": ["toy_facts"], "metrics": {"toy_facts": "bleu"}}, UsageError, "the task has acc"),
        ({"tasks": ["toy_facts"], "metrics": {"toy": "acc"}}, UsageError, "no task of that name"),
        ({"tasks": ["toy_facts"], "sweep": True}, UsageError, "--domain-text"),
        ({"tasks": ["toy_facts"], "routes": ["nf5"]}, UsageError, "nf4"),
        ({"tasks": ["toy_facts"], "routes": ["nf4"], "device_map": "auto"}, UsageError, "--device-map"),
        ({"tasks": ["toy_facts"], "apply_chat_template": True}, UsageError, "no chat template"),
        ({"tasks": ["toy_facts"], "backend": "jax"}, UsageError, "transformers, vllm"),
        ({"tasks": ["toy_facts"], "candidates": ["scale:2"], "domain_text": CHANT}, UsageError, "scale:0.5"),
    ],
)
def test_what_makes_no_sense(options: dict[str, Any], error: type[Exception], said: str) -> None:
    """One line that says what to do."""
    with pytest.raises(error, match=said):
        loradiag.forgetting(BASE, ADAPTERS / "untrained", **{**TASKS, **options})


def test_an_adapter_of_another_base(make_adapter: Any) -> None:
    """Is refused before the model is loaded."""
    with pytest.raises(InputError, match="does not fit this base"):
        loradiag.forgetting(BASE, make_adapter(), tasks=["toy_facts"], **TASKS)


def test_a_vocabulary_that_was_resized(tmp_path: Path) -> None:
    """Says how many tokens there are on either side."""
    import numpy as np
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "grown"
    shutil.copytree(ADAPTERS / "narrow_forgetting", folder)
    arrays = load_file(folder / "adapter_model.safetensors")
    width = json.loads((BASE / "config.json").read_text())["hidden_size"]
    for name in ("model.embed_tokens", "lm_head"):
        arrays[f"base_model.model.{name}.weight"] = np.zeros((700, width), np.float32)
    save_file(arrays, folder / "adapter_model.safetensors", {"format": "pt"})
    config = json.loads((folder / "adapter_config.json").read_text())
    config["modules_to_save"] = ["embed_tokens", "lm_head"]
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"700 tokens in .*, and the base 640: its vocabulary was resized"):
        loradiag.forgetting(BASE, folder, tasks=["toy_facts"], **TASKS)


def with_tokenizer(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The untrained adapter with the base's tokenizer beside it, changed."""
    folder = tmp_path / "own"
    shutil.copytree(ADAPTERS / "untrained", folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(BASE / name, folder / name)
    document = json.loads((folder / "tokenizer.json").read_text())
    change(document["model"]["vocab"])
    (folder / "tokenizer.json").write_text(json.dumps(document))
    return folder


def test_a_tokenizer_that_numbers_tokens_otherwise(tmp_path: Path) -> None:
    """Is another vocabulary: the same prompt would be other numbers."""

    def swap(vocab: dict[str, Any]) -> None:
        first, second = list(vocab)[300:302]
        vocab[first], vocab[second] = vocab[second], vocab[first]

    folder = with_tokenizer(tmp_path, swap)
    with pytest.raises(InputError, match="numbers 2 tokens otherwise"):
        loradiag.forgetting(BASE, folder, tasks=["toy_facts"], **TASKS)
    found = of(loradiag.forgetting(BASE, folder, tasks=["toy_facts"], tokenizer=BASE, **TASKS))
    assert row_of(found, "toy_facts").identical


def test_a_tokenizer_that_is_the_same_is_not_spoken_of(tmp_path: Path) -> None:
    """Most adapters have a copy of the base's."""
    found = of(loradiag.forgetting(BASE, with_tokenizer(tmp_path, lambda _: None), tasks=["toy_facts"], **TASKS))
    assert found.tokenizer_differs is None


def test_other_models_run_on_what_accelerate_spreads() -> None:
    """``device_map`` on a machine with nothing but a CPU: the same scores."""
    plain = of(loradiag.forgetting(BASE, ADAPTERS / "narrow_forgetting", tasks=["toy_facts"], compute="fp32", **TASKS))
    spread = of(
        loradiag.forgetting(
            BASE, ADAPTERS / "narrow_forgetting", tasks=["toy_facts"], compute="fp32", device_map="auto", **TASKS
        )
    )
    assert numbers(spread) == numbers(plain)
    assert spread.device == "auto"


def test_questions_of_a_task_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many models answer them."""
    made: list[str] = []
    digest = TaskQuestion.digest

    def counted(self: TaskQuestion, wrapped: Any) -> str:
        made.append(self.name)
        return digest(self, wrapped)

    monkeypatch.setattr(TaskQuestion, "digest", counted)
    loradiag.forgetting(BASE, ADAPTERS / "untrained", tasks=["toy_facts"], routes=["bf16"], **TASKS)
    assert made == ["toy_facts"]
