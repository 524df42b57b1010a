"""A metric of two models: scores, their difference, its interval and its test, by how the metric comes of documents' values."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.analyzers.forgetting.questions import Aggregate
from loradiag.analyzers.forgetting.resampled import Resampled
from loradiag.core.errors import reason_of
from loradiag.core.text import plural
from loradiag.models.harness.answers import Metric
from loradiag.statistics.bootstrap import Bootstrap
from loradiag.statistics.checks import Floats, is_binary
from loradiag.statistics.corpus import bootstrap_difference
from loradiag.statistics.mcnemar import mcnemar
from loradiag.statistics.paired import Paired, paired
from loradiag.statistics.power import minimum_detectable
from loradiag.statistics.ratios import bootstrap_ratio
from loradiag.statistics.signflips import sign_flip_p

REPORTED, JUDGED = 0.95, 0.90
"""Levels of the two-sided interval that is reported, and of the one whose ends are the bounds by which is judged."""

_METHODS = {"student": "student", "score": "score", "identical": "identical", "none": None}
_TOLD = 20
"""Resamples after which it is told how many there were."""

Values = Sequence[Any]
Labels = Sequence[str] | None
_Found = TypeVar("_Found")


class Column(msgspec.Struct, frozen=True):
    """One metric of both models.

    Attributes:
        metric: What it is.
        before, after: Values of the base and of the adapter, one a document [n]: numbers, or what an aggregation
            takes.
        labels: The source of each document; None where documents are independent.
        aggregate: The function from values to the score, of a metric that is no mean.
        tell: Told how many resamples were computed, and their number.
    """

    metric: Metric
    before: Values
    after: Values
    labels: Labels = None
    aggregate: Aggregate | None = None
    tell: Callable[[int, int], None] | None = None


class NoValueError(Exception):
    """A metric cannot be compared. The text says why."""


def _floats(values: Iterable[Any]) -> Floats:
    rows = list(values)
    if any(not isinstance(value, (int, float)) for value in rows):
        raise NoValueError("it has no value of its own for each document")
    found = np.array(rows, dtype=np.float64)
    bad = int(np.sum(~np.isfinite(found)))
    if bad:
        raise NoValueError(f"the values of {plural(bad, 'document')} are not finite")
    return found


def _mean(column: Column) -> dict[str, Any]:
    first, second, labels = _floats(column.before), _floats(column.after), column.labels
    if not is_binary(first, second):
        return _ratio_of(first, second, np.ones_like(first), labels, exponential=False)
    wide, narrow = (paired(first, second, labels, level, binary=True) for level in (REPORTED, JUDGED))
    lost, won = int(np.sum(first > second)), int(np.sum(first < second))
    flips = mcnemar(lost, won).p if labels is None else sign_flip_p(second - first, labels)
    return {
        **_ends(wide, narrow),
        "interval": _METHODS[wide.method],
        "binary": True,
        "p_value": flips,
        "test": "mcnemar" if labels is None else "sign flips",
        "minimum_detectable": minimum_detectable(wide.standard_error or 0.0),
        "reason": None if wide.certain else "there are too few documents for an interval",
    }


def _ends(wide: Paired | Bootstrap, narrow: Paired | Bootstrap) -> dict[str, float | None]:
    """Scores, their difference, and both intervals."""
    return {
        "base": wide.base,
        "adapter": wide.adapter,
        "difference": wide.difference,
        "standard_error": wide.standard_error,
        "ci_low": wide.low,
        "ci_high": wide.high,
        "bound_low": narrow.low,
        "bound_high": narrow.high,
    }


def _ratio_of(
    first: Floats, second: Floats, weights: Floats, labels: Labels, *, exponential: bool, scale: float = 1.0
) -> dict[str, Any]:
    """Compare Σ value/Σ weight, or its exponential. ``scale`` is the unit, in nats."""
    wide, narrow = (
        bootstrap_ratio(first / scale, second / scale, weights, exponential=exponential, clusters=labels, level=level)
        for level in (REPORTED, JUDGED)
    )
    if wide.base is None or wide.adapter is None:
        raise NoValueError("the score is not finite")
    return {
        **_ends(wide, narrow),
        "interval": ("identical" if wide.identical else "bootstrap-t") if wide.certain else None,
        "p_value": sign_flip_p(second - first, labels),
        "test": "sign flips",
        "minimum_detectable": minimum_detectable(wide.standard_error or 0.0),
        "reason": None if wide.certain else "there are too few documents for an interval, or too few that change",
    }


def _pairs(values: Values) -> tuple[Floats, Floats]:
    if any(not isinstance(value, (list, tuple)) or len(value) != 2 for value in values):
        raise NoValueError("its values are not log-likelihoods with lengths")
    return -_floats(value[0] for value in values), _floats(value[1] for value in values)


def _weighted(*, exponential: bool, scale: float = 1.0) -> Callable[[Column], dict[str, Any]]:
    def measure(column: Column) -> dict[str, Any]:
        (first, weights), (second, _) = _pairs(column.before), _pairs(column.after)
        return _ratio_of(first, second, weights, column.labels, exponential=exponential, scale=scale)

    return measure


def _perplexity(column: Column) -> dict[str, Any]:
    first, second = -_floats(column.before), -_floats(column.after)
    return _ratio_of(first, second, np.ones_like(first), column.labels, exponential=True)


def _corpus(column: Column) -> dict[str, Any]:
    """A metric of all documents together (F1, BLEU, a correlation), by resampling documents."""
    before, after, aggregate = column.before, column.after, column.aggregate
    if aggregate is None or any(value is None for value in (*before, *after)):
        raise NoValueError("it has no value of its own for each document, and none that can be resampled")

    known: dict[bytes, tuple[float, float]] = {}  # both levels look at the same resamples

    def both(indexes: npt.NDArray[np.int64]) -> tuple[float, float]:
        key = hashlib.blake2b(indexes.tobytes(), digest_size=16).digest()
        if key not in known:
            known[key] = _of_resample(column, lambda: resampled.at(indexes))
            if column.tell is not None and len(known) % _TOLD == 0:
                column.tell(len(known), resampled.count)
        return known[key]

    resampled = _of_resample(column, lambda: Resampled(aggregate, before, after))
    wide, narrow = (
        bootstrap_difference(both, len(before), column.labels, resampled.count, level=level)
        for level in (REPORTED, JUDGED)
    )
    return {
        **_ends(wide, narrow),
        "interval": "bootstrap" if wide.certain else None,
        "p_value": None if wide.difference is None else normal_p(wide.difference, wide.standard_error or 0.0),
        "test": "normal",
        "minimum_detectable": minimum_detectable(wide.standard_error or 0.0),
        "reason": None if wide.certain else "resamples do not bound the difference",
    }


def _of_resample(column: Column, compute: Callable[[], _Found]) -> _Found:
    try:
        return compute()
    except Exception as error:  # a task brings functions of its own, with whatever errors
        reason = f"{column.metric.aggregation} cannot be computed of a resample ({reason_of(error)})"
        raise NoValueError(reason) from error


def normal_p(difference: float, error: float) -> float | None:
    """Return the two-sided p of a difference with a standard error, by the normal approximation; None where it has none."""
    if error == 0:
        return 1.0 if difference == 0 else None
    return math.erfc(abs(difference) / error / math.sqrt(2))


def by_document(values: Values, metric: Metric) -> Floats:
    """One number a document: its value; of log-likelihoods the nats for each unit of its length, of which less is better."""
    if metric.aggregation in ("weighted_perplexity", "bits_per_byte"):
        nats, lengths = _pairs(values)
        return nats / np.maximum(lengths, 1)
    return -_floats(values) if metric.aggregation == "perplexity" else _floats(values)


_BY_AGGREGATION: Mapping[str, Callable[[Column], dict[str, Any]]] = {
    "mean": _mean,
    "nanmean": _mean,
    "weighted_perplexity": _weighted(exponential=True),
    "bits_per_byte": _weighted(exponential=False, scale=math.log(2)),
    "perplexity": _perplexity,
}


def measured(column: Column) -> Mapping[str, Any]:
    """Compare two models by a metric.

    Returns:
        Fields of :class:`loradiag.core.forgetting.Score`.

    Raises:
        NoValueError: The metric cannot be compared.
    """
    return _BY_AGGREGATION.get(column.metric.aggregation, _corpus)(column)
