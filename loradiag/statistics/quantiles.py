"""Quantiles of the normal and of Student's distribution."""

from __future__ import annotations


def normal(probability: float) -> float:
    """Return z with Φ(z) = ``probability``."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def student(probability: float, freedom: float) -> float:
    """Return the quantile of Student's t with ``freedom`` degrees of freedom, which need not be whole."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))
