"""How often tests of a 0/1 metric would notice that more documents are lost than won."""

from __future__ import annotations

from math import sqrt

import numpy as np

from loradiag.statistics.checks import inside, whole
from loradiag.statistics.quantiles import normal

_IGNORED = 1e-12
"""Chance of numbers of flips that are left out of a sum."""


def mcnemar_power(n: int, lost: float, won: float, level: float = 0.95) -> float:
    """Return how often the exact two-sided McNemar test rejects.

    The number of flips is binomial (n, lost + won), that of losses among m flips binomial (m, lost/(lost + won)); what is
    rejected is the same at both ends.

    Args:
        n: Documents.
        lost: Share of documents that go from 1 to 0.
        won: Share that go from 0 to 1.
        level: 1 − the p at which the test rejects.

    Raises:
        ValueError: An argument is out of range.
    """
    n = _check(n, lost, won, level)
    if lost + won == 0:
        return 0.0
    from scipy.stats import binom

    outer = binom.ppf((_IGNORED, 1 - _IGNORED), n, lost + won)
    flips = np.arange(outer[0], outer[1] + 1)
    half = (1 - level) / 2
    most = binom.ppf(half, flips, 0.5)
    most -= binom.cdf(most, flips, 0.5) > half  # the most losses, or wins, that are too few
    share = lost / (lost + won)
    rejected = binom.cdf(most, flips, share) + binom.cdf(most, flips, 1 - share)
    return float(np.sum(binom.pmf(flips, n, lost + won) * rejected))


def paired_z_power(n: int, lost: float, won: float, level: float = 0.95) -> float:
    """Return how often |D| > z · SE of the documents' differences, two-sided, by the normal approximation of D.

    Args and errors as :func:`mcnemar_power`.
    """
    n = _check(n, lost, won, level)
    error = _error(n, lost, won)
    return _outside(won - lost, error, normal((1 + level) / 2) * error)


def unpaired_z_power(n: int, base: float, lost: float, won: float, level: float = 0.95) -> float:
    """Return how often |D| > z · √(SE_base² + SE_adapter²): the test of two tables of results that forgot their pairs.

    D still varies as the pairs make it vary, which is less than the test believes.

    Args:
        n: Documents.
        base: Share of documents that are right with the base.
        lost: Share of documents that go from 1 to 0; at most ``base``.
        won: Share that go from 0 to 1; at most 1 − ``base``.
        level: 1 − the p at which the test rejects.

    Raises:
        ValueError: An argument is out of range.
    """
    n = _check(n, lost, won, level)
    if not lost <= base <= 1 - won:
        raise ValueError(f"of {base} right documents {lost} cannot be lost and {won} won")
    adapter = base - lost + won
    believed = sqrt((base * (1 - base) + adapter * (1 - adapter)) / n)
    return _outside(won - lost, _error(n, lost, won), normal((1 + level) / 2) * believed)


def _check(n: int, lost: float, won: float, level: float) -> int:
    inside(level, "level")
    if min(lost, won) < 0 or not lost + won <= 1:
        raise ValueError(f"lost and won must be shares of documents, not {lost} and {won}")
    return whole(n, 1, "n")


def _error(n: int, lost: float, won: float) -> float:
    return sqrt(max(lost + won - (won - lost) ** 2, 0.0) / n)


def _outside(mean: float, error: float, bound: float) -> float:
    """How often a normal variable lies beyond ±bound."""
    if error == 0:
        return float(abs(mean) > bound)
    from scipy.special import ndtr

    return float(ndtr((mean - bound) / error) + ndtr((-mean - bound) / error))
