"""What an interval says about a loss that is tolerated, and how many documents would say it. No numpy: rules ask this too."""

from __future__ import annotations

from math import ceil, floor, sqrt
from statistics import NormalDist
from typing import Literal

Answer = Literal["safe", "forgot", "inconclusive"]
CAP = 10**7
"""More documents than this is another way to say never."""


def against_margin(low: float | None, high: float | None, margin: float) -> Answer:
    """Say whether a difference lies above −margin or below it, as far as its interval tells.

    ``safe``: low > −margin. ``forgot``: high < −margin. Else ``inconclusive``, and so where an end lies on −margin exactly,
    where there is no interval, and for a margin of 0 and an interval that is the point 0. Both ends come from one interval:
    with the two-sided level 90% each answer is wrong about 5% of the time where the truth is −margin (up to 7%, of 0/1 metrics
    of which few documents flip), and less elsewhere.

    Args:
        low: Lower end of the interval for adapter − base, of a metric of which more is better (see :func:`oriented`).
        high: Upper end. None where there is no interval.
        margin: The loss that is tolerated, at least 0.

    Raises:
        ValueError: The margin is negative or not finite, the ends are in the wrong order, or one is NaN.
    """
    _at_least(margin, 0, "margin")
    if low is None or high is None:
        return "inconclusive"
    if not low <= high:
        raise ValueError(f"the interval from {low} to {high} is none")
    if low > -margin:
        return "safe"
    return "forgot" if high < -margin else "inconclusive"


def oriented(low: float | None, high: float | None, higher_is_better: bool) -> tuple[float | None, float | None]:
    """Turn an interval for adapter − base so that below 0 is worse.

    Of a metric of which less is better, such as perplexity, a rise is a loss: [low, high] becomes [−high, −low], and the
    margin is the rise that is tolerated, in the metric's own unit.
    """
    if higher_is_better:
        return low, high
    return None if high is None else -high, None if low is None else -low


def documents_needed(
    difference: float,
    spread: float,
    margin: float,
    level: float = 0.95,
    power: float = 0.8,
    design_effect: float = 1.0,
    cap: int = CAP,
) -> int | None:
    """Return how many documents would decide whether a difference lies above or below −margin.

    deff · ((z_level + z_power) · spread/(difference + margin))² + z_level²/2, were the true difference and spread those that
    were seen. The last term is for Student's quantile in place of z (Guenther, The American Statistician 35, 1981, 243–244).

    Args:
        difference: As seen, adapter − base, of a metric of which more is better.
        spread: Standard deviation of the documents' differences.
        margin: The loss that is tolerated.
        level: Of the one-sided bound that has to exclude −margin.
        power: How often it shall.
        design_effect: How many times clusters multiply the variance of the mean.
        cap: The most documents that are worth naming.

    Returns:
        Documents in all, not in addition. None where it would take more than ``cap``, and for a spread of 0, which tells
        nothing; of a 0/1 metric without flips see :func:`documents_without_flips`.

    Raises:
        ValueError: An argument is out of range.
    """
    _at_least(spread, 0, "spread")
    reach = _reach(level, power) * spread * sqrt(_at_least(design_effect, 0, "design_effect"))
    distance = abs(difference + _at_least(margin, 0, "margin"))
    if spread == 0 or distance * sqrt(cap) < reach:
        return None
    needed = ceil((reach / distance) ** 2 + _normal(level) ** 2 / 2)
    return max(2, needed) if needed <= cap else None


def documents_without_flips(margin: float, level: float = 0.95) -> int:
    """Return how many documents show that no more than ``margin`` was lost, if not one of them flips.

    The score interval's lower end is then −z²/(n + z²).

    Args:
        margin: The loss that is tolerated, as a share of documents.
        level: Of the one-sided bound.

    Raises:
        ValueError: An argument is not between 0 and 1.
    """
    square = _normal(_inside(level, "level")) ** 2
    return max(2, floor(square * (1 - _inside(margin, "margin")) / margin) + 1)


def _reach(level: float, power: float) -> float:
    return _normal(_inside(level, "level")) + _normal(_inside(power, "power"))


def _normal(probability: float) -> float:
    return NormalDist().inv_cdf(probability)


def _inside(value: float, name: str) -> float:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")
    return value


def _at_least(value: float, least: float, name: str) -> float:
    if not least <= value < float("inf"):
        raise ValueError(f"{name} must be finite and at least {least}, not {value}")
    return value
