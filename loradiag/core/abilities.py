"""What a policy's margins make of the tasks that an adapter was asked."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from math import ceil, sqrt
from statistics import NormalDist

import msgspec

from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.margins import Answer, against_margin, documents_needed, documents_without_flips, oriented

RULE = "LD701"
"""The rule whose thresholds are the margins: ``margin``, ``margin.TASK`` and ``alpha``."""

FAMILY = "LD7"
"""What codes of rules about forgetting begin with."""

_REACH = NormalDist().inv_cdf(0.95) + NormalDist().inv_cdf(0.8)
"""The minimum detectable loss in standard errors."""


def settle(found: Forgetting, limits: Mapping[str, float]) -> Forgetting:
    """Give every score that tasks are judged by its margin, its status and the documents that would decide."""
    if "margin" not in limits:  # a policy without the rule
        return found
    return msgspec.structs.replace(
        found,
        tasks=[_settled(score, limits) for score in found.tasks],
        groups=[_settled(score, limits) for score in found.groups],
    )


def share_of(task: str, limits: Mapping[str, float], common: float) -> float:
    """The share of the base's score that a task may lose: its own, that of the longest pattern for it, or the common one."""
    own = {name.partition(".")[2]: value for name, value in limits.items() if name.startswith("margin.")}
    patterns = [name for name in own if name == task or fnmatchcase(task, name)]
    return own[max(patterns, key=lambda name: (name == task, len(name)))] if patterns else common


def _settled(score: Score, limits: Mapping[str, float]) -> Score:
    if not score.primary or score.role == "domain" or score.base is None or score.difference is None:
        return msgspec.structs.replace(score, margin=None, needed=None, status="unjudged")
    margin = share_of(score.task, limits, limits["margin"]) * abs(score.base)
    status = _status(score, margin, limits.get("alpha", 1.0))
    needed = _needed(score, margin) if status == "inconclusive" else None
    return msgspec.structs.replace(score, margin=margin, status=status, needed=needed)


def _status(score: Score, margin: float, alpha: float) -> Answer:
    if score.binary and score.higher_is_better and (score.base or 0.0) <= margin:
        return "safe"  # no more than everything can be lost, and that is borne; or there was nothing to lose
    if score.identical and margin >= 0:
        return "safe"
    low, high = oriented(score.bound_low, score.bound_high, score.higher_is_better)
    answer = against_margin(low, high, max(margin, 0.0))
    if answer == "forgot" and score.p_adjusted is not None and score.p_adjusted > alpha:
        return "inconclusive"  # one of so many tasks comes out so by chance
    return answer


def _needed(score: Score, margin: float) -> int | None:
    """How many documents would decide, were the difference what it seems."""
    difference = score.difference or 0.0
    if score.minimum_detectable is None:
        unflipped = score.binary and not (score.lost or score.won) and 0 < margin < 1
        found = _without_flips(score, margin) if unflipped else None
    else:
        spread = score.minimum_detectable / _REACH * sqrt(score.n)
        found = documents_needed(difference if score.higher_is_better else -difference, spread, max(margin, 0.0))
    return found if found is not None and found > score.n else None


def _without_flips(score: Score, margin: float) -> int:
    """How many documents would show that no more was lost, if none of them flips either.

    Of documents that are clustered, or of several tasks, it takes as many times more as these are worth less than documents
    that are alone, by the width of their interval.
    """
    alone = documents_without_flips(margin)
    low, _ = oriented(score.bound_low, score.bound_high, score.higher_is_better)
    if low is None or not -1 < low < 0:
        return alone
    return max(ceil(alone * max(score.n / documents_without_flips(-low), 1.0)), score.n + 1)
