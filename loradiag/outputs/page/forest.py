"""A forest plot: what each task lost or gained in percent of the base's score, with its intervals and its margin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from loradiag.core.forgetting import Score
from loradiag.core.text import plural, shorten
from loradiag.outputs.page.axes import Axis, below
from loradiag.outputs.page.intervals import LETTER, SHAPE, drawn, side_of
from loradiag.outputs.page.legends import picture
from loradiag.outputs.page.markup import Markup, element, join
from loradiag.outputs.questions import MARKS, TONES, WORDS, Asked, called, named, served
from loradiag.outputs.scores import borne, extent, metric_words, relative, share_words, span

WIDTH, ROW, SERVED_ROW, TOP, BOTTOM, GAP = 1080, 24, 20, 30, 30, 8
NUMBERS = 312
"""What the change, its interval and the status take beside the drawing."""

_CHANGE, _INTERVAL, _STATUS = WIDTH - 250, WIDTH - 234, WIDTH - 102
_FAR = 10
"""Intervals beyond so many times the base's score have no room for their numbers."""


_LEAST_LEFT, _MOST_LEFT = 120.0, 350.0


class Placed(msgspec.Struct, frozen=True):
    """A row: a score, whether it stands below another of its task, where it begins and ends, and where its middle is."""

    score: Score
    below: bool
    top: float
    height: float
    y: float


def forest(blocks: Sequence[Sequence[Asked]], label: str) -> Markup:
    """The drawing with its legend; empty where no score has a difference.

    Args:
        blocks: Questions in blocks, with some air between these.
        label: What is drawn, for those who do not see it.
    """
    rows, foot = _placed(blocks)
    ends = extent(row.score for row in rows)
    if ends is None:
        return Markup("")
    left = _left(row.score for row in rows)
    axis = Axis(100 * ends[0], 100 * ends[1], left + 14, WIDTH - NUMBERS)
    svg = element(
        "svg",
        element("desc", f"{label}: {', '.join(_said(row.score) for row in rows[:20])}{'…' if len(rows) > 20 else ''}"),
        *(_band(row, axis) for row in rows),
        _frame(axis, foot),
        *(_row(row, axis, left) for row in rows),
        viewBox=f"0 0 {WIDTH} {foot + BOTTOM:g}",
        role="img",
        aria_label=f"{label}: {plural(len(rows), 'score')}; the table has the figures",
        class_="chart strips forest",
    )
    return join([element("div", svg, class_="scroll"), _legend([row.score for row in rows], axis)])


def _placed(blocks: Sequence[Sequence[Asked]]) -> tuple[list[Placed], float]:
    """Rows from the top down, and where the last ends. Air between blocks, and between tasks of several rows, is theirs."""
    top, rows, air = float(TOP), [], 0
    for questions in blocks:
        for scores in questions:
            for index, score in enumerate(scores):
                height = SERVED_ROW if index else ROW
                rows.append(Placed(score, index > 0, top, height + air, top + air + height / 2))
                top, air = top + height + air, 0
            air = GAP if len(scores) > 1 else 0
        air = GAP if rows else 0
    return rows, top


def _left(scores: Iterable[Score]) -> float:
    """Where names end."""
    longest = max((len(_name(score, below=False)) for score in scores), default=0)
    return min(max(LETTER * longest + 6, _LEAST_LEFT), _MOST_LEFT)


def _name(score: Score, *, below: bool) -> str:
    return served(score) if below else named(score)


def _frame(axis: Axis, foot: float) -> Markup:
    """Ticks, the line of no change, and which way is better."""
    ticks = [
        element("line", x1=axis.at(tick), x2=axis.at(tick), y1=TOP, y2=foot, class_="rule") for tick in axis.ticks()
    ]
    zero = axis.at(0.0)
    middle = round((axis.start + axis.end) / 2, 1)
    return element(
        "g",
        *ticks,
        element("line", x1=zero, x2=zero, y1=TOP - 5, y2=foot, class_="nought"),
        below(axis, foot + 16, (0.0,)),
        element("text", "← lost", x=axis.start, y=14),
        element("text", "change, % of the base's score", x=middle, y=14, text_anchor="middle", class_="told"),
        element("text", "gained →", x=axis.end, y=14, text_anchor="end"),
        element("text", "change", x=_CHANGE, y=14, text_anchor="end", class_="told"),
        element("text", "95% interval", x=_INTERVAL, y=14, class_="told"),
        element("text", "status", x=_STATUS, y=14, class_="told"),
    )


def _band(row: Placed, axis: Axis) -> Markup:
    """What the policy bears: from the margin to no change."""
    margin = borne(row.score)
    if not margin or relative(row.score, row.score.difference) is None:
        return Markup("")
    start, end, top = axis.at(-100 * margin), axis.at(0.0), row.top
    parts = [element("rect", x=start, y=top, width=round(end - start, 1), height=row.height, class_="borne")]
    if -100 * margin >= axis.low:
        parts.append(element("line", x1=start, x2=start, y1=top, y2=top + row.height, class_="limit fails"))
    return join(parts)


def _row(row: Placed, axis: Axis, left: float) -> Markup:
    score, y = row.score, row.y
    group = " chosen" if score.role == "group" else " faint-row" if row.below else ""
    name = shorten(_name(score, below=row.below), int((left - 6) / LETTER))
    tone = TONES[score.status]
    return element(
        "g",
        element("title", _said(score)),
        element("rect", x=0, y=row.top, width=WIDTH, height=row.height, class_="hit"),
        element("text", name, x=left, y=y + 4, text_anchor="end", class_=f"told-row{group}"),
        drawn(score, axis, y),
        *_numbers(score, y),
        class_=f"line of {tone}{' beyond' if side_of(score, axis) else ''}",
    )


def _numbers(score: Score, y: float) -> list[Markup]:
    ends = span(score, score.ci_low, score.ci_high)
    between = f"{share_words(ends[0])} to {share_words(ends[1])}" if ends else "–"
    if ends and max(map(abs, ends)) >= _FAR:
        between = "far off"
    status = f"{MARKS[score.status]} {WORDS[score.status]}" if score.role != "domain" and score.primary else ""
    return [
        element(
            "text",
            share_words(relative(score, score.difference)),
            x=_CHANGE,
            y=y + 4,
            text_anchor="end",
            class_="told-row",
        ),
        element("text", between, x=_INTERVAL, y=y + 4),
        element("text", status, x=_STATUS, y=y + 4, class_="told-status"),
    ]


def _said(score: Score) -> str:
    """The words of a row."""
    ends = span(score, score.ci_low, score.ci_high)
    between = f" ({share_words(ends[0])} to {share_words(ends[1])})" if ends else ""
    margin = borne(score)
    bears = f", margin {share_words(-margin)}" if margin else ""
    change = share_words(relative(score, score.difference))
    route = f" {served(score)}" if score.route is not None else ""
    return f"{called(score.task)}{route}: {metric_words(score)} {change}{between}{bears}, {WORDS[score.status]}"


def _legend(scores: Sequence[Score], axis: Axis) -> Markup:
    parts = []
    for status in (status for status in MARKS if any(score.status == status for score in scores)):
        shape = element("path", d=SHAPE[status], transform="translate(8 8)", class_="mark")
        drawing = picture(element("g", shape, class_=f"of {TONES[status]}"))
        parts.append(element("span", drawing, f" {MARKS[status]} {WORDS[status]}"))
    if any(score.role == "group" for score in scores):
        shape = element("path", d="M-10 0L0-6L10 0L0 6Z", transform="translate(12 8)", class_="mark")
        parts.append(
            element("span", picture(element("g", shape, class_="of"), 24), " group: as wide as its 90% interval")
        )
    if any(score.ci_low is not None for score in scores):
        lines = [
            element("line", x1=0, x2=28, y1=8, y2=8, class_="span"),
            element("line", x1=5, x2=23, y1=8, y2=8, class_="span bound"),
        ]
        parts.append(element("span", picture(element("g", *lines, class_="of"), 28), " 95% and 90% interval"))
    if any(borne(score) for score in scores):
        region = [
            element("rect", x=0, y=2, width=20, height=12, class_="borne"),
            element("line", x1=0, x2=0, y1=2, y2=14, class_="limit fails"),
        ]
        parts.append(element("span", picture(element("g", *region), 20), " the margin: judged by the 90% interval"))
    if any(side_of(score, axis) for score in scores):
        parts.append(element("span", "arrowheads: beyond the axis"))
    return element("p", *parts, class_="legend marks")
