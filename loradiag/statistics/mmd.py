"""The squared maximum mean discrepancy of two samples of unit vectors, and its permutation test as one matrix product."""

from __future__ import annotations

from math import sqrt
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from loradiag.statistics.checks import whole

Singles = npt.NDArray[np.float32]

PERMUTATIONS = 500
SEED = 20261101
_FEW = 20
"""Permuted values as large as the observed one, below which the p-value is taken from a fitted tail."""


class Discrepancy(msgspec.Struct, frozen=True):
    """``effect``: MMD², unbiased, so that it may be a little below 0. ``p``: of one no larger than was tolerated."""

    effect: float
    p: float


class Closeness(msgspec.Struct, frozen=True):
    """How the kernel sees topics, with D = diag(p) − ppᵀ of their shares p and the mean kernel G between them.

    ``first`` is tr(DG) = Σ p_i G_ii − pᵀGp, how much nearer requests of one topic are than requests of any; ``second`` is
    tr(DGDG).
    """

    first: float
    second: float


class Tolerated(msgspec.Struct, frozen=True):
    """A change that is no drift: the MMD² that it gives, and the standard deviation of its witness function."""

    discrepancy: float
    deviation: float


def scale_of(vectors: Singles) -> float:
    """Return γ of the kernel exp(−γ‖x − y‖²) by the median heuristic (Gretton et al., JMLR 13, 2012, 723–773).

    Args:
        vectors: Unit vectors [n, d], n ≥ 2.
    """
    squares = 2.0 - 2.0 * (vectors @ vectors.T)
    middle = float(np.median(squares[np.triu_indices(len(vectors), 1)]))
    return 1.0 / max(middle, 1e-6)


def kernel(first: Singles, second: Singles, gamma: float) -> Singles:
    """Return exp(−γ‖x − y‖²) for all pairs [n, m] of unit vectors."""
    exponents: Singles = (first @ second.T - np.float32(1.0)) * np.float32(2.0 * gamma)
    return np.exp(np.minimum(exponents, 0.0, out=exponents), out=exponents)


def compare_samples(
    sample: Singles,
    reference: Singles,
    gamma: float,
    *,
    tolerated: Tolerated | None = None,
    permutations: int = PERMUTATIONS,
    seed: int = SEED,
) -> Discrepancy:
    """Test whether two samples of unit vectors differ, or differ by more than is ``tolerated``.

    MMD² = Σ_{i≠j} k(x_i, x_j)/(n(n−1)) + Σ_{i≠j} k(y_i, y_j)/(m(m−1)) − 2 Σ k(x_i, y_j)/(nm), the unbiased estimate of
    Gretton et al. (2012, eq. 3). Labels are permuted; with the kernel matrix K of both samples and the labels L
    [n + m, permutations], every permuted value follows from K·L, one product. Where fewer than twenty permuted values reach
    the observed one, the p-value is that of a Pearson III distribution with their first three moments (Kazi-Aoual et al.,
    Computational Statistics & Data Analysis 20, 1995, 643–656), so that it may be smaller than 1/(permutations + 1).

    Where the samples do differ by a tolerated change, the estimate is larger by its discrepancy, and varies more: by
    4·Var(f)·(1/n + 1/m), with f its witness function (Gretton et al. 2012, corollary 16). The p-value is then that of the
    permuted values with both added, as a Pearson III distribution of the resulting moments.

    Args:
        sample: [n, d], n ≥ 2.
        reference: [m, d], m ≥ 2.
        gamma: Of the kernel, see :func:`scale_of`.
        tolerated: A change that is no drift.
        permutations: How many.
        seed: Of the permutations.

    Raises:
        ValueError: A sample has fewer than two vectors.
    """
    n, m = whole(len(sample), 2, "sample"), whole(len(reference), 2, "reference")
    both = np.concatenate([sample, reference])
    matrix = kernel(both, both, gamma)
    np.fill_diagonal(matrix, 0.0)
    values = _values(matrix, _labels(n, m, permutations, seed), n, m)
    observed, permuted = float(values[0]), values[1:]
    if tolerated is None or tolerated.discrepancy <= 0:
        return Discrepancy(observed, _p(observed, permuted))
    more = 4 * tolerated.deviation**2 * (1 / n + 1 / m)
    return Discrepancy(observed, _shifted_p(observed, permuted, tolerated.discrepancy, more))


def tolerated_change(closeness: Closeness, tolerance: float, topics: int) -> Tolerated:
    """Return what a change in the shares of topics by Cohen's w of ``tolerance`` gives, in no particular direction.

    A change Δ of shares p moves MMD² to ΔᵀGΔ, and its witness function is (GΔ)_i on topic i, of variance ΔᵀGDGΔ. Over
    directions that are uniform for a given w, E[ΔΔᵀ] = w²/(k−1)·D, so that the means of the two are w²/(k−1)·tr(DG) and
    w²/(k−1)·tr(DGDG).

    Args:
        closeness: Of the topics.
        tolerance: Cohen's w.
        topics: k.
    """
    if topics < 2:
        return Tolerated(0.0, 0.0)
    share = tolerance**2 / (topics - 1)
    return Tolerated(share * max(closeness.first, 0.0), sqrt(share * max(closeness.second, 0.0)))


def closeness(vectors: Singles, topics: npt.NDArray[Any], count: int, gamma: float) -> Closeness:
    """Measure how the kernel sees topics, over pairs i ≠ j of a sample.

    Args:
        vectors: Unit vectors [n, d].
        topics: The topic of each [n], below ``count``.
        count: How many topics there are.
        gamma: Of the kernel.
    """
    matrix = kernel(vectors, vectors, gamma).astype(np.float64)
    np.fill_diagonal(matrix, 0.0)
    members = np.eye(count)[topics]
    sizes = members.sum(axis=0)
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    mean = np.divide(members.T @ matrix @ members, pairs, out=np.zeros((count, count)), where=pairs > 0)
    shares = sizes / max(sizes.sum(), 1.0)
    product = (np.diag(shares) - np.outer(shares, shares)) @ mean
    return Closeness(float(np.trace(product)), float(np.trace(product @ product)))


def _labels(n: int, m: int, permutations: int, seed: int) -> Singles:
    """Columns of ones for the sample: the observed one first."""
    generator = np.random.default_rng(seed)
    labels = np.zeros((n + m, permutations + 1), dtype=np.float32)
    labels[:n, 0] = 1.0
    for column in range(1, permutations + 1):
        labels[generator.permutation(n + m)[:n], column] = 1.0
    return labels


def _values(matrix: Singles, labels: Singles, n: int, m: int) -> npt.NDArray[np.float64]:
    product = matrix @ labels
    inside = np.einsum("ij,ij->j", labels, product, dtype=np.float64)
    sides = product.sum(axis=0, dtype=np.float64)
    total = float(matrix.sum(dtype=np.float64))
    across = sides - inside
    outside = total - 2.0 * sides + inside
    values: npt.NDArray[np.float64] = inside / (n * (n - 1)) + outside / (m * (m - 1)) - 2.0 * across / (n * m)
    return values


def _p(observed: float, permuted: npt.NDArray[np.float64]) -> float:
    reached = int(np.sum(permuted >= observed))
    plain = (1 + reached) / (permuted.size + 1)
    spread = float(permuted.std())
    if reached >= _FEW or spread == 0:
        return plain
    from scipy.stats import pearson3, skew

    z = (observed - float(permuted.mean())) / spread
    return float(min(max(pearson3.sf(z, max(float(skew(permuted)), 1e-3)), 1e-300), plain * 3))


def _shifted_p(observed: float, permuted: npt.NDArray[np.float64], shift: float, more: float) -> float:
    """The upper tail of permuted values that are larger by ``shift`` and vary by ``more``, by their first three moments."""
    from scipy.stats import pearson3, skew

    own = float(permuted.var())
    if own + more == 0:
        return 1.0 if observed <= shift else 0.0
    z = (observed - float(permuted.mean()) - shift) / sqrt(own + more)
    bent = float(skew(permuted)) * (own / (own + more)) ** 1.5 if own else 0.0
    return float(max(pearson3.sf(z, max(bent, 1e-3)), 1e-300))
