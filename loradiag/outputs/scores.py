"""The figures of a score: what each is called, what it means, and how it is written. All text is safe to show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite

import msgspec

from loradiag.core.forgetting import Score
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


class Figure(msgspec.Struct, frozen=True):
    """One column of the table of scores. Of ``worth`` the least gives way first where there is no room."""

    title: str
    meaning: str
    worth: int
    value: Callable[[Score], float | None]
    say: Callable[[Score], str]


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
    return turned / abs(score.base)


def span(score: Score, low: float | None, high: float | None) -> tuple[float, float] | None:
    """Both ends of an interval as shares of the base's score, the worse one first."""
    ends = [relative(score, low), relative(score, high)]
    known = [end for end in ends if end is not None]
    return (min(known), max(known)) if len(known) == len(ends) else None


def borne(score: Score) -> float | None:
    """The margin as a share of the base's score."""
    if score.margin is None or not score.base or not isfinite(score.base):
        return None
    return score.margin / abs(score.base)


def extent(scores: Iterable[Score], most: float = 1.0) -> tuple[float, float] | None:
    """What an axis must hold of all intervals, margins and zero, in shares of the base; nothing beyond ±``most``."""
    found: list[float] = []
    margins = [0.0]
    for score in scores:
        found += span(score, score.ci_low, score.ci_high) or ()
        point = relative(score, score.difference)
        found += [] if point is None else [point]
        margins.append(-1.4 * (borne(score) or 0.0))
    if not found:
        return None
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
    return f"{text} {mark}" if mark and float(text) else f"{text}  "


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
        return f"{share:+.1e}×"
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
    parts = [score.metric, *([score.filter] if score.filter != "none" else []), *([] if score.higher_is_better else [LESS])]
    return " ".join(shorten(printable(part), _METRIC) for part in parts)


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _moves(score: Score) -> str:
    return "–" if score.lost is None or score.won is None else f"{score.lost:,} / {score.won:,}"


_EVERY: Sequence[Figure] = (
    Figure(
        "metric",
        f"What is compared. {LESS}: less of it is better.",
        8,
        lambda score: None,
        metric_words,
    ),
    Figure("n", "Documents that both were asked.", 14, lambda score: score.n or None, lambda score: _count(score.n or None)),
    Figure(
        "sources",
        "Sources that several documents share; intervals and tests take them as one.",
        2,
        lambda score: score.clusters,
        lambda score: _count(score.clusters),
    ),
    Figure("base", "The base's score.", 17, lambda score: score.base, lambda score: score_words(score, score.base)),
    Figure(
        "adapter",
        "The score with the adapter: unmerged beside its base, or as it is served along a route.",
        18,
        lambda score: score.adapter,
        lambda score: score_words(score, score.adapter),
    ),
    Figure(
        "difference",
        f"Adapter less base, document by document, in the metric's own unit. {BETTER}: better; {WORSE}: worse.",
        20,
        lambda score: score.difference,
        lambda score: change_words(score.difference, score),
    ),
    Figure(
        "95% interval",
        "Where the difference lies with 95% confidence.",
        16,
        lambda score: score.ci_low,
        lambda score: interval_words(score.ci_low, score.ci_high),
    ),
    Figure(
        "of base",
        "The difference in percent of the base's score; below 0 is worse, whatever the metric.",
        12,
        lambda score: relative(score, score.difference),
        lambda score: share_words(relative(score, score.difference)),
    ),
    Figure(
        "since unmerged",
        "Served less unmerged: what the route did to the adapter's score, in the metric's own unit.",
        19,
        lambda score: score.unmerged_difference,
        lambda score: change_words(score.unmerged_difference, score),
    ),
    Figure(
        "its interval",
        "Where what the route did lies with 95% confidence.",
        6,
        lambda score: score.unmerged_low,
        lambda score: interval_words(score.unmerged_low, score.unmerged_high),
    ),
    Figure(
        "lost / won",
        "Documents that flipped: right for the base and wrong with the adapter, and the other way. Of other metrics than "
        "right or wrong: documents that became worse, and better.",
        13,
        lambda score: score.lost,
        _moves,
    ),
    Figure(
        "p (Holm)",
        "How likely so large a difference would be without any, adjusted for the number of tasks.",
        10,
        lambda score: score.p_adjusted,
        lambda score: p_words(score.p_adjusted),
    ),
    Figure(
        "detectable",
        "The loss that so many documents would show with 80% power.",
        7,
        lambda score: score.minimum_detectable,
        lambda score: size_words(score.minimum_detectable),
    ),
    Figure(
        "margin",
        "The loss that the policy bears, in the metric's unit.",
        9,
        lambda score: score.margin,
        lambda score: size_words(score.margin),
    ),
    Figure(
        "needed",
        "Documents that would decide with 80% power, were the difference what it seems.",
        15,
        lambda score: score.needed,
        lambda score: _count(score.needed),
    ),
)
_RARE = ("sources",)
"""Columns that are shown on demand."""


def figures(scores: Sequence[Score], *, every: bool = False) -> list[Figure]:
    """The columns that a table of scores has: no empty ones, and rarely wanted ones only on demand."""
    return [
        figure
        for figure in _EVERY
        if figure.title == "metric"
        or ((every or figure.title not in _RARE) and any(figure.value(score) is not None for score in scores))
    ]
