"""Traffic: what it comes to, windows over time and in a table, topics, novel requests, answers."""

from __future__ import annotations

from loradiag.core.drift import Drift, DriftWindow, Exemplar
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.outputs import shifts
from loradiag.outputs.figure import Figure
from loradiag.outputs.novel import Part, parts
from loradiag.outputs.page.answers import answers
from loradiag.outputs.page.lone import lone
from loradiag.outputs.page.map import request_map
from loradiag.outputs.page.markup import Markup, element, folded, hinted, join, marked, name, rows, table
from loradiag.outputs.page.summary import advice_box, terms
from loradiag.outputs.page.topics import topic_bars
from loradiag.outputs.page.windows import windows
from loradiag.outputs.traffic import routes_said, summary
from loradiag.outputs.trafficfacts import statements
from loradiag.outputs.windowfigures import ROUTE, TO, figures
from loradiag.outputs.windows import MARKS, TONES, WORDS, most_shifted, strangest, when

ROWS = 400
"""Rows of the table of windows, the newest; the JSON report has all."""

FEW = 16
"""A table of more rows scrolls in a frame, so that what follows is not far away."""

ANSWERS_NOTE = "Recent days beside the days before them, each day counted once."


def traffic(report: Report) -> Markup:
    """The section. Empty where traffic was not checked."""
    found = report.measurements.drift
    if found is None:
        return Markup("")
    meanings = [(figure.title, figure.meaning) for figure in figures(report, found, every=True)]
    return join(
        [
            advice_box(summary(report, found)),
            terms(statements(found)),
            windows(report, found),
            lone(report, found),
            _table(report, found),
            folded("What the figures are", terms(meanings), class_="meanings") if found.windows else "",
            topic_bars(most_shifted(found.windows)),
            request_map(found),
        ]
    )


def novel(report: Report) -> Markup:
    """Novel requests of the window that shows most of them. Empty where there are none."""
    found = report.measurements.drift
    window = strangest(found.windows) if found else None
    if found is None or window is None or not window.exemplars:
        return Markup("")
    told = parts(window.exemplars)
    heads = [hinted(part.title, part.meaning, number=part.right) for part in told]
    lines = rows([_cell(part, row) for part in told] for row in window.exemplars)
    made = table(heads, lines, caption="Novel requests", class_="rows sortable brief exemplars")
    count = sum(row.count for row in window.routes) if window.routes else len(window.exemplars)
    note = f"{when(window)}: {len(window.exemplars):,} of {plural(count, 'novel request')}, of each group the farthest first."
    belong = f" They belong to: {routes_said(window)}." if found.others and window.routes else ""
    return join([element("p", note + belong, class_="dim"), made])


def changed(report: Report) -> Markup:
    """Answers beside earlier ones, with what the figures are. Empty where they were not compared."""
    found = report.measurements.drift
    if found is None or not found.predictions:
        return Markup("")
    meanings = [(figure.title, figure.meaning) for figure in shifts.figures(found, every=True)]
    return join([answers(report, found), folded("What the figures are", terms(meanings), class_="meanings")])


def _cell(part: Part, row: Exemplar) -> Markup:
    said = part.say(row)
    if part.title == "request":
        return element("th", name(said), scope="row")
    if part.right:
        return element("td", said, class_="n", data_v=_sorted_by(part, row))
    return element("td", said, class_="nowrap" if part.title in ("time", "route") else None)


def _sorted_by(part: Part, row: Exemplar) -> float:
    values = {"cosine": row.cosine, "p": row.p, "nearest": row.neighbour, "topic": row.topic, "alike": row.group}
    return values[part.title]


def _table(report: Report, found: Drift) -> Markup:
    if not found.windows:
        return Markup("")
    told = [figure for figure in figures(report, found, every=True) if figure.title != TO]
    heads = [
        "window",
        "status",
        *(hinted(figure.title, figure.meaning, number=figure.title != ROUTE) for figure in told),
    ]
    shown = found.windows[::-1][:ROWS]
    made = table(
        heads,
        rows(_line(row, told) for row in shown),
        caption="Windows",
        class_="rows sortable scores windows",
        tall=len(shown) > FEW,
    )
    note = f"The {ROWS:,} newest of {len(found.windows):,}; the JSON report has all."
    more = element("p", note, class_="dim") if len(found.windows) > ROWS else ""
    return join([made, more])


def _line(row: DriftWindow, told: list[Figure[DriftWindow]]) -> list[Markup]:
    word = marked(MARKS[row.status], WORDS[row.status], TONES[row.status])
    return [
        element("th", when(row), scope="row"),
        element("td", word),
        *(_figure(figure, row) for figure in told),
    ]


def _figure(figure: Figure[DriftWindow], row: DriftWindow) -> Markup:
    if figure.title == ROUTE:
        return element("td", figure.say(row), class_="nowrap")
    return element("td", figure.say(row), class_="n", data_v=figure.value(row))
