"""Forgetting: what it comes to, the forest plot and the table of scores, and the documents that changed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from loradiag.core.forgetting import Forgetting, Score
from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.outputs.figure import Figure
from loradiag.outputs.forgetting import statements, summary, tally
from loradiag.outputs.page.flips import flips
from loradiag.outputs.page.forest import forest
from loradiag.outputs.page.markup import Markup, element, folded, hinted, join, marked, rows
from loradiag.outputs.page.summary import advice_box, terms
from loradiag.outputs.questions import (
    LEARNED,
    MARKS,
    TONES,
    WORDS,
    Asked,
    asked,
    called,
    codes,
    flat,
    learned,
    others,
    parts,
    served,
)
from loradiag.outputs.scorefigures import figures
from loradiag.outputs.scores import BETTER, INTERVALS, WORSE, gain

ROWS = 400
"""Rows of one table; the JSON report has all."""

_KINDS = ("group", "task", "text")


def forgetting(report: Report) -> Markup:
    """The section. Empty where no task was asked."""
    found = report.measurements.forgetting
    if found is None:
        return Markup("")
    own, learnt = asked(found), learned(found)
    told = figures(flat([*own, *learnt]), every=True)
    shown_parts = [
        advice_box(summary(report, found)),
        terms(statements(report, found)),
        forest(_blocks(own), "What was asked"),
        _table(report, own, told, learnt),
        _reasons(flat(own)),
        _parts(report, found),
        _others(report, found),
        folded("What the figures are", terms((figure.title, figure.meaning) for figure in told), class_="meanings")
        if own
        else Markup(""),
    ]
    return join(shown_parts)


def documents(report: Report) -> Markup:
    """The documents that changed. Empty where the report has none."""
    found = report.measurements.forgetting
    return flips(found) if found is not None else Markup("")


def _blocks(questions: Sequence[Asked]) -> list[list[Asked]]:
    """Groups, tasks and texts apart."""
    return [[rows for rows in questions if rows[0].role == kind] for kind in _KINDS]


def _table(
    report: Report, questions: Sequence[Asked], told: Sequence[Figure[Score]], apart: Sequence[Asked] = ()
) -> Markup:
    if not questions and not apart:
        return Markup("")
    heads = [
        element("th", "task", scope="col"),
        element("th", "status", scope="col"),
        *(hinted(figure.title, figure.meaning, number=figure.title != "metric") for figure in told),
        element("th", "findings", scope="col"),
    ]
    scores = flat(questions)
    bodies = [element("tbody", rows(_line(report, score, told) for score in scores[:ROWS]))]
    if apart:
        head = element("th", LEARNED, colspan=len(told) + 3, scope="rowgroup", class_="rowgroup")
        lines = rows(_line(report, score, told) for score in flat(apart))
        bodies.append(element("tbody", element("tr", head), lines))
    caption = element("caption", "Scores", class_="hidden")
    made = element("table", caption, element("thead", element("tr", *heads)), *bodies, class_="rows sortable scores")
    note = f"The {ROWS:,} worst of {len(scores):,}; the JSON report has all."
    more = element("p", note, class_="dim") if len(scores) > ROWS else ""
    return join([element("div", made, class_="scroll"), more])


def _line(report: Report, score: Score, told: Sequence[Figure[Score]]) -> list[Markup]:
    word, found = _status(report, score)
    return [_name(score), word, *(_figure(figure, score) for figure in told), found]


def _name(score: Score) -> Markup:
    tag = element("small", plural(len(score.parts), "task"), class_="after") if score.role == "group" else ""
    route = element("span", served(score), class_="as") if score.route is not None else ""
    return element("th", _broken(called(score.task)), tag, route, scope="row")


def _broken(text: str) -> Markup:
    """A name in a code face, which may be broken after its underscores."""
    wbr = element("wbr")
    return element("code", *(part for piece in re.split(r"(?<=[_./-])", text) for part in (piece, wbr)))


def _figure(figure: Figure[Score], score: Score) -> Markup:
    if figure.title == "metric":
        return element("td", figure.say(score), class_="nowrap")
    said = None
    if figure.title == "95% interval" and score.interval is not None:
        said = INTERVALS.get(score.interval)
    if figure.title == "sources" and score.cluster_field is not None:
        said = f"by {shorten(score.cluster_field, 40)}"
    way = _way(score) if figure.title == "difference" else ""
    return element("td", figure.say(score), class_=f"n{way}", data_v=figure.value(score), title=said)


def _way(score: Score) -> str:
    turned = gain(score, score.difference)
    return "" if not turned else " up" if turned > 0 else " down"


def _status(report: Report, score: Score) -> tuple[Markup, Markup]:
    if score.role == "domain" or not score.primary:
        return element("td"), element("td")
    found = codes(report, score)
    word = marked(MARKS[score.status], WORDS[score.status], TONES[score.status])
    grave = [part for code in found.decided for part in (" ", element("b", f"✗ {code}", class_="status fail"))]
    noted = [part for code in found.noted for part in (element("small", code), " ")]
    return element("td", word, *grave), element("td", *noted[:-1], class_="codes")


def _reasons(scores: Sequence[Score]) -> Markup:
    """Why figures are missing, and what the marks mean."""
    lines = [
        f"{called(score.task)} {served(score)}".strip() + f": {shorten(score.reason, 300)}."
        for score in scores
        if score.reason
    ]
    marks = f"{BETTER} better, {WORSE} worse; numbers in percent count gains up, whatever the metric." if scores else ""
    return join(element("p", line, class_="dim") for line in [marks, *dict.fromkeys(lines)][:30] if line)


def _parts(report: Report, found: Forgetting) -> Markup:
    """Parts of groups, which are not judged by themselves."""
    questions = parts(found)
    if not questions:
        return Markup("")
    told = figures(flat(questions), every=True)
    summary_ = f"{plural(len(questions), 'part')} of groups: {tally(flat(questions)).counts}"
    return folded(
        summary_, forest(_blocks(questions), "Parts of groups"), _table(report, questions, told), class_="deeper"
    )


def _others(report: Report, found: Forgetting) -> Markup:
    """Metrics that tasks are not judged by."""
    questions = others(found)
    if not questions:
        return Markup("")
    table = _table(report, questions, figures(flat(questions)))
    return folded(f"Other metrics ({len(questions):,})", table, class_="deeper")
