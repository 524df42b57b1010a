"""What lm-eval logs of a task, put together document by document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loradiag.core.text import shorten
from loradiag.models.harness.answers import SHOWN, Answer, Metric, hashed

SOURCES = ("source_id", "passage", "article", "story", "paragraph", "context_id", "passage_id", "group_id")
"""Fields of documents that name what they were drawn from. Documents that share it are no independent draws."""

_LABEL = 64
"""Characters of a source's name that are kept; of longer ones (a whole passage) a hash is."""


def metrics_of(task: Any, samples: Sequence[Mapping[str, Any]]) -> list[Metric]:
    """The metrics of a task that samples have values of, in the order in which the task lists them."""
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


def cluster_field(samples: Sequence[Mapping[str, Any]]) -> str | None:
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
    return text if len(text) <= _LABEL else hashed(text)


def answers_of(samples: Sequence[Mapping[str, Any]], field: str | None) -> list[Answer]:
    """Put the samples of each document together, one for each reading of its answers.

    Args:
        samples: As lm-eval logs them.
        field: Of documents, that names their source; None: there is none.

    Returns:
        In the order of the documents.
    """
    found: dict[int, list[Mapping[str, Any]]] = {}
    for sample in samples:
        found.setdefault(sample["doc_id"], []).append(sample)
    return [_answer(number, rows, field) for number, rows in sorted(found.items())]


def _answer(number: int, rows: Sequence[Mapping[str, Any]], field: str | None) -> Answer:
    first = rows[0]
    prompt, target, said = _words(first)
    choices = len(_choices(first))
    return Answer(
        number=number,
        key=hashed("".join(first[name] for name in ("doc_hash", "prompt_hash", "target_hash"))),
        replies=hashed(repr(first["resps"])),
        values={f"{metric},{row['filter']}": _number(row[metric]) for row in rows for metric in row["metrics"]},
        choices=choices if choices > 1 else None,
        cluster=_label(first["doc"], field) if field else None,
        prompt=prompt,
        target=target,
        said=said,
    )


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
