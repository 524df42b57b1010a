"""Tasks written for a test: over the facts of the fixtures, or over documents of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.conftest import FIXTURES

FACTS = FIXTURES / "tasks" / "toy_facts.jsonl"

CHOICE: Mapping[str, Any] = {
    "output_type": "multiple_choice",
    "doc_to_choice": "{{choices}}",
    "doc_to_target": "gold",
    "metric_list": [
        {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
        {"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True},
    ],
}
WRITTEN: Mapping[str, Any] = {
    "output_type": "generate_until",
    "generation_kwargs": {"until": ["\n", ".", ";"], "max_gen_toks": 6, "do_sample": False},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}
ROLLING: Mapping[str, Any] = {
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "{{query}}",
    "metric_list": [{"metric": name} for name in ("word_perplexity", "byte_perplexity", "bits_per_byte")],
}


def write_task(folder: Path, name: str, data: Path = FACTS, **fields: Any) -> Path:
    """Write a task; multiple choice unless told otherwise. JSON is YAML."""
    config = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        "doc_to_text": "{{query}}",
        "doc_to_target": "{{choices[gold]}}",
        "metadata": {"version": 1},
        **(fields if "output_type" in fields else {**CHOICE, **fields}),
    }
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps(config))
    return file


def write_group(folder: Path, name: str, tasks: Sequence[Any], metric: str | None = None, **how: Any) -> Path:
    """Write a group of tasks, with a metric that it averages or without."""
    averaged = [{"metric": metric, "aggregation": "mean", **how}] if metric else None
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps({"group": name, "task": tasks, "aggregate_metric_list": averaged}))
    return file


def write_documents(file: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write documents, a line each."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def facts(count: int) -> list[dict[str, Any]]:
    """The first facts of the fixtures."""
    return [json.loads(line) for line in FACTS.read_text().splitlines()[:count]]
