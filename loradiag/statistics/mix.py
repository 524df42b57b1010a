"""Whether two samples have the same shares of topics, up to a change that is too small to matter.

Production is never exactly what training data were: a plain χ² test rejects any real pair of samples once they are large
enough. So the null hypothesis here is that Cohen's w is no larger than a tolerance, which makes the statistic noncentral χ².
"""

from __future__ import annotations

from math import sqrt

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.statistics.checks import Floats, at_least

LEAST_EXPECTED = 5.0
"""Requests that a topic must be expected to have; smaller ones are put together (Cochran, Biometrics 10, 1954, 417–451)."""

Counts = npt.NDArray[np.int64]


class Mix(msgspec.Struct, frozen=True):
    """Shares compared. ``effect`` is Cohen's w, less what chance alone gives; ``residuals`` [k] are signed roots of χ²."""

    p: float | None
    effect: float | None
    residuals: Floats


def compare_mix(counts: Counts, reference: Counts, tolerance: float = 0.0) -> Mix:
    """Test whether the shares of a sample differ from those of a reference by more than Cohen's w of ``tolerance``.

    With shares a and b of n and m requests and pooled shares q, χ² = nm/(n+m) · Σ(a−b)²/q, which for w = √(Σ(a−b)²/q) is
    noncentral χ² with k − 1 degrees of freedom and noncentrality w²·nm/(n+m) (Cohen, Statistical Power Analysis, 2nd ed.,
    1988, ch. 7; 0.1 is his "small" effect). Topics that the sample is expected to have fewer than five requests of, by the
    reference alone, are put together into one.

    Args:
        counts: Requests of each topic [k].
        reference: Held-out references of each topic [k].
        tolerance: Cohen's w that is no drift; 0 gives the ordinary test of homogeneity.

    Returns:
        ``p`` and ``effect`` are None where fewer than two topics are left, or a side is empty.
    """
    at_least(tolerance, 0.0, "tolerance")
    n, m = int(counts.sum()), int(reference.sum())
    residuals = np.zeros(counts.size)
    if not n or not m:
        return Mix(None, None, residuals)
    weight = n * m / (n + m)
    apart = counts / n - reference / m
    pooled = (counts + reference) / (n + m)
    seen = pooled > 0
    residuals[seen] = sqrt(weight) * apart[seen] / np.sqrt(pooled[seen])
    together, expected = _merged(counts, reference)
    freedom = together.size - 1
    if freedom < 1:
        return Mix(None, None, residuals)
    from scipy.stats import ncx2

    square = float(np.sum((together / n - expected / m) ** 2 / ((together + expected) / (n + m))))
    effect = sqrt(max(0.0, square - freedom / weight))
    least = max(tolerance**2 * weight, 1e-12)  # scipy's noncentral distribution needs a little
    return Mix(float(ncx2.sf(square * weight, freedom, least)), effect, residuals)


def _merged(counts: Counts, reference: Counts) -> tuple[Counts, Counts]:
    """Put topics together that are too rare, those rarest in the reference first: the sample must have no say in it."""
    share = counts.sum() / reference.sum()
    order = np.argsort(reference, kind="stable")
    sizes = reference[order] * share
    small = int(np.searchsorted(np.cumsum(sizes) >= LEAST_EXPECTED, True)) + 1 if sizes[0] < LEAST_EXPECTED else 0
    while 0 < small < order.size and sizes[small] < LEAST_EXPECTED:
        small += 1
    if not small:
        return counts, reference
    rare, rest = order[:small], order[small:]
    pick = [(np.append(values[rest], values[rare].sum())) for values in (counts, reference)]
    return pick[0], pick[1]
