"""Routes × measures: a strip for every measure, on which every route has its row."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.merge import Merge, Route
from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.outputs.facts import short_number
from loradiag.outputs.page.axes import Axis, below
from loradiag.outputs.page.legends import picture
from loradiag.outputs.page.markup import Markup, element, join
from loradiag.outputs.page.measures import Limits, Strip, axis_of, beyond, drawable, ends_of, limits_of, words
from loradiag.outputs.page.shapes import BEYOND, MARK, SHAPES
from loradiag.outputs.routes import ASKED, MARKS, WORDS, called, measured

WIDTH, LEFT, RIGHT, GAP, ROW, TOP, BOTTOM = 1080, 138, 8, 30, 21, 44, 26

_OTHER = SHAPES[1]
_LABEL = 17
"""Characters of a route's name beside its row."""

_LIMITS = {"fails": "beyond it a route fails", "noted": "beyond it there is a warning"}

_EXCUSED = ", unless its rule makes an exception"

Placed = Sequence[tuple[Strip, Axis]]


def strips(report: Report) -> Markup:
    """The drawing with its legend. Empty where there are not two routes to compare."""
    merge = report.measurements.merge
    rows = measured(merge) if merge else []
    told = drawable(rows)
    if merge is None or len(rows) < 2 or not told:
        return Markup("")
    limits = report.policy.thresholds
    drawn = _placed(told, rows, limits)
    between = (
        element("line", x1=0, x2=WIDTH, y1=_y(index) + ROW / 2, y2=_y(index) + ROW / 2, class_="rule faint")
        for index in range(len(rows) - 1)
    )
    names = ", ".join(strip.title for strip in told)
    svg = element(
        "svg",
        element("desc", f"{names}, of {', '.join(called(row.route) for row in rows)}."),
        *between,
        *(_label(row, index, merge) for index, row in enumerate(rows)),
        *(_strip(strip, axis, rows, limits) for strip, axis in drawn),
        viewBox=f"0 0 {WIDTH} {TOP + ROW * len(rows) + BOTTOM}",
        role="img",
        aria_label=f"{plural(len(rows), 'route')} on {plural(len(told), 'measure')}; the table above has the figures",
        class_="chart strips",
    )
    return join([element("div", svg, class_="scroll"), _legend(rows, drawn, limits)])


def _placed(told: Sequence[Strip], rows: Sequence[Route], limits: Limits) -> Placed:
    """The strips side by side."""
    unit = (WIDTH - LEFT - RIGHT - GAP * len(told)) / sum(strip.share for strip in told)
    start, found = float(LEFT), []
    for strip in told:
        start += GAP
        end = start + unit * strip.share
        found.append((strip, axis_of(strip, rows, limits, round(start, 1), round(end, 1))))
        start = end
    return found


def _y(index: int) -> float:
    return TOP + ROW * (index + 0.5)


def _label(row: Route, index: int, merge: Merge) -> Markup:
    name = shorten(called(row.route), _LABEL)
    chosen = " chosen" if row.route == merge.recommended else ""
    said = f"{ASKED} {name}" if row.gated else name
    return element("text", said, x=LEFT, y=_y(index) + 4, text_anchor="end", class_=f"told-row{chosen}")


def _strip(strip: Strip, axis: Axis, rows: Sequence[Route], limits: Limits) -> Markup:
    foot = TOP + ROW * len(rows)
    ticks = [
        element("line", x1=axis.at(tick), x2=axis.at(tick), y1=TOP, y2=foot, class_="rule") for tick in axis.ticks()
    ]
    return element(
        "g",
        element("text", strip.title, x=axis.start, y=14, class_="told"),
        element("text", strip.better, x=axis.end, y=14, text_anchor="end"),
        *ticks,
        below(axis, foot + 16),
        *_limits(strip, axis, foot, limits),
        *(_mark(strip, axis, row, index) for index, row in enumerate(rows)),
    )


def _limits(strip: Strip, axis: Axis, foot: float, limits: Limits) -> list[Markup]:
    """Lines where the policy's thresholds are, as far as the report has them."""
    inside = {kind: value for kind, value in limits_of(strip, limits).items() if axis.low <= value <= axis.high}
    parts = []
    for kind, value in inside.items():
        x = axis.at(value)
        # Two limits may lie close together: the label of each stands on its outer side.
        anchor = "middle" if len(inside) < 2 else "end" if value == min(inside.values()) else "start"
        shift = {"middle": 0, "end": 3, "start": -3}[anchor]
        parts.append(element("line", x1=x, x2=x, y1=TOP - 6, y2=foot, class_=f"limit {kind}"))
        parts.append(element("text", short_number(value), x=x + shift, y=TOP - 10, text_anchor=anchor, class_=kind))
    return parts


def _mark(strip: Strip, axis: Axis, row: Route, index: int) -> Markup:
    y, value = _y(index), strip.value(row)
    if value is None:
        return element("text", "–", x=axis.start + 2, y=y + 4)
    said = f"{called(row.route)}: {strip.title} {words(strip, row)}, {WORDS.get(row.status, row.status)}"
    side = beyond(strip, axis, row)
    shape = BEYOND.get(side) or MARK.get(row.status, _OTHER)
    width = round(axis.end - axis.start, 1)
    return element(
        "g",
        element("title", said),
        element("rect", x=axis.start, y=y - ROW / 2, width=width, height=ROW, class_="hit"),
        _span(strip, axis, row, y),
        element("path", d=shape, transform=f"translate({axis.at(value):g} {y:g})", class_="mark"),
        class_=f"line of {row.status}{' beyond' if side else ''}",
    )


def _span(strip: Strip, axis: Axis, row: Route, y: float) -> Markup:
    """The interval, as far as it lies on the axis."""
    ends = ends_of(strip, row)
    if ends is None or ends[1] < axis.low or ends[0] > axis.high:
        return Markup("")
    return element("line", x1=axis.at(ends[0]), x2=axis.at(ends[1]), y1=y, y2=y, class_="span")


def _legend(rows: Sequence[Route], drawn: Placed, limits: Limits) -> Markup:
    parts = []
    for status in dict.fromkeys(row.status for row in rows):
        shape = element("path", d=MARK.get(status, _OTHER), transform="translate(8 8)", class_="mark")
        drawing = picture(element("g", shape, class_=f"of {status}"))
        parts.append(element("span", drawing, f" {MARKS.get(status, '?')} {WORDS.get(status, status)}"))
    kinds = {kind for strip, _ in drawn for kind in limits_of(strip, limits)}
    for kind in (kind for kind in _LIMITS if kind in kinds):
        line = element("line", x1=0, x2=18, y1=6, y2=6, class_=f"limit {kind}")
        excused = kind == "fails" and any(_excused(strip, row, limits) for strip, _ in drawn for row in rows)
        said = f" {_LIMITS[kind]}{_EXCUSED if excused else ''}"
        parts.append(element("span", picture(line, 18, 12), said))
    if any(strip.ends for strip, _ in drawn):
        parts.append(element("span", "bars: 95% intervals"))
    if any(beyond(strip, axis, row) for strip, axis in drawn for row in rows):
        parts.append(element("span", "arrowheads: beyond the axis"))
    return element("p", *parts, class_="legend marks")


def _excused(strip: Strip, row: Route, limits: Limits) -> bool:
    """Whether a route passes though it lies beyond what fails others, on a measure of which less is better."""
    if strip.better != "← better":
        return False
    most, value = limits_of(strip, limits).get("fails"), strip.value(row)
    return row.status == "pass" and most is not None and value is not None and value > most
