"""Answers written out, as models would have given them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loradiag.models.harness.answers import Answer, Metric, Scored

ACC = Metric("acc", "none", True, "mean")
PPL = Metric("perplexity", "none", False, "weighted_perplexity")


def scored(values: Sequence[Any], metric: Metric = ACC, model: str = "base", **fields: Any) -> Scored:
    """One task with one metric, a value a document; ``fields`` are lists with an entry for each document."""
    rows = [
        Answer(
            number=index,
            key=f"document {index}",
            replies=f"{model} {index}",
            values={metric.key: value},
            **{name: column[index] for name, column in fields.items()},
        )
        for index, value in enumerate(values)
    ]
    return Scored("task", "1", [metric], rows)
