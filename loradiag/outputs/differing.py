"""Two reports side by side: which facts, findings, numbers and modules differ, and by how much. All text is safe to show."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from loradiag.core.drift import Drift, DriftWindow
from loradiag.core.findings import Finding
from loradiag.core.forgetting import Score
from loradiag.core.report import Report
from loradiag.outputs import routefigures, scorefigures, windowfigures
from loradiag.outputs.arrange import active, overview_of
from loradiag.outputs.facts import facts, short_number
from loradiag.outputs.figure import Figure
from loradiag.outputs.grid import Cell, Grid, grids, rank, values_of
from loradiag.outputs.questions import asked, flat, learned, named
from loradiag.outputs.routes import called, measured
from loradiag.outputs.style import LOGARITHMIC, MEASURES
from loradiag.outputs.windows import when

NONE = "–"

In = Literal["both", "a", "b"]


class Number(msgspec.Struct, frozen=True):
    """One number of two reports: what it is about, its title and meaning, both values, and both in words."""

    about: str
    title: str
    meaning: str
    a: float | None
    b: float | None
    said_a: str
    said_b: str

    @property
    def difference(self) -> float | None:
        """``b`` less ``a``; None where either is not known."""
        return None if self.a is None or self.b is None else self.b - self.a

    @property
    def differs(self) -> bool:
        """Whether the two are not the same in the digits that are written."""
        return self.said_a != self.said_b


class Shared(msgspec.Struct, frozen=True):
    """Findings of one rule about one route in two reports: the first of each, None where there is none, and how many."""

    a: Finding | None
    b: Finding | None
    count_a: int = 0
    count_b: int = 0

    @property
    def where(self) -> In:
        """Which of the two has it."""
        return "both" if self.a and self.b else "a" if self.a else "b"

    @property
    def finding(self) -> Finding:
        """The graver of the two."""
        found = [row for row in (self.a, self.b) if row is not None]
        return max(found, key=lambda row: row.severity.weight)


class Shift(msgspec.Struct, frozen=True):
    """A cell of two maps: the cells, and how far the measure moved from the first to the second."""

    a: Cell | None
    b: Cell | None
    value: float | None


class ShiftGrid(msgspec.Struct, frozen=True):
    """One stack's map of shifts. ``rows`` are roles, ``columns`` layers."""

    stack: str
    rows: tuple[str, ...]
    columns: tuple[int | None, ...]
    cells: dict[tuple[str, int | None], Shift]


def facts_beside(a: Report, b: Report) -> list[tuple[str, str, str]]:
    """The facts of both: label and both texts."""
    one, other = dict(facts(a)), dict(facts(b))
    return [(name, one.get(name, NONE), other.get(name, NONE)) for name in {**one, **other}]


def findings_beside(a: Report, b: Report) -> list[Shared]:
    """The active findings of both by rule and route, the gravest first: their modules may differ."""
    one, other = ({(row.code, row.route): row for row in reversed(active(report))} for report in (a, b))
    counts = [Counter((row.code, row.route) for row in active(report)) for report in (a, b)]
    found = [Shared(one.get(key), other.get(key), counts[0][key], counts[1][key]) for key in {**one, **other}]
    return sorted(found, key=lambda row: (-row.finding.severity.weight, row.finding.code))


def numbers(a: Report, b: Report) -> list[Number]:
    """The numbers of two reports of one kind, in the order of their tables."""
    for field, pair in _PAIRS.items():
        if getattr(a.measurements, field) is not None and getattr(b.measurements, field) is not None:
            return list(pair(a, b))
    return list(_of_adapters(a, b))


def _of_adapters(a: Report, b: Report) -> Iterator[Number]:
    """Sizes, and the medians of an overview."""
    for title in ("modules", "parameters", "bytes"):
        many, more = (float(getattr(report.subject, title)) for report in (a, b))
        yield Number("", title, "", many, more, f"{many:,.0f}", f"{more:,.0f}")
    for name, (one, other) in overview_of([a, b]).items():
        meaning = "mean a module" if name == "intruders" else "median over modules"
        yield Number("", MEASURES[name], meaning, one, other, short_number(one), short_number(other))


def _of_scores(a: Report, b: Report) -> Iterator[Number]:
    """Every question that both were asked, in the metric's own unit."""
    one, other = (_scores(report) for report in (a, b))
    both = [(row, other[key]) for key, row in one.items() if key in other]
    shown = scorefigures.figures([row for pair in both for row in pair])
    for row, beside in both:
        yield from _figures(shown, named(row), row, beside)


def _scores(report: Report) -> dict[tuple[str, str, str, str | None], Score]:
    found = report.measurements.forgetting
    rows = flat([*asked(found), *learned(found)]) if found else []
    return {(row.task, row.metric, row.filter, row.route): row for row in rows}


def _of_routes(a: Report, b: Report) -> Iterator[Number]:
    """Every route that both measured."""
    one, other = a.measurements.merge, b.measurements.merge
    rows = {row.route: row for row in measured(other)} if other else {}
    shown = routefigures.figures(one) if one else []
    for row in measured(one) if one else ():
        if row.route in rows:
            yield from _figures(shown, called(row.route), row, rows[row.route])


def _of_windows(a: Report, b: Report) -> Iterator[Number]:
    """The newest window of each that was judged."""
    one, other = (_newest(report.measurements.drift) for report in (a, b))
    drift = a.measurements.drift
    if one is not None and other is not None and drift is not None:
        about = when(one) if when(one) == when(other) else f"{when(one)} · {when(other)}"
        yield from _figures(windowfigures.figures(a, drift), about, one, other)


def _newest(found: Drift | None) -> DriftWindow | None:
    rows = found.windows if found else []
    judged = [row for row in rows if row.status not in ("insufficient", "unjudged")]
    return next(reversed(judged or rows), None)


def _figures(shown: Sequence[Figure[Any]], about: str, one: object, other: object) -> Iterator[Number]:
    """The figures of which both rows have a number."""
    for figure in shown:
        a, b = figure.value(one), figure.value(other)
        if a is None and b is None:
            continue
        if figure.title in _SAID:
            a = b = None
        yield Number(about, figure.title, figure.meaning, a, b, figure.say(one), figure.say(other))


_SAID = frozenset({windowfigures.TO, windowfigures.ROUTE, "95% interval", "its interval", "lost / won", "metric"})
"""Figures of which the number is not what is said, but what a table is sorted by."""


_PAIRS: Mapping[str, Callable[[Report, Report], Iterator[Number]]] = {
    "forgetting": _of_scores,
    "merge": _of_routes,
    "drift": _of_windows,
}


def shift(measure: str, a: float | None, b: float | None) -> float | None:
    """How far a measure moved: of those that span decades how often it doubled, of others the difference."""
    if a is None or b is None:
        return None
    if measure in LOGARITHMIC:
        return math.log2(b / a) if a > 0 and b > 0 else None
    return b - a


def in_common(a: Report, b: Report, measure: str) -> dict[str, tuple[float | None, float | None]]:
    """The values of the modules that both adapters have, by name."""
    one, other = values_of(a, measure), values_of(b, measure)
    return {name: (value, other[name]) for name, value in one.items() if name in other}


def shift_grids(a: Report, b: Report, measure: str) -> list[ShiftGrid]:
    """Maps of how far a measure moved, for every stack that either has."""
    one, other = ({grid.stack: grid for grid in grids(report, measure)} for report in (a, b))
    return [_shifts(measure, one.get(stack), other.get(stack), stack) for stack in {**one, **other}]


def _shifts(measure: str, a: Grid | None, b: Grid | None, stack: str) -> ShiftGrid:
    cells = [grid.cells if grid else {} for grid in (a, b)]
    places = {**cells[0], **cells[1]}
    found = {}
    for place in places:
        one, other = (own.get(place) for own in cells)
        value = shift(measure, one.value if one else None, other.value if other else None)
        found[place] = Shift(one, other, value)
    roles = sorted({role for role, _ in places}, key=lambda role: (rank(role), role))
    layers = sorted({layer for _, layer in places}, key=lambda layer: -1 if layer is None else layer)
    return ShiftGrid(stack, tuple(roles), tuple(layers), found)
