"""The marks of a forest plot: intervals, points in the shapes of their statuses, diamonds of groups."""

from __future__ import annotations

from loradiag.core.forgetting import Score
from loradiag.core.text import shorten
from loradiag.outputs.page.axes import Axis
from loradiag.outputs.page.markup import Markup, element, join
from loradiag.outputs.page.shapes import BEYOND, MARK, SHAPES
from loradiag.outputs.scores import relative, span

LETTER = 7.4
"""The width of a letter of a name: more than most have, less than the widest."""

_SQUARE = "M-3.4-3.4h6.8v6.8h-6.8Z"
_CROSS = "M-3-3L3 3M-3 3L3-3"
SHAPE = {"safe": MARK["pass"], "forgot": MARK["fail"], "inconclusive": _SQUARE, "unjudged": SHAPES[2]}
"""The shape of a status, so that it can be told without colour."""


def drawn(score: Score, axis: Axis, y: float) -> Markup:
    """The intervals and the mark; of a score without a share, the reason."""
    point = relative(score, score.difference)
    if point is None:
        return element("text", _why(score, axis.end - axis.start), x=axis.start, y=y + 4)
    x, side = axis.at(100 * point), side_of(score, axis)
    diamond = _diamond(score, axis, x) if score.role == "group" and not side else ""
    shape = diamond or (BEYOND[side] if side else SHAPE[score.status])
    return join(
        [
            _line(score, axis, y, "ci_low", "ci_high", "span"),
            _line(score, axis, y, "bound_low", "bound_high", "span bound") if not diamond else "",
            element("path", d=shape, transform=f"translate({x:g} {y:g})", class_="mark group" if diamond else "mark"),
            _beside(score, axis, x, y) if score.ci_low is None and not side else "",
        ]
    )


def _beside(score: Score, axis: Axis, x: float, y: float) -> Markup:
    """Why a mark has no interval, on the side where there is more room."""
    left = x - axis.start > axis.end - x
    why = _why(score, (x - axis.start if left else axis.end - x) - 20)
    return element("text", why, x=x - 10 if left else x + 10, y=y + 4, text_anchor="end" if left else None)


def side_of(score: Score, axis: Axis) -> int:
    """-1 if a score lies before the axis, 1 if after it."""
    point = relative(score, score.difference)
    if point is None:
        return 0
    return -1 if 100 * point < axis.low else 1 if 100 * point > axis.high else 0


def _line(score: Score, axis: Axis, y: float, low: str, high: str, class_: str) -> Markup:
    ends = span(score, getattr(score, low), getattr(score, high))
    if ends is None or 100 * ends[1] < axis.low or 100 * ends[0] > axis.high:
        return Markup("")
    return element("line", x1=axis.at(100 * ends[0]), x2=axis.at(100 * ends[1]), y1=y, y2=y, class_=class_)


def _diamond(score: Score, axis: Axis, x: float) -> str:
    """A diamond as wide as the bounds that a group is judged by; one that forgot is crossed. Nothing without them."""
    ends = span(score, score.bound_low, score.bound_high)
    if ends is None:
        return ""
    low, high = min(axis.at(100 * ends[0]) - x, -4), max(axis.at(100 * ends[1]) - x, 4)
    return f"M{low:g} 0L0-7L{high:g} 0L0 7Z" + (_CROSS if score.status == "forgot" else "")


def _why(score: Score, room: float) -> str:
    """Why there is no interval, as far as there is room."""
    if score.base == 0 and score.difference is not None:
        said = "the base scores 0: there is nothing to lose"
    else:
        said = f"no interval: {score.reason or 'none was measured'}"
    return shorten(said, max(int(room / LETTER), 1))
