"""The watch: evidence of each signal on its way to the line that alarms, a table of the figures, and alarms."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.core.watching import Watch, WatchSignal
from loradiag.outputs.page.axes import Axis, below
from loradiag.outputs.page.intervals import LETTER
from loradiag.outputs.page.markup import Markup, element, folded, hinted, join, rows, table
from loradiag.outputs.page.shapes import MARK
from loradiag.outputs.page.summary import advice_box, terms
from loradiag.outputs.watch import (
    ALARM_HEADS,
    FIGURES,
    alarm_cells,
    called,
    e_words,
    statements,
    summary,
    told,
    way,
)

WIDTH, LEFT, RIGHT, ROW, TOP, BOTTOM = 1080, 240, 330, 26, 34, 28
_CLASS = "rows sortable brief scores answers"
_LOW = 0.1
_HIGHEST = 1e9
"""No axis reaches farther."""


def watch(report: Report) -> Markup:
    """The section. Empty where there is no watch."""
    found = report.measurements.watch
    if found is None:
        return Markup("")
    shown = told(found)
    meanings = [(figure.title, figure.meaning) for figure in FIGURES]
    return join(
        [
            advice_box(summary(found)),
            terms(statements(found)),
            _bars(shown),
            _table(shown),
            folded("What the figures are", terms(meanings), class_="meanings") if shown else "",
            _alarms(found),
        ]
    )


def _bars(shown: Sequence[WatchSignal]) -> Markup:
    """E-values on a logarithmic scale: now as a bar, the highest as a tick, the line as a mark."""
    if not shown:
        return Markup("")
    top = max(max(row.line, min(row.peak, _HIGHEST)) for row in shown)
    axis = Axis(_LOW, min(top * 4, _HIGHEST), LEFT + 14, WIDTH - RIGHT, log=True)
    foot = TOP + ROW * len(shown)
    svg = element(
        "svg",
        element("text", "e-value, logarithmic", x=LEFT + 14, y=16, class_="told"),
        element("text", "now", x=WIDTH - RIGHT + 90, y=16, text_anchor="end", class_="told"),
        element("text", "line", x=WIDTH - RIGHT + 170, y=16, text_anchor="end", class_="told"),
        element("text", "status", x=WIDTH - RIGHT + 200, y=16, class_="told"),
        *(element("line", x1=axis.at(v), x2=axis.at(v), y1=TOP, y2=foot, class_="rule") for v in axis.ticks()),
        element("line", x1=axis.at(1.0), x2=axis.at(1.0), y1=TOP - 5, y2=foot, class_="nought"),
        below(axis, foot + 16, (1.0,)),
        *(_row(row, TOP + ROW * (index + 0.5), axis) for index, row in enumerate(shown)),
        viewBox=f"0 0 {WIDTH} {foot + BOTTOM}",
        role="img",
        aria_label=f"Evidence of {plural(len(shown), 'signal')}; the table has the figures",
        class_="chart strips forest",
    )
    legend = element(
        "p",
        element("span", "bar: evidence now; ring: its highest; upright stroke: the line that alarms"),
        class_="legend marks",
    )
    return join([element("div", svg, class_="scroll"), legend])


def _row(row: WatchSignal, y: float, axis: Axis) -> Markup:
    share = way(row)
    tone, mark, word = ("fail", "✗", "alarm") if share >= 1 else ("pass", "✓", "calm")
    if 0.5 <= share < 1:
        tone, mark, word = "inconclusive", "…", "evidence"
    now = axis.at(max(row.e_value, _LOW))
    line = axis.at(row.line)
    name = shorten(called(row), int((LEFT - 10) / LETTER))
    return element(
        "g",
        element(
            "title",
            f"{called(row)}: e-value {e_words(row.e_value)}, highest {e_words(row.peak)}, line {e_words(row.line)}",
        ),
        element("rect", x=0, y=y - ROW / 2, width=WIDTH, height=ROW, class_="hit"),
        element("text", name, x=LEFT, y=y + 4, text_anchor="end", class_="told-row"),
        element("line", x1=axis.at(_LOW), x2=now, y1=y, y2=y, class_="span"),
        element("path", d=MARK[tone], transform=f"translate({now:g} {y:g}) scale(1.15)", class_="mark"),
        element(
            "circle", cx=axis.at(max(row.peak, _LOW)), cy=y, r=4, class_="ring", fill="none", stroke="currentColor"
        ),
        element(
            "line", x1=line, x2=line, y1=y - 9, y2=y + 9, class_="line-mark", stroke="currentColor", stroke_width=2
        ),
        element("text", e_words(row.e_value), x=WIDTH - RIGHT + 90, y=y + 4, text_anchor="end", class_="told-row"),
        element("text", e_words(row.line), x=WIDTH - RIGHT + 170, y=y + 4, text_anchor="end"),
        element("text", f"{mark} {word}", x=WIDTH - RIGHT + 200, y=y + 4, class_="told-status"),
        class_=f"line of {tone}",
    )


def _table(shown: Sequence[WatchSignal]) -> Markup:
    if not shown:
        return Markup("")
    heads = ["signal", *(hinted(figure.title, figure.meaning) for figure in FIGURES)]
    lines = [
        [
            element("th", called(row), scope="row"),
            *(element("td", figure.say(row), class_="n", data_v=figure.value(row)) for figure in FIGURES),
        ]
        for row in shown
    ]
    return table(heads, rows(lines), caption="Signals", class_=_CLASS)


def _alarms(found: Watch) -> Markup:
    if not found.alarms:
        return Markup("")
    lines = [[element("td", cell) for cell in alarm_cells(alarm)] for alarm in found.alarms]
    return join([element("h3", "Alarms"), table(ALARM_HEADS, rows(lines), caption="Alarms", class_=_CLASS)])
