"""Ratios of sums over a corpus, such as perplexity, compared by resampling documents: both models on the same resamples."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from math import isfinite, sqrt

import numpy as np
import numpy.typing as npt

from loradiag.statistics.bootstrap import Bootstrap, Ends, result
from loradiag.statistics.checks import Floats, are_same, inside, negligible, pair, vector, whole
from loradiag.statistics.clusters import group
from loradiag.statistics.resampling import RESAMPLES, SEED, draws

_FLAT = 1e-6
"""A resample whose standard error is this much smaller than the sample's has none: sums of squares leave 1e-8 of nothing."""


def bootstrap_ratio(
    base: npt.ArrayLike,
    adapter: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    exponential: bool = False,
    clusters: Iterable[Hashable] | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    level: float = 0.95,
) -> Bootstrap:
    """Compare Σ value/Σ weight, or its exponential, between two models: nats a token, bits a byte, perplexity.

    The interval is studentized (bootstrap-t, Efron 1981; DiCiccio and Efron, Statistical Science 11, 1996, 189–228): each
    resample's deviation is measured in its own standard error, from the ratio's linearisation. Where an adapter hurts one
    document in ten, percentile intervals of 20 to 50 documents miss the true difference of perplexities one time in three or
    four, on the side that hides damage; this one widens, or there is none.

    Args:
        base: The base model's sum over each document [n], such as its negative log-likelihood in nats.
        adapter: The adapter's.
        weights: What the sums are divided by [n]: tokens, bytes; the same for both models.
        exponential: Compare exp(Σ value/Σ weight): perplexities.
        clusters: What each document's source is called; None where documents are independent.
        resamples: How many.
        seed: Of the random numbers: the same seed gives the same interval.
        level: Of the two-sided interval.

    Returns:
        The comparison. ``standard_error`` is the linearised one with the factor G/(G−1): for weights of 1 that of
        :func:`~loradiag.statistics.paired.paired`.

    Raises:
        ValueError: As :func:`~loradiag.statistics.paired.paired`; or a weight is negative, or all are 0.
    """
    before, after = pair(base, adapter)
    divisors = vector(weights, "weights")
    if divisors.size != before.size or np.min(divisors) < 0 or not np.any(divisors):
        raise ValueError(f"weights: {before.size} numbers of at least 0, not all 0, are needed")
    resamples = whole(resamples, 2, "resamples")
    inside(level, "level")
    groups = group(clusters, before.size)
    # The difference is a column of its own, so that documents that are the same in both cancel exactly.
    columns = np.stack([groups.sums(column) for column in (after - before, before, divisors)], axis=1)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        means = np.array([np.sum(before), np.sum(after)]) / np.sum(divisors)
        point = np.exp(means) if exponential else means
        value, slopes = _linearised(columns.sum(axis=0)[None], exponential)
        error = None
        if groups.count > 1:
            error = sqrt(groups.count / (groups.count - 1) * float(np.sum((columns @ slopes[0]) ** 2)))
        identical = are_same(before, after)
        ends: Ends | None = None
        rounded = slopes[0, :1] * np.sum(np.abs(columns[:, :2]))
        if groups.freedom() >= 1 and identical:
            ends = (0.0, 0.0)
        elif groups.freedom() >= 1 and error and isfinite(error) and not negligible(error, rounded):
            ends = _studentized(columns, exponential, float(value[0]), error, resamples, seed, level)
    return result(groups, (point[0], point[1]), error, ends, level=level, identical=identical, resamples=resamples)


def _linearised(totals: Floats, exponential: bool) -> tuple[Floats, Floats]:
    """From totals [rows, 3] of difference, base and weight to the difference of the metrics, and its slopes [rows, 3]."""
    change, base, weight = totals.T
    before, step = base / weight, change / weight
    after = before + step
    if not exponential:
        return step, np.stack([np.ones_like(step), np.zeros_like(step), -step], axis=1) / weight[:, None]
    low, high = np.exp(before), np.exp(after)
    slopes = np.stack([high, high - low, low * before - high * after], axis=1) / weight[:, None]
    return low * np.expm1(step), slopes


def _studentized(
    columns: Floats, exponential: bool, value: float, error: float, resamples: int, seed: int, level: float
) -> Ends | None:
    count = columns.shape[0]
    products = (columns[:, :, None] * columns[:, None, :]).reshape(count, 9)
    deviations = []
    for counts in draws(count, resamples, seed):
        values, slopes = _linearised(counts @ columns, exponential)
        squares = np.einsum("ri,rij,rj->r", slopes, (counts @ products).reshape(-1, 3, 3), slopes)
        errors = np.sqrt(np.maximum(squares, 0) * count / (count - 1))
        if not np.all(np.isfinite(values) & np.isfinite(errors)):
            return None
        blind = np.where(values == value, 0.0, np.copysign(np.inf, values - value))
        deviations.append(np.where(errors > _FLAT * error, (values - value) / errors, blind))
    scores = np.concatenate(deviations)
    low = value - error * float(np.quantile(scores, (1 + level) / 2, method="higher"))
    high = value - error * float(np.quantile(scores, (1 - level) / 2, method="lower"))
    return (low, high) if isfinite(low) and isfinite(high) else None
