"""Traffic: what it comes to, windows over time and in a table, topics, novel requests, answers."""

from __future__ import annotations

from loradiag.core.drift import Drift, DriftWindow, Exemplar
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.outputs import shifts
from loradiag.outputs.novel import Part, parts
from loradiag.outputs.page.answers import answers
from loradiag.outputs.page.lone import lone
from loradiag.outputs.page.map import request_map
from loradiag.outputs.page.markup import Markup, element, folded, join, name, rows
from loradiag.outputs.page.routes import advice_box
from loradiag.outputs.page.terms import terms
from loradiag.outputs.page.topics import topic_bars
from loradiag.outputs.page.windows import windows
from loradiag.outputs.traffic import routes_said, summary
from loradiag.outputs.trafficfacts import statements
from loradiag.outputs.windowfigures import ROUTE, TO, Figure, figures
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
    heads = [_head(part.title, part.meaning, number=part.right) for part in told]
    lines = rows([_cell(part, row) for part in told] for row in window.exemplars)
    made = element(
        "table",
        element("caption", "Novel requests", class_="hidden"),
        element("thead", element("tr", *heads)),
        element("tbody", lines),
        class_="rows sortable brief exemplars",
    )
    count = sum(row.count for row in window.routes) if window.routes else len(window.exemplars)
    note = f"{when(window)}: {len(window.exemplars):,} of {plural(count, 'novel request')}, of each group the farthest first."
    belong = f" They belong to: {routes_said(window)}." if found.others and window.routes else ""
    return join([element("p", note + belong, class_="dim"), element("div", made, class_="scroll")])


def changed(report: Report) -> Markup:
    """Answers beside earlier ones, with what the figures are. Empty where they were not compared."""
    found = report.measurements.drift
    if found is None or not found.predictions:
        return Markup("")
    meanings = [(figure.title, figure.meaning) for figure in shifts.figures(found, every=True)]
    return join([answers(report, found), folded("What the figures are", terms(meanings), class_="meanings")])


def _head(title: str, meaning: str, *, number: bool) -> Markup:
    return element(
        "th", element("span", title, class_="hint"), scope="col", class_="n" if number else None, title=meaning
    )


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
        element("th", "window", scope="col"),
        element("th", "status", scope="col"),
        *(_head(figure.title, figure.meaning, number=figure.title != ROUTE) for figure in told),
    ]
    shown = found.windows[::-1][:ROWS]
    made = element(
        "table",
        element("caption", "Windows", class_="hidden"),
        element("thead", element("tr", *heads)),
        element("tbody", rows(_line(row, told) for row in shown)),
        class_="rows sortable scores windows",
    )
    note = f"The {ROWS:,} newest of {len(found.windows):,}; the JSON report has all."
    more = element("p", note, class_="dim") if len(found.windows) > ROWS else ""
    return join([element("div", made, class_=f"scroll{' tall' if len(shown) > FEW else ''}"), more])


def _line(row: DriftWindow, told: list[Figure]) -> list[Markup]:
    mark = element("span", MARKS[row.status], aria_hidden="true")
    word = element("b", mark, " ", WORDS[row.status], class_=f"status {TONES[row.status]}")
    return [
        element("th", when(row), scope="row"),
        element("td", word),
        *(_figure(figure, row) for figure in told),
    ]


def _figure(figure: Figure, row: DriftWindow) -> Markup:
    if figure.title == ROUTE:
        return element("td", figure.say(row), class_="nowrap")
    return element("td", figure.say(row), class_="n", data_v=figure.value(row))
