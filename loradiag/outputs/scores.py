"""Scores and their differences in words, and as shares of the base's. All text is safe to show."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from loradiag.core.forgetting import Score
from loradiag.core.numbers import median
from loradiag.core.text import printable, shorten

BETTER, WORSE = "↗", "↘"
"""Beside a difference: of some metrics less is better, so that its sign alone does not tell."""

LESS = "↓"
"""Beside the name of a metric of which less is better."""

INTERVALS = {
    "score": "Tango's score interval of paired shares",
    "student": "Student's interval of paired differences",
    "bootstrap-t": "a bootstrap-t over documents",
    "bootstrap": "a bootstrap over documents",
    "mover": "put together from the intervals of its tasks (MOVER)",
    "identical": "both gave the same answers to the last bit",
}
"""How an interval came to be."""

_METRIC = 40
_FARTHEST = 1e100
"""Shares beyond are told as this: what comes out of a base near 0 need not be finite."""

_LEAST_REACH = 0.25
"""An axis reaches so far, where something lies so far; beyond it, five times as far as half of the ends lie."""


def gain(score: Score, value: float | None) -> float | None:
    """A difference turned so that more is better."""
    if value is None or not isfinite(value):
        return None
    return value if score.higher_is_better else -value


def relative(score: Score, value: float | None) -> float | None:
    """A difference as a share of the base's score, turned so that more is better. None where the base has none."""
    turned = gain(score, value)
    if turned is None or not score.base or not isfinite(score.base):
        return None
    return min(max(turned / abs(score.base), -_FARTHEST), _FARTHEST)


def span(score: Score, low: float | None, high: float | None) -> tuple[float, float] | None:
    """Both ends of an interval as shares of the base's score, the worse one first."""
    ends = [relative(score, low), relative(score, high)]
    known = [end for end in ends if end is not None]
    return (min(known), max(known)) if len(known) == len(ends) else None


def borne(score: Score) -> float | None:
    """The margin as a share of the base's score."""
    if score.margin is None or not score.base or not isfinite(score.base):
        return None
    return min(score.margin / abs(score.base), _FARTHEST)


def extent(scores: Iterable[Score]) -> tuple[float, float] | None:
    """What an axis must hold of all intervals, margins and zero, in shares of the base. One that is far off is left out."""
    found: list[float] = []
    margins = [0.0]
    for score in scores:
        point = relative(score, score.difference)
        found += [] if point is None else span(score, score.ci_low, score.ci_high) or (point,)
        margins.append(-1.4 * (borne(score) or 0.0))
    if not found:
        return None
    most = min(max(5 * (median(map(abs, found)) or 0.0), _LEAST_REACH), 1.0)
    inside = [min(max(value, -most), most) for value in (*found, *margins)]
    low, high = min(inside), max(inside)
    air = (high - low) * 0.06 or 0.05
    return low - air, high + air


def _decimals(*values: float | None) -> int | None:
    """Decimals that suit the largest of some values; None where a power of ten suits better."""
    size = max((abs(value) for value in values if value is not None), default=0.0)
    for most, decimals in ((1.0, 4), (10.0, 3), (100.0, 2), (1e5, 1)):
        if size <= most:
            return decimals
    return None


def _written(value: float, decimals: int | None, sign: str = "") -> str:
    if decimals is None:
        return f"{value:{sign}.3g}"
    text = f"{value:{sign}.{decimals}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def score_words(score: Score, value: float | None) -> str:
    """A score, with the decimals that base and adapter have."""
    return "–" if value is None else _written(value, _decimals(score.base, score.adapter))


def size_words(value: float | None) -> str:
    """A size in the unit of a metric: a margin, or what can be detected."""
    return "–" if value is None else _written(value, _decimals(value))


def change_words(value: float | None, score: Score) -> str:
    """A difference with its sign, and which way it goes."""
    if value is None:
        return "–"
    text, turned = _written(value, _decimals(value), "+"), gain(score, value)
    mark = "" if not turned else BETTER if turned > 0 else WORSE
    return f"{text} {mark}" if mark and float(text) else text


def interval_words(low: float | None, high: float | None) -> str:
    """``-0.3643 to -0.2978``."""
    if low is None or high is None:
        return "–"
    return " to ".join(_written(value, _decimals(low, high), "+") for value in (low, high))


def share_words(share: float | None) -> str:
    """``-36.1%``: a change in shares of the base's score."""
    if share is None:
        return "–"
    if abs(share) >= 100:
        return f"{share:+,.0f}×" if abs(share) < 1e5 else f"{share:+.1e}×"
    text = f"{share:+,.0%}" if abs(share) >= 10 else f"{share:+.1%}"
    return text if text.strip("+-0.%") else "0.0%"


def p_words(value: float | None) -> str:
    """A p-value in few characters."""
    if value is None:
        return "–"
    if value < 0.001:
        return f"{value:.0e}" if value else "<1e-300"
    return f"{value:.3f}" if value < 0.0995 else f"{value:.2f}"


def metric_words(score: Score) -> str:
    """A metric with its filter, and a mark if less of it is better."""
    parts = [
        score.metric,
        *([score.filter] if score.filter != "none" else []),
        *([] if score.higher_is_better else [LESS]),
    ]
    return " ".join(shorten(printable(part), _METRIC) for part in parts)
