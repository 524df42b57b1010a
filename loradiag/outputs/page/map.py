"""The map of a window: its requests and the baseline's references on a plane, what is novel marked by shape and colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, isfinite

import msgspec

from loradiag.core.drift import Drift, MapPoint, MapTopic, RequestMap
from loradiag.core.text import plural, shorten
from loradiag.outputs.page.legends import picture
from loradiag.outputs.page.markup import Markup, element, folded
from loradiag.outputs.page.shapes import SHAPES
from loradiag.outputs.windowfigures import rate_words
from loradiag.outputs.windows import NOVEL, period

WIDTH, HEIGHT, AIR = 760, 440, 14
LEAST_HIGH = 180
POINTS = 1000
"""Points of a kind that are drawn; a report holds fewer unless it was asked for more."""

CROSS = SHAPES[5]
_APART = (20, 13)
"""Width and height that the number of a topic takes; one that would run into another is left out."""

_LEAST_SPAN = 1e-9
_TEXT = 160


class _Place(msgspec.Struct, frozen=True):
    """From coordinates of the plane to those of the drawing: one scale for both axes, so that distances compare.

    The point at ``left`` and ``top`` is drawn at ``x`` and ``y``.
    """

    left: float
    top: float
    x: float
    y: float
    scale: float
    height: int

    def at(self, point: MapPoint | MapTopic) -> tuple[float, float]:
        """Where a point is drawn."""
        right, down = (point.x - self.left) * self.scale, (self.top - point.y) * self.scale
        return round(self.x + right, 1), round(self.y + down, 1)


def request_map(found: Drift) -> Markup:
    """The drawing, its legend and what it is, folded away where its window has no drift by novelty; empty without a map."""
    drawn = found.map
    place = _place(drawn) if drawn else None
    if drawn is None or place is None:
        return Markup("")
    parts = [
        element("div", _drawing(drawn, place), class_="scroll"),
        _legend(drawn),
        element("p", _note(drawn), class_="dim"),
    ]
    title = f"Requests beside the baseline, {period(drawn.start, drawn.end)}"
    statuses = [row.status for row in found.windows if (row.start, row.end) == (drawn.start, drawn.end)]
    if not any(status in NOVEL for status in statuses):
        return folded(title, *parts, class_="deeper")
    return element("figure", element("figcaption", title), *parts)


def _place(drawn: RequestMap) -> _Place | None:
    """None where there is nothing to draw, or numbers are too large to."""
    every: list[MapPoint | MapTopic] = [*drawn.references, *drawn.requests, *drawn.topics]
    xs, ys = [point.x for point in every], [point.y for point in every]
    if not drawn.requests or not isfinite(wide := max(xs) - min(xs)) or not isfinite(high := max(ys) - min(ys)):
        return None
    scale = min(
        (room - 2 * AIR) / span if span > _LEAST_SPAN else 1.0 for room, span in ((WIDTH, wide), (HEIGHT, high))
    )
    height = max(ceil(high * scale) + 2 * AIR, LEAST_HIGH)
    return _Place(min(xs), max(ys), (WIDTH - wide * scale) / 2, (height - high * scale) / 2, scale, height)


def _drawing(drawn: RequestMap, place: _Place) -> Markup:
    known = [point for point in drawn.requests if not point.novel][:POINTS]
    novel = [point for point in drawn.requests if point.novel][:POINTS]
    return element(
        "svg",
        element("rect", x=0.5, y=0.5, width=WIDTH - 1, height=place.height - 1, rx=6, class_="sheet"),
        _dots(drawn.references[:POINTS], place, "references"),
        _dots(known, place, "requests"),
        *(_cross(point, place) for point in novel),
        *_numbers(drawn.topics[:POINTS], place),
        viewBox=f"0 0 {WIDTH} {place.height}",
        role="img",
        aria_label=f"Requests beside the baseline on a plane: {_counted(drawn)}",
        class_="chart plane",
    )


def _dots(points: Sequence[MapPoint], place: _Place, class_: str) -> Markup:
    """All of them as one path of lines without length, whose round ends are the dots."""
    d = "".join(f"M{x:g} {y:g}h0" for x, y in (place.at(point) for point in points))
    return element("path", d=d, class_=class_) if d else Markup("")


def _cross(point: MapPoint, place: _Place) -> Markup:
    x, y = place.at(point)
    return element(
        "g",
        element("title", _said(point)),
        element("circle", cx=x, cy=y, r=6, class_="hit"),
        element("path", d=CROSS, transform=f"translate({x:g} {y:g})", class_="mark"),
        class_="line c1",
    )


def _said(point: MapPoint) -> str:
    parts = [f"novel: {shorten(point.request or 'a request', 80)}"]
    if point.time:
        parts.append(point.time)
    if point.cosine is not None:
        parts.append(f"cosine {point.cosine:.3f}")
    if point.group is not None:
        parts.append(f"group {point.group + 1:,}")
    told = ", ".join(parts)
    return f"{told}: {shorten(point.text, _TEXT)}" if point.text else told


def _numbers(topics: Sequence[MapTopic], place: _Place) -> Iterator[Markup]:
    kept: list[tuple[float, float]] = []
    for topic in topics:
        x, y = place.at(topic)
        if all(abs(x - left) >= _APART[0] or abs(y - top) >= _APART[1] for left, top in kept):
            kept.append((x, y))
            yield element("text", f"{topic.topic:,}", x=x, y=round(y + 4, 1), text_anchor="middle", class_="told-row")


def _kinds(drawn: RequestMap) -> list[tuple[str, int, int, str]]:
    """What is drawn: the class of its picture, how many, of how many, and what they are."""
    novel = sum(point.novel for point in drawn.requests)
    known = len(drawn.requests) - novel
    return [
        ("references", len(drawn.references), drawn.reference_total, "reference"),
        ("requests", known, drawn.request_total - drawn.novel_total, "known request"),
        ("novel", novel, drawn.novel_total, "novel request"),
    ]


def _words(count: int, total: int, noun: str) -> str:
    shown = min(count, POINTS)
    return plural(total, noun) if shown == total else f"{shown:,} of {plural(total, noun)}"


def _counted(drawn: RequestMap) -> str:
    return ", ".join(_words(count, total, noun) for _, count, total, noun in _kinds(drawn))


def _legend(drawn: RequestMap) -> Markup:
    parts = [
        element("span", _picture(class_), f" {_words(count, total, noun)}")
        for class_, count, total, noun in _kinds(drawn)
        if count
    ]
    if drawn.topics:
        parts.append(element("span", "numbers: the baseline's topics, where there is room"))
    return element("p", *parts, class_="legend marks")


def _picture(class_: str) -> Markup:
    if class_ == "novel":
        inner = element("g", element("path", d=CROSS, transform="translate(8 8)", class_="mark"), class_="c1")
    else:
        inner = element("path", d="M8 8h0", class_=class_)
    return picture(inner, class_="plane")


def _note(drawn: RequestMap) -> str:
    return (
        f"The plane holds {rate_words(drawn.explained)} of the variance: what lies apart here is apart; what lies together may "
        f"still be apart in what is not shown. It is made of {shorten(drawn.method, 400)}."
    )
