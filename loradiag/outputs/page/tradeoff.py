"""A curve of weaker forms: what each keeps of the domain against what it loses of the base."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loradiag.core.forgetting import Candidate, Sweep
from loradiag.core.text import shorten
from loradiag.outputs.page.axes import Axis, below, horizontal_lines
from loradiag.outputs.page.legends import picture
from loradiag.outputs.page.markup import Markup, element
from loradiag.outputs.page.shapes import SHAPES
from loradiag.outputs.sweep import (
    CHOSEN,
    chosen,
    form,
    kept_interval,
    kept_words,
    loss_words,
    worst_task,
)

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 400, 58, 24, 20, 48
_LETTER, _LINE = 6.3, 13.0
_SHAPES = {"base": SHAPES[1], "adapter": SHAPES[1], "scale": SHAPES[0], "rank": SHAPES[2], "intruders": SHAPES[4]}
_SERIES = {"base": "c7", "adapter": "c7", "scale": "c0", "rank": "c1", "intruders": "c2"}
_KINDS = {
    "scale": "scale: base + λ·Δ",
    "rank": "rank: cut to so many directions",
    "intruders": "intruder dimensions reduced",
}
_LEAST, _MOST = -50.0, 150.0
"""Axes hold no more than this, in percent."""


class Box(msgspec.Struct, frozen=True):
    """A place that is taken."""

    left: float
    top: float
    right: float
    bottom: float

    def touches(self, other: Box) -> bool:
        """Whether two places overlap."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def curve(made: Sweep) -> Markup:
    """Points of the half for reporting, each with a faint one for the half that chose. Empty of less than two."""
    drawn = [row for row in made.candidates if row.loss_report is not None and row.kept_report is not None]
    if len(drawn) < 2:
        return Markup("")
    x = _axis([0.0, 100 * made.margin, *_percents(drawn, "loss")], LEFT, WIDTH - RIGHT)
    y = _axis([0.0, 100.0, *_percents(drawn, "kept")], HEIGHT - BOTTOM, TOP)
    margin = x.at(100 * made.margin)
    foot = HEIGHT - BOTTOM
    across, up = "largest loss of a task, % of the base's score", "kept of what was learned, %"
    frame = [
        element("rect", x=x.start, y=TOP, width=round(margin - x.start, 1), height=foot - TOP, class_="borne"),
        horizontal_lines(y, LEFT, WIDTH - RIGHT),
        element("line", x1=margin, x2=margin, y1=TOP - 6, y2=foot, class_="limit fails"),
        below(x, foot + 18, (0.0,)),
        element("text", across, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle"),
        element("text", up, transform=f"translate(14 {HEIGHT / 2:g}) rotate(-90)", text_anchor="middle"),
    ]
    svg = element(
        "svg",
        element("desc", ", ".join(_said(row) for row in drawn)),
        *frame,
        _path(drawn, x, y),
        *(_twin(row, x, y) for row in drawn),
        *(_point(row, x, y, best=row.name == made.chosen) for row in drawn),
        *_labels(made, drawn, x, y),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label="What weaker forms keep of the domain against what they lose; the table has the figures",
        class_="chart tradeoff",
    )
    return element("figure", element("div", svg, class_="scroll"), _legend(drawn, best=chosen(made) is not None))


def _percents(drawn: Sequence[Candidate], what: str) -> list[float]:
    ends = ("low", "high") if what == "kept" else ()
    fields = [f"{what}_{field}" for field in ("report", "choose", *ends)]
    found = [getattr(row, field) for row in drawn for field in fields]
    return [min(max(100 * value, _LEAST), _MOST) for value in found if value is not None]


def _axis(values: Sequence[float], start: float, end: float) -> Axis:
    low, high = min(values), max(values)
    air = (high - low) * 0.07 or 1.0
    return Axis(low - air, high + air, start, end)


def _place(loss: float, kept: float, x: Axis, y: Axis) -> tuple[float, float]:
    return x.at(min(max(100 * loss, x.low), x.high)), y.at(min(max(100 * kept, y.low), y.high))


def _at(row: Candidate, x: Axis, y: Axis) -> tuple[float, float]:
    return _place(row.loss_report or 0.0, row.kept_report or 0.0, x, y)


def _path(drawn: Sequence[Candidate], x: Axis, y: Axis) -> Markup:
    """From the base over weaker strengths to the whole adapter."""
    line = [row for row in drawn if row.kind in ("base", "scale", "adapter")]
    line.sort(key=lambda row: row.value if row.value is not None else 0.0)
    points = [_at(row, x, y) for row in line]
    d = "M" + "L".join(f"{px:g} {py:g}" for px, py in points)
    return element("g", element("path", d=d, class_="curve"), class_="c0 faint") if len(points) > 1 else Markup("")


def _twin(row: Candidate, x: Axis, y: Axis) -> Markup:
    """What the choice was made by: where the other half of the documents puts a form."""
    if row.loss_choose is None or row.kept_choose is None:
        return Markup("")
    (px, py), (qx, qy) = _at(row, x, y), _place(row.loss_choose, row.kept_choose, x, y)
    return element(
        "g",
        element("line", x1=px, y1=py, x2=qx, y2=qy, class_="span"),
        element("circle", cx=qx, cy=qy, r=2.6, class_="twin"),
        class_=f"of {_SERIES[row.kind]} faint",
    )


def _point(row: Candidate, x: Axis, y: Axis, *, best: bool) -> Markup:
    px, py = _at(row, x, y)
    parts = [element("title", _said(row)), element("circle", cx=px, cy=py, r=11, class_="hit")]
    if row.kept_low is not None and row.kept_high is not None:
        low, high = (_place(0.0, end, x, y)[1] for end in (row.kept_low, row.kept_high))
        parts.append(element("line", x1=px, x2=px, y1=low, y2=high, class_="span"))
    if best:
        parts.append(element("circle", cx=px, cy=py, r=9, class_="ring"))
    parts.append(element("path", d=_SHAPES[row.kind], transform=f"translate({px:g} {py:g}) scale(1.35)", class_="mark"))
    return element("g", *parts, class_=f"line {_SERIES[row.kind]} point")


def _labels(made: Sweep, drawn: Sequence[Candidate], x: Axis, y: Axis) -> list[Markup]:
    """Names beside the points, where there is room; the margin's name is there first."""
    margin = x.at(100 * made.margin)
    said = f"margin {loss_words(made.margin)}"
    room = _LETTER * len(said)
    taken = [Box(margin + 6, HEIGHT - BOTTOM - 20, margin + 6 + room, HEIGHT - BOTTOM - 6)]
    points = [_at(row, x, y) for row in drawn]
    taken += [Box(px - 7, py - 7, px + 7, py + 7) for px, py in points]
    parts = [element("text", said, x=margin + 6, y=HEIGHT - BOTTOM - 9, class_="fails")]
    for row, (px, py) in zip(drawn, points, strict=True):
        name = shorten(form(row), 22)
        best = row.name == made.chosen
        box = _free(px, py, _LETTER * (len(name) + 2 * best), taken)
        if box is not None:
            taken.append(box)
            text = f"{CHOSEN} {name}" if best else name
            parts.append(
                element("text", text, x=box.left, y=box.bottom - 3, class_=f"told-row{' chosen' if best else ''}")
            )
    return parts


def _free(px: float, py: float, width: float, taken: Sequence[Box]) -> Box | None:
    """The first place around a point that is within the drawing and not taken; None if all are."""
    for shift in (0, -17, 17, -31, 31, -45, 45):
        for left in (px + 12, px - 12 - width, *((px - width / 2,) if shift else ())):
            box = Box(round(left, 1), py + shift - _LINE / 2, round(left + width, 1), py + shift + _LINE / 2)
            inside = box.left >= LEFT and box.right <= WIDTH - 2 and box.top >= 2 and box.bottom <= HEIGHT - BOTTOM
            if inside and not any(box.touches(other) for other in taken):
                return box
    return None


def _said(row: Candidate) -> str:
    worst = worst_task(row)
    task = f" of {worst}" if worst else ""
    interval = f" ({kept_interval(row)})" if row.kept_low is not None and row.kept_high is not None else ""
    return (
        f"{form(row)}: keeps {kept_words(row.kept_report)}{interval}, largest loss {loss_words(row.loss_report)}{task}"
    )


def _legend(drawn: Sequence[Candidate], *, best: bool) -> Markup:
    parts = []
    for kind in (kind for kind in _KINDS if any(row.kind == kind for row in drawn)):
        shape = element("path", d=_SHAPES[kind], transform="translate(8 8) scale(1.35)", class_="mark")
        parts.append(element("span", picture(element("g", shape, class_=_SERIES[kind])), f" {_KINDS[kind]}"))
    parts += [element("span", f"{CHOSEN} to take")] if best else []
    parts.append(
        element("span", "points: the half for reporting, with 95% intervals; faint rings: the half that chose")
    )
    return element("p", *parts, class_="legend marks")
