"""Results of evaluations as rows: from forgetting reports, from stamps, and from what people say."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.report import Report
from loradiag.registry.stamped import Stamped
from loradiag.registry.texts import kept, maybe, moment
from loradiag.statistics.wilson import Z95, wilson

Row = dict[str, Any]

_BLANK: Row = {
    "metric": "", "filter": "", "route": "", "setup": "", "role": "task", "primary": True, "higher_is_better": None,
    "n": None, "standard_error": None, "low": None, "high": None, "base_value": None, "difference": None,
    "difference_low": None, "difference_high": None, "who": None,
}  # fmt: skip

_LOWER = frozenset(
    ("perplexity", "ppl", "loss", "nll", "bits_per_byte", "wer", "cer", "ter", "error", "mse", "mae", "rmse")
)
_HIGHER = frozenset(
    ("acc", "accuracy", "acc_norm", "exact_match", "em", "f1", "mcc", "bleu", "chrf", "rouge", "pass@1")
)
"""Measures by their names, or the ends of their names, of which less is better, and more."""


def of_report(report: Report, sha256: str, at: str) -> list[Row]:
    """Every score of the adapter that a report has."""
    found = report.measurements.forgetting
    return list(_scores(found, sha256, at)) if found is not None else []


def of_stamp(said: Stamped | None, sha256: str, at: str) -> list[Row]:
    """The results in a stamp. What it says once is one result, however often it is read, and whatever is added to it."""
    if said is None:
        return []
    when = (moment(said.created) if said.created else None) or at
    return [
        row("stamp", sha256, task, float(value), when, key_of=(repr(float(value)),))
        for task, value in said.evaluation.items()
        if math.isfinite(value)
    ]


def row(source: str, sha256: str, task: str, value: float, at: str, *, key_of: tuple[str, ...], **known: Any) -> Row:
    """A row of the table. ``value`` is finite; ``key_of`` tells it from others of the same adapter, task and source."""
    made: Row = {**_BLANK, **known, "source": source, "task": kept(task), "value": value, "at": at}
    if made["higher_is_better"] is None:
        made["higher_is_better"] = _direction(made["metric"] or task)
    if made["low"] is None and made["standard_error"] is not None:
        reach = Z95 * made["standard_error"]
        made["low"], made["high"] = value - reach, value + reach
    for name, number in made.items():
        if isinstance(number, float) and not math.isfinite(number):
            made[name] = None  # beside a score that is one; JSON has no such numbers
    parts = (sha256, source, made["task"], made["metric"], made["filter"], made["route"], made["setup"], *key_of)
    made["key"] = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return made


def _direction(name: str) -> bool | None:
    """Whether more is better, by a name; None where it does not say."""
    words = name.lower().replace("-", "_")
    for more, names in ((False, _LOWER), (True, _HIGHER)):
        if any(words == part or words.endswith(f"_{part}") for part in names):
            return more
    return None


def _scores(found: Forgetting, sha256: str, at: str) -> Iterator[Row]:
    setup = ", ".join(
        [
            *([f"{found.shots}-shot"] if found.shots is not None else []),
            *(["chat"] if found.chat else []),
            *([f"first {found.limit}"] if found.limit is not None else []),
        ]
    )
    for score in (*found.tasks, *found.groups):
        if score.adapter is None or not math.isfinite(score.adapter):
            continue
        low, high = _bounds(score)
        yield row(
            "report",
            sha256,
            score.task,
            score.adapter,
            at,
            key_of=(at,),
            metric=kept(score.metric),
            filter="" if score.filter == "none" else kept(score.filter),
            route=maybe(score.route) or "",
            setup=setup,
            role=score.role,
            primary=score.primary,
            higher_is_better=score.higher_is_better,
            n=score.n or None,
            low=low,
            high=high,
            base_value=score.base,
            difference=score.difference,
            difference_low=score.ci_low,
            difference_high=score.ci_high,
        )


def _bounds(score: Score) -> tuple[float | None, float | None]:
    """95% bounds of the score itself, where they follow from it: of shares of independent documents."""
    value = score.adapter
    if value is None or not score.binary or not score.n or score.clusters is not None or not 0 <= value <= 1:
        return None, None
    return wilson(value, score.n)
