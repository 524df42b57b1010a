"""Intruder dimensions: leading singular directions of a changed matrix that the original has nothing like.

Definition of Shuttleworth, Andreas, Torralba and Sharma 2024 (arXiv 2410.21228): a left singular vector u′ⱼ of W′, j ≤ k, is
an intruder if its cosine with every left singular vector of W is below ε. Two full decompositions would decide it, at some
10⁵ times the price. Here a vector is cleared by a match among the leading vectors of W, and convicted by a bound on all
the others (:mod:`loradiag.linalg.atoms`).
"""

from __future__ import annotations

import msgspec
import numpy as np

from loradiag.linalg.atoms import largest_share
from loradiag.linalg.leading import Leading, every, leading, small
from loradiag.linalg.products import Products
from loradiag.linalg.widen import Array

K = 10
EPSILON = 0.5
"""The defaults of the authors' code."""

SPARE = 6
"""Vectors of W beyond k that are looked at first: a changed weight may have swapped neighbours."""

_MOST = 64


class Intruders(msgspec.Struct, frozen=True):
    """The outcome for one matrix.

    Attributes:
        count: Intruders among the first k.
        certified: Whether bounds on every error leave no other outcome possible. Of a matrix with more rows than columns,
            singular vectors of values below a thousandth of the largest count as nothing to match, as the null space does.
        matches: [k]: the largest cosine found, at least; for a vector that W has nothing like, of those looked at.
        leading: Singular vectors of W that were computed.
    """

    count: int
    certified: bool
    matches: Array
    leading: int


def intruders(
    old: Products, new: Products, known: Leading | None = None, k: int = K, epsilon: float = EPSILON
) -> Intruders:
    """Count intruder dimensions of ``new`` against ``old``, both [rows, cols].

    Args:
        old: W.
        new: W′.
        known: Leading vectors of W, if they are known already.
        k: How many leading vectors of W′ to look at; all, if there are fewer.
        epsilon: The cosine from which a vector counts as matched.
    """
    k = min(k, *old.shape)
    base = every(old) if small(old, k + SPARE) else known or leading(old, k + SPARE)
    changed = leading(new, k, start=base.vectors[:, 0])
    while True:
        outcome = _judge(old, base, changed, epsilon)
        widest = min(_MOST, *old.shape)
        if outcome.certified or base.complete or base.values.size >= widest:
            return outcome
        if not _doubling_helps(base, changed, epsilon):
            return outcome
        base = leading(old, min(2 * base.values.size, widest))


def _judge(old: Products, base: Leading, changed: Leading, epsilon: float) -> Intruders:
    cosines = np.abs(base.vectors.T @ changed.vectors)
    matches = cosines.max(axis=0)
    # By the triangle inequality for angles, to first order: each vector may be off by its own error.
    sure = (cosines - base.errors[:, None] - changed.errors[None, :] >= epsilon).any(axis=0)
    open_ = np.flatnonzero(np.logical_not(sure))
    decided = np.array(sure)
    if open_.size:
        ceiling = _ceilings(old, base, changed.vectors[:, open_], epsilon)
        high = np.maximum(ceiling, (cosines[:, open_] + base.errors[:, None]).max(axis=0))
        decided[open_] = high + changed.errors[open_] < epsilon
    return Intruders(
        count=int(np.count_nonzero(matches < epsilon)),
        certified=bool(decided.all()),
        matches=matches,
        leading=base.values.size,
    )


def _ceilings(old: Products, base: Leading, vectors: Array, epsilon: float) -> Array:
    """Bound the cosine of each vector with every singular vector of W outside those that are known."""
    if base.complete:
        return np.zeros(vectors.shape[1])
    inside = base.vectors.T @ vectors
    rest = vectors - base.vectors @ inside
    rest -= base.vectors @ (base.vectors.T @ rest)
    lengths = np.linalg.norm(rest, axis=0)
    ceilings: Array = np.array(lengths)
    loose = np.flatnonzero(lengths >= 0.99 * epsilon)
    if loose.size:
        shares = largest_share(old, rest[:, loose], enough=float((0.95 * epsilon) ** 2))
        ceilings[loose] = lengths[loose] * np.sqrt(shares)
    # What is known within an error may hold that much of what is not.
    return ceilings + base.errors @ np.abs(inside)


def _doubling_helps(base: Leading, changed: Leading, epsilon: float) -> bool:
    """Whether more vectors of W could decide: not where the vectors of W′ themselves cannot be told apart."""
    return bool((changed.errors < epsilon / 2).all() and (base.errors < epsilon / 2).all())
