"""The canary: what to do, each metric's interval as it came about, and a table."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.canary import CanaryMetric
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.outputs.canary import (
    FIGURES,
    MARKS,
    SHARES,
    TONES,
    WORDS,
    change,
    interval,
    margin,
    named,
    statements,
    summary,
)
from loradiag.outputs.page.axes import Axis, horizontal_lines
from loradiag.outputs.page.markup import Markup, element, folded, hinted, join, marked, rows, table
from loradiag.outputs.page.summary import advice_box, terms

WIDTH, HEIGHT, LEFT, RIGHT, TOP, FOOT = 500, 190, 58, 14, 30, 160
_NOTE = "Bands: the interval as it came about, from the first pairs to the last; dashed: the margin."
_FAR = 6.0
"""Intervals are cut at so many margins, or so many times the last interval: the first ones reach anywhere."""


def canary(report: Report) -> Markup:
    """The section. Empty where there is no canary."""
    found = report.measurements.canary
    if found is None:
        return Markup("")
    drawn = [row for row in found.metrics if row.path]
    meanings = [(figure.title, figure.meaning) for figure in FIGURES]
    charts = element("div", *(_chart(row) for row in drawn), class_="charts") if drawn else ""
    return join(
        [
            advice_box(summary(found)),
            terms(statements(found)),
            charts,
            element("p", _NOTE, class_="dim") if drawn else "",
            _table(found.metrics),
            folded("What the figures are", terms(meanings), class_="meanings") if found.metrics else "",
        ]
    )


def _chart(row: CanaryMetric) -> Markup:
    """The interval over the number of pairs."""
    times = 100.0 if row.ratio or row.metric in SHARES else 1.0
    last = row.path[-1]
    reach = times * min(max(_FAR * row.margin, 1.6 * max(abs(last.low), abs(last.high))), 1e6)
    across = Axis(float(row.path[0].n), float(max(last.n, row.path[0].n + 1)), LEFT, WIDTH - RIGHT)
    down = Axis(-reach, reach, FOOT, TOP)

    def point(n: int, value: float) -> str:
        return f"{across.at(float(n)):g},{down.at(max(-reach, min(reach, times * value))):g}"

    band = " ".join([*(point(p.n, p.high) for p in row.path), *(point(p.n, p.low) for p in reversed(row.path))])
    middle = " ".join(point(p.n, p.difference) for p in row.path)
    lines = [row.margin, -row.margin] if row.harm == "change" else [row.margin]
    margins = [
        element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=down.at(times * v), y2=down.at(times * v), class_="limit")
        for v in lines
    ]
    unit = "%" if row.ratio else "points" if times > 1 else row.unit
    tone, status = TONES[row.status], f"{MARKS[row.status]} {WORDS[row.status]}"
    svg = element(
        "svg",
        element("title", f"{named(row.metric)}: {change(row, row.difference)}, {interval(row)}, margin {margin(row)}"),
        element("text", f"{named(row.metric)}, {unit}", x=LEFT, y=16, class_="told-row"),
        element(
            "text",
            status,
            x=WIDTH - RIGHT,
            y=16,
            text_anchor="end",
            class_="told-status",
        ),
        horizontal_lines(down, LEFT, WIDTH - RIGHT),
        element("polygon", points=band, class_="sequence"),
        element("polyline", points=middle, class_="sequence-mean"),
        element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=down.at(0.0), y2=down.at(0.0), class_="nought"),
        *margins,
        element("text", f"{row.path[0].n:,}", x=LEFT, y=FOOT + 18),
        element("text", plural(last.n, "pair"), x=WIDTH - RIGHT, y=FOOT + 18, text_anchor="end"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"{named(row.metric)} over {plural(last.n, 'pair')}; the table has the figures",
        class_=f"chart small strips line of {tone}",
    )
    return element("div", svg)


def _table(found: Sequence[CanaryMetric]) -> Markup:
    if not found:
        return Markup("")
    heads = ["metric", *(hinted(figure.title, figure.meaning) for figure in FIGURES), "status"]
    lines = []
    for row in found:
        word = element("td", marked(MARKS[row.status], WORDS[row.status], TONES[row.status]))
        cells = [element("td", figure.say(row), class_="n", data_v=figure.value(row)) for figure in FIGURES]
        lines.append([element("th", named(row.metric), scope="row"), *cells, word])
    return table(heads, rows(lines), caption="Metrics", class_="rows sortable brief scores answers")
