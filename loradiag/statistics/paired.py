"""The mean difference between two models on the same documents, with an interval."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from math import sqrt
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.statistics.checks import Floats, are_same, inside, is_binary, negligible, pair
from loradiag.statistics.clusters import (
    Clusters,
    cautious_design_effect,
    design_effect,
    group,
    variance_of_mean,
)
from loradiag.statistics.quantiles import normal, student
from loradiag.statistics.score import score_interval

Method = Literal["student", "score", "identical", "none"]
Ends = tuple[float, float]


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of two models on the same documents.

    ``base`` and ``adapter`` are means, ``difference`` is adapter − base. ``spread`` is the standard deviation of the
    documents' differences, ``standard_error`` that of their mean, ``design_effect`` its square over what it would be without
    clusters; None where they cannot be told. ``low`` and ``high`` are the ends of the interval and ``method`` what gave it:
    ``student`` (difference ± t · standard error), ``score`` (0/1 metrics, Tango), ``identical`` (the point 0: a metric that
    is not 0/1 came out the same on every document) or ``none``. ``certain`` is False where there is no interval: of fewer
    than two documents or clusters (n²/Σm² where their sizes m differ), or of differences that are all the same and not 0, whose
    spread nobody has seen.

    ``identical`` says that no document's value changed, but for rounding. For a metric such as a log-likelihood this is what
    an adapter that does nothing looks like; a 0/1 metric can come out so by chance, so there the interval keeps its width,
    and the caller who knows more may put the point 0 in its place.
    """

    n: int
    clusters: int
    base: float
    adapter: float
    difference: float
    standard_error: float | None
    spread: float | None
    design_effect: float | None
    low: float | None
    high: float | None
    level: float
    method: Method
    certain: bool
    identical: bool
    binary: bool


def paired(
    base: npt.ArrayLike,
    adapter: npt.ArrayLike,
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
    binary: bool | None = None,
) -> Paired:
    """Compare two models on the same documents.

    Standard error: √(Σ(d − D)²/(n(n−1))), or cluster-robust (:func:`~loradiag.statistics.clusters.variance_of_mean`). The
    interval is Student's with n − 1 degrees of freedom, with clusters :meth:`~loradiag.statistics.clusters.Clusters.freedom`
    (G − 1 where their sizes are the same). For a 0/1 metric it is Tango's score interval; with clusters, of counts scaled down
    to the effective number of documents, n/design effect · (t of n − 1/t of the clusters' freedom)² (Korn and Graubard, Survey
    Methodology 24, 1998, 193–201).

    Student's interval is too narrow where few documents change by much: with one in ten, of 50, it misses the true difference
    one time in five. :func:`~loradiag.statistics.ratios.bootstrap_ratio` with weights of 1 is the interval for that.

    Args:
        base: The base model's value of each document [n]; numbers or booleans.
        adapter: The adapter's, of the same documents in the same order.
        clusters: What each document's source is called; None where documents are independent.
        level: Of the two-sided interval. Each end alone is a bound at (1 + level)/2: .90 gives two 95% bounds.
        binary: Whether the metric is 0/1. None says it is where all values are.

    Returns:
        The comparison.

    Raises:
        ValueError: Lengths differ, a value is not finite, ``binary`` is True and a value is neither 0 nor 1, ``level`` is
            not between 0 and 1, or there are no documents.
    """
    before, after = pair(base, adapter)
    groups = group(clusters, before.size)
    inside(level, "level")
    zeros_and_ones = is_binary(before, after)
    if binary and not zeros_and_ones:
        raise ValueError("base and adapter must hold nothing but 0 and 1 for a binary metric")
    binary = zeros_and_ones if binary is None else binary
    changes = after - before
    error = _error(changes, groups, before, after)
    identical = are_same(before, after)
    method, ends = (
        ("none", None) if groups.freedom() < 1 else _interval(changes, groups, level, binary, identical, error)
    )
    alone = groups.count < 2
    return Paired(
        n=changes.size,
        clusters=groups.count,
        base=float(np.mean(before)),
        adapter=float(np.mean(after)),
        difference=float(np.mean(changes)),
        standard_error=None if alone else error,
        spread=float(np.std(changes, ddof=1)) if changes.size > 1 else None,
        design_effect=design_effect(changes, groups) if error else None,
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
        level=level,
        method=method,
        certain=ends is not None,
        identical=identical,
        binary=binary,
    )


def _error(changes: Floats, groups: Clusters, before: Floats, after: Floats) -> float:
    """The standard error; 0 where it is rounding noise, or where there is but one cluster."""
    if groups.count < 2:
        return 0.0
    error = sqrt(variance_of_mean(changes, groups))
    return 0.0 if negligible(error, before, after) else error


def _interval(
    changes: Floats, groups: Clusters, level: float, binary: bool, identical: bool, error: float
) -> tuple[Method, Ends | None]:
    if binary:
        return "score", _score(changes, groups, level)
    if identical:
        return "identical", (0.0, 0.0)
    if error == 0:
        return "none", None
    reach = student((1 + level) / 2, groups.freedom()) * error
    middle = float(np.mean(changes))
    return "student", (middle - reach, middle + reach)


def _score(changes: Floats, groups: Clusters, level: float) -> Ends:
    n, tail = changes.size, (1 + level) / 2
    fewer = (student(tail, n - 1) / student(tail, groups.freedom())) ** 2 / cautious_design_effect(changes, groups)
    lost, won = np.count_nonzero(changes < 0), np.count_nonzero(changes > 0)
    return score_interval(lost * fewer, won * fewer, n * fewer, normal(tail))
