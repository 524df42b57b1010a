"""One chance of a false alarm, shared out among all that is ever watched.

Weights that add up to at most 1 make the weighted sum of e-processes an e-process: it ever reaches 1/α with a chance of at most
α, whether or not adapters depend on each other, and an adapter alarms only if it does. Adapters join and processes begin anew,
so weights are handed out by a plan that never ends: those that are there at the start share one half of the budget, as many
places again (at least eight) a quarter, twice as many an eighth, and so on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from loradiag.statistics.checks import Floats, at_least, inside, whole

Flags = npt.NDArray[np.bool_]

_LEAST = 8
"""Places of the second generation."""


def weight_of(slot: int, first: int) -> float:
    """Return the share of the budget of the ``slot``-th process, counted from 0, where ``first`` are there at the start.

    Raises:
        ValueError: A number is negative, or ``first`` is 0.
    """
    slot, places = whole(slot, 0, "slot"), whole(first, 1, "first")
    share, before = 0.5, 0
    while slot >= before + places:
        before += places
        places = max(_LEAST, first) if before == first else 2 * places
        share /= 2
    return share / places


def left_of(used: int, first: int) -> float:
    """Return what is left of the budget after ``used`` processes: 1 less their weights."""
    return 1.0 - float(sum(weight_of(slot, first) for slot in range(used)))


def discoveries(log_e: Floats, weights: Floats, alpha: float) -> Flags:
    """Return which e-values are large enough [n], by the e-BH procedure with weights, as booleans.

    The largest k of them are, where k is the largest number for which the k-th largest weight times e-value is at least
    1/(k·α). The expected share of false ones among them is at most α whatever the dependence (Wang and Ramdas, Journal of the
    Royal Statistical Society B 84, 2022). Where there is one, the weighted sum is at least 1/α: where none is true, and the
    sum is an e-process, that ever happens with a chance of at most α.

    Args:
        log_e: Logarithms of e-values [n].
        weights: [n], which add up to at most 1.
        alpha: The level.

    Raises:
        ValueError: A weight is negative, or they add up to more than 1.
    """
    inside(alpha, "alpha")
    if log_e.size == 0:
        return np.zeros(0, dtype=np.bool_)
    at_least(float(weights.min()), 0.0, "weights")
    if float(weights.sum()) > 1 + 1e-9:
        raise ValueError(f"weights add up to {float(weights.sum()):.3g}, more than 1")
    with np.errstate(divide="ignore"):
        values = log_e + np.log(weights)
    order = np.argsort(-values, kind="stable")
    enough = values[order] >= -np.log(np.arange(1, values.size + 1) * alpha)
    found = np.zeros(values.size, dtype=np.bool_)
    if enough.any():
        found[order[: int(np.flatnonzero(enough)[-1]) + 1]] = True
    return found
