"""Scores are those of lm-eval run alone, document by document: base, adapter, texts, groups and metrics of every kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import loradiag
from loradiag.core.forgetting import Forgetting, Score
from tests.conftest import FIXTURES

pytestmark = [pytest.mark.models, pytest.mark.usefixtures("one_thread")]

BASE, NARROW = FIXTURES / "base", FIXTURES / "adapters" / "narrow_forgetting"
LIMIT = 40
FACTS = FIXTURES / "tasks" / "toy_facts.jsonl"


def task(folder: Path, name: str, **fields: Any) -> None:
    """Write a task over the facts of the fixtures."""
    config = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(FACTS)}},
        "test_split": "test",
        "doc_to_text": "{{query}}",
        "doc_to_target": "{{choices[gold]}}",
        "metadata": {"version": 1},
        **fields,
    }
    (folder / f"{name}.yaml").write_text(json.dumps(config))  # JSON is YAML


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tasks of every kind of metric, and groups that weigh them both ways."""
    path = tmp_path_factory.mktemp("tasks")
    choice = {
        "output_type": "multiple_choice",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "gold",
        "metric_list": [
            {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
            {"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True},
            {"metric": "mcc", "aggregation": "matthews_corrcoef", "higher_is_better": True},
        ],
    }
    task(path, "choice", **choice)
    task(path, "choice_shots", **choice, num_fewshot=2, fewshot_split="test", tag="both")
    task(path, "choice_more", **choice, tag="both", description="Answer.")
    task(
        path,
        "written",
        output_type="generate_until",
        generation_kwargs={"until": ["\n", ".", ";"], "max_gen_toks": 6, "do_sample": False},
        metric_list=[{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    )
    task(
        path,
        "rolling",
        output_type="loglikelihood_rolling",
        doc_to_text="",
        doc_to_target="{{query}}",
        metric_list=[{"metric": name} for name in ("word_perplexity", "byte_perplexity", "bits_per_byte")],
    )
    for name, by_size in (("sized", True), ("even", False)):
        group = {
            "group": name,
            "task": ["choice", "choice_shots"],
            "aggregate_metric_list": [{"metric": "acc", "aggregation": "mean", "weight_by_size": by_size}],
        }
        (path / f"{name}.yaml").write_text(json.dumps(group))
    return path


NAMES = ("choice", "choice_more", "written", "rolling", "sized", "even", "both")


@pytest.fixture(scope="module")
def found(folder: Path) -> Forgetting:
    """Loradiag's run."""
    report = loradiag.forgetting(BASE, NARROW, tasks=NAMES, include_path=[folder], limit=LIMIT, fit=False, cache=False)
    assert report.measurements.forgetting is not None
    return report.measurements.forgetting


@pytest.fixture(scope="module")
def alone(folder: Path) -> Mapping[str, Any]:
    """lm-eval's own runs of base and adapter."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    def run(tasks: list[str], **model: str) -> Any:
        return simple_evaluate(
            model="hf",
            model_args={"pretrained": str(BASE), "dtype": "float32", "softmax_dtype": "float32", **model},
            tasks=tasks,
            task_manager=TaskManager(include_path=str(folder), include_defaults=False),
            batch_size=16,
            device="cpu",
            limit=LIMIT,
            bootstrap_iters=0,
            log_samples=True,
        )

    def together(**model: str) -> Any:
        """Groups that share a task are refused in one run."""
        found = run(["choice_more", "written", "rolling", "sized"], **model)
        found["groups"] |= run(["even"], **model)["groups"]
        return found

    return {"base": together(), "adapter": together(peft=str(NARROW))}


def of(found: Forgetting, name: str, metric: str) -> Score:
    """A score."""
    return next(row for row in (*found.tasks, *found.groups) if (row.task, row.metric) == (name, metric))


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("choice", "acc"),
        ("choice", "acc_norm"),
        ("choice", "mcc"),
        ("choice_shots", "acc"),
        ("choice_more", "acc"),
        ("written", "exact_match"),
        ("rolling", "word_perplexity"),
        ("rolling", "byte_perplexity"),
        ("rolling", "bits_per_byte"),
    ],
)
def test_scores(found: Forgetting, alone: Mapping[str, Any], name: str, metric: str) -> None:
    """Of both models, by every kind of metric."""
    row = of(found, name, metric)
    expected = [alone[model]["results"][name][f"{metric},none"] for model in ("base", "adapter")]
    assert [row.base, row.adapter] == pytest.approx(expected, rel=1e-9)
    assert row.difference == pytest.approx(expected[1] - expected[0], rel=1e-9, abs=1e-12)
    assert row.n == LIMIT


def test_documents_flip_where_they_do_alone(found: Forgetting, alone: Mapping[str, Any]) -> None:
    """To the last one."""
    values = {
        model: {row["doc_id"]: row["acc"] for row in alone[model]["samples"]["choice"]} for model in ("base", "adapter")
    }
    lost = {doc for doc, value in values["base"].items() if value > values["adapter"][doc]}
    row = of(found, "choice", "acc")
    assert row.lost == len(lost)
    assert row.won == sum(values["adapter"][doc] > value for doc, value in values["base"].items())
    assert {example.document for example in row.lost_examples} <= lost
    assert row.lost_examples, "the adapter forgot: there are some to show"
    example = row.lost_examples[0]
    assert example.base_answer == example.target != example.adapter_answer


@pytest.mark.parametrize("name", ["sized", "even"])
def test_groups(found: Forgetting, alone: Mapping[str, Any], name: str) -> None:
    """As lm-eval averages them."""
    row = of(found, name, "acc")
    expected = [alone[model]["groups"][name]["acc,none"] for model in ("base", "adapter")]
    assert [row.base, row.adapter] == pytest.approx(expected, rel=1e-9)
    assert row.asked
    assert row.parts == ["choice", "choice_shots"]
    assert row.ci_low is not None
    assert row.ci_low < row.difference < row.ci_high  # type: ignore[operator]


def test_a_tag_is_a_group_of_its_own(found: Forgetting) -> None:
    """Whose tasks count alike."""
    row = of(found, "both", "acc")
    parts = [of(found, name, "acc") for name in ("choice_shots", "choice_more")]
    assert sorted(row.parts) == ["choice_more", "choice_shots"]
    assert row.base == pytest.approx(sum(part.base or 0 for part in parts) / 2)


def test_what_was_named_is_judged(found: Forgetting) -> None:
    """A task that is only part of a group is reported, and not asked."""
    assert of(found, "choice", "acc").asked
    assert not of(found, "choice_shots", "acc").asked
    assert [row.primary for row in found.tasks if row.task == "choice"] == [True, False, False]


def test_every_score_has_an_interval(found: Forgetting) -> None:
    """Also metrics of all documents together."""
    kinds = {(row.task, row.metric): row.interval for row in found.tasks}
    assert kinds["choice", "acc"] == "score"
    assert kinds["choice", "mcc"] == "bootstrap"
    assert kinds["rolling", "word_perplexity"] == "bootstrap-t"
    assert all(row.ci_low is not None for row in found.tasks)
