"""How much a logged loss wavers about its course, and how far it fell beside that. Numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log, pi, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from loradiag.statistics.losses import running_medians, width

Array = npt.NDArray[np.float64]

LEAST = 12
"""Losses from which on their noise is told from their course: ten second differences."""

SLOW = 20
"""Losses from which on smoothed values a window apart tell the noise of means over many: of fewer they are all course."""

_QUARTILE = 0.6744897501960817
"""Median of the absolute value of a standard normal number."""

_CLIPPED = 3.0
"""Deviations about its neighbours beyond which a loss counts as if it lay there: a spike is no slope."""


class Waver(NamedTuple):
    """See :class:`loradiag.core.trajectory.Course`."""

    noise: float
    slow_noise: float
    level_error: float
    fall: float
    fall_error: float


def waver(losses: Sequence[float]) -> Waver | None:
    """Return the noise and the fall of finite losses; None of under 12, and where their differences are not finite."""
    count = len(losses)
    if count < LEAST:
        return None
    window = width(count)
    values, level = np.asarray(losses, dtype=np.float64), np.asarray(running_medians(losses, window))
    with np.errstate(over="ignore", invalid="ignore"):
        noise = slow = _deviation(values, 1)
        if count >= SLOW:
            # A median of many independent normal values has √(π/2) times the deviation of their mean.
            slow = max(noise, _deviation(level, window) * sqrt(2 * window / pi))
        places = np.log(np.arange(1, count + 1))
        places -= places.mean()
        spread = float(places @ places)
        fall = -float(places @ _clipped(values, level, noise)) / spread * log(count)
    found = Waver(noise, slow, slow * sqrt(pi / window), fall, slow * log(count) / sqrt(spread))
    return found if all(map(isfinite, found)) else None


def _deviation(values: Array, apart: int) -> float:
    """The deviation of single values, from the median of absolute second differences of those ``apart`` from each other."""
    bends = values[2 * apart :] - 2 * values[apart:-apart] + values[: -2 * apart]
    return float(np.median(np.abs(bends))) / (_QUARTILE * sqrt(6)) if bends.size else 0.0


def _clipped(values: Array, level: Array, noise: float) -> Array:
    """The values, none farther than three deviations from the running median about it; at the ends, from the first and last."""
    before = (values.size - level.size) // 2
    middle = np.pad(level, (before, values.size - level.size - before), mode="edge")
    return np.clip(values, middle - _CLIPPED * noise, middle + _CLIPPED * noise)
