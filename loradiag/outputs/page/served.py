"""What is served: what it comes to, times to the first token drawn, and a table."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.report import Report
from loradiag.core.served import Served, ServedModel, ServedTimes
from loradiag.core.text import plural
from loradiag.outputs.page.axes import Axis, below
from loradiag.outputs.page.markup import Markup, element, folded, hinted, join, marked, table
from loradiag.outputs.page.markup import rows as table_rows
from loradiag.outputs.page.shapes import MARK
from loradiag.outputs.page.summary import advice_box, terms
from loradiag.outputs.served import FIGURES, MARKS, milliseconds, named, ratio, rows, statements, status, summary

WIDTH, LEFT, RIGHT, ROW, TOP, BOTTOM = 980, 250, 190, 26, 30, 30
_NOTE = (
    "Time to the first token, in milliseconds: circles are medians right after a request to the same name, diamonds right "
    "after one to another; lines reach to the 95th percentile. Beside it: switch over stay, with its 95% interval."
)
_COLUMNS = FIGURES[:-1]
"""The drawing has the ratio of times."""

MOST = 60
"""Adapters that are drawn."""


def served(report: Report) -> Markup:
    """The section. Empty where nothing is served."""
    found = report.measurements.served
    if found is None:
        return Markup("")
    meanings = [(figure.title, figure.meaning) for figure in FIGURES]
    return join(
        [
            advice_box(summary(found)),
            terms(statements(found)),
            _table(rows(found)),
            _chart(found),
            _examples(found),
            folded("What the figures are", terms(meanings), class_="meanings"),
        ]
    )


def _table(found: Sequence[ServedModel]) -> Markup:
    heads = ["name", "status", *(hinted(figure.title, figure.meaning) for figure in _COLUMNS)]
    lines = []
    for row in found:
        tone, said = status(row)
        base = element("small", " base") if row.role == "base" else ""
        cells = [element("td", figure.say(row), class_="n", data_v=figure.value(row)) for figure in _COLUMNS]
        word = element("td", marked(MARKS[tone], said, tone))
        lines.append([element("th", named(row.name, 80), base, scope="row"), word, *cells])
    return table(heads, table_rows(lines), caption="What is served", class_="rows sortable brief scores answers")


def _chart(found: Served) -> Markup:
    """A row a name, on one axis."""
    timed = [(row, row.times) for row in rows(found) if row.times is not None and row.times.n][:MOST]
    values = [value for _, times in timed for value in _ends(times)]
    if not values:
        return Markup("")
    foot = TOP + ROW * len(timed)
    axis = Axis(0.0, 1.05 * max(values), LEFT + 14, WIDTH - RIGHT)
    ticks = [element("line", x1=axis.at(v), x2=axis.at(v), y1=TOP, y2=foot, class_="rule") for v in axis.ticks()]
    svg = element(
        "svg",
        element("desc", ", ".join(f"{named(row.name)} {ratio(times)}" for row, times in timed[:20])),
        *ticks,
        below(axis, foot + 18),
        element("text", "first token, ms", x=LEFT + 14, y=16, class_="told"),
        element("text", "switch/stay", x=WIDTH - RIGHT + 16, y=16, class_="told"),
        *(_row(row, times, axis, TOP + ROW * (index + 0.5)) for index, (row, times) in enumerate(timed)),
        viewBox=f"0 0 {WIDTH} {foot + BOTTOM}",
        role="img",
        aria_label=f"Time to the first token of {plural(len(timed), 'name')}; the table has the figures",
        class_="chart strips forest times",
    )
    return join([element("p", _NOTE, class_="dim"), element("div", svg, class_="scroll")])


def _ends(times: ServedTimes) -> list[float]:
    return [value for value in (times.stay, times.stay_p95, times.switch, times.switch_p95) if value is not None]


def _row(row: ServedModel, times: ServedTimes, axis: Axis, y: float) -> Markup:
    said = f"{named(row.name, 80)}: {milliseconds(times.stay)}, after a switch {milliseconds(times.switch)}, {ratio(times)}"
    return element(
        "g",
        element("title", said),
        element("rect", x=0, y=y - ROW / 2, width=WIDTH, height=ROW, class_="hit"),
        element("text", named(row.name, 32), x=LEFT, y=y + 4, text_anchor="end", class_="told-row"),
        _mark(times.stay, times.stay_p95, axis, y - 4, "pass"),
        _mark(times.switch, times.switch_p95, axis, y + 5, "inconclusive"),
        element("text", ratio(times), x=WIDTH - RIGHT + 16, y=y + 4, class_="told-row"),
        class_="line of",
    )


def _mark(middle: float | None, far: float | None, axis: Axis, y: float, shape: str) -> Markup:
    if middle is None or far is None:
        return Markup("")
    return element(
        "g",
        element("line", x1=axis.at(middle), x2=axis.at(far), y1=y, y2=y, class_="span"),
        element("path", d=MARK[shape], transform=f"translate({axis.at(middle):g} {y:g})", class_="mark"),
    )


def _examples(found: Served) -> Markup:
    """Answers that changed under load: texts, or the first digits of their hashes."""
    said = []
    for row in rows(found):
        for example in row.examples:
            whose = f", which is what {named(example.equals)} says" if example.equals is not None else ""
            parts = [
                f"{label} {part.sha256 if part.text is None else named(part.text, 400)} ({part.characters:,} characters)"
                for label, part in (("alone", example.alone), ("under load", example.loaded))
            ]
            said.append((f"{named(row.name)}, prompt {example.prompt:,}", f"{'; '.join(parts)}{whose}"))
    return folded(f"Answers that changed under load ({len(said):,})", terms(said)) if said else Markup("")
