"""Merge drift: how to deploy, every route in a table, and what changed since an earlier report."""

from __future__ import annotations

from loradiag.core.merge import Merge, Route
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, shorten
from loradiag.outputs.deploying import advice
from loradiag.outputs.figure import Figure
from loradiag.outputs.merging import CHANGES, changes, since, statements
from loradiag.outputs.page.findings import NAMES
from loradiag.outputs.page.markup import Markup, element, folded, hinted, join, marked, name, names, rows, table
from loradiag.outputs.page.strips import strips
from loradiag.outputs.page.summary import advice_box, terms
from loradiag.outputs.routefigures import figures
from loradiag.outputs.routes import ASKED, MARKS, WORDS, called, codes, left_out, measured, unfolded


def routes(report: Report) -> Markup:
    """The section. Empty where routes were not measured."""
    merge = report.measurements.merge
    if merge is None:
        return Markup("")
    parts = [
        advice_box(advice(report)),
        terms(statements(merge)),
        _table(report, merge, figures(merge)) if measured(merge) else Markup(""),
        _below(merge),
        strips(report),
        _since(merge),
        _meanings(merge),
        _unfolded(merge),
    ]
    return join(parts)


def _meanings(merge: Merge) -> Markup:
    """What pointers are told, for those who have none."""
    if not measured(merge):
        return Markup("")
    said = [
        *((figure.title, figure.meaning) for figure in figures(merge, every=True)),
        *((called(row.route), shorten(row.summary, 120)) for row in measured(merge)),
    ]
    return folded("What the figures and the routes are", terms(said), class_="meanings")


def _table(report: Report, merge: Merge, told: list[Figure[Route]]) -> Markup:
    heads = ["route", *(hinted(figure.title, figure.meaning) for figure in told), "status", "findings"]
    body = rows(
        [_name(row, merge), *(_figure(figure, row) for figure in told), *_status(report, row)]
        for row in measured(merge)
    )
    return table(heads, body, caption="Routes", class_="rows sortable brief routes")


def _name(row: Route, merge: Merge) -> Markup:
    asked = element("span", ASKED, class_="asked", title="asked for: must keep the adapter") if row.gated else ""
    tag = element("b", "recommended", class_="tag good") if row.route == merge.recommended else ""
    code = element("code", called(row.route), class_="hint", title=shorten(row.summary, 120))
    return element("th", asked, code, tag, scope="row")


def _figure(figure: Figure[Route], row: Route) -> Markup:
    said = None
    if figure.title == "gain" and row.predicted_gain is not None and row.gain is not None:
        said = f"predicted of Gaussian weights: {row.predicted_gain:.4g}; measured: {row.gain:.4g}"
    return element("td", figure.say(row), class_="n", data_v=figure.value(row), title=said)


def _status(report: Report, row: Route) -> list[Markup]:
    found = codes(report, row)
    word = marked(MARKS.get(row.status, "?"), WORDS.get(row.status, row.status), row.status)
    said = [element("b", code) for code in found.decided] + [element("small", code) for code in found.noted]
    spaced = [part for piece in said for part in (piece, " ")][:-1]
    return [element("td", word), element("td", *spaced, class_="codes")]


def _below(merge: Merge) -> Markup:
    """What the table does not hold, in words."""
    lines = []
    if any(row.gated for row in measured(merge)):
        lines.append(element("p", f"{ASKED} asked for: must keep the adapter.", class_="dim"))
    for reason, left in left_out(merge):
        lines.append(element("p", f"Not applicable: {listed(left, 20)} ({reason}).", class_="dim"))
    return join(lines)


def _since(merge: Merge) -> Markup:
    if merge.prior is None:
        return Markup("")
    found = changes(merge)
    said = element("p", "Compared with ", element("b", since(merge.prior)), ".", class_="since")
    if not found:
        return join([said, element("p", "It has none of these routes.", class_="dim")])
    filled = [(field, title) for field, title in CHANGES if any(getattr(change, field) for change in found)]
    lines = [
        [
            element("th", element("code", change.route), scope="row"),
            *(element("td", getattr(change, field) or "–", class_="n") for field, _ in filled),
        ]
        for change in found
    ]
    heads = ("route", *(f"#{title}" for _, title in filled))
    return join([said, table(heads, rows(lines), caption="Compared with an earlier report", class_="rows prose")])


def _unfolded(merge: Merge) -> Markup:
    """Parts that no route holds, with the reason of each."""
    found = unfolded(merge)
    if not found:
        return Markup("")
    reasons: dict[str, list[str]] = {}
    for part, reason in found.items():
        reasons.setdefault(reason, []).append(part)
    lines = [
        [element("th", _parts(parts), scope="row"), element("td", shorten(reason, 400))]
        for reason, parts in list(reasons.items())[:NAMES]
    ]
    summary = f"{plural(len(found), 'part')} of the adapter cannot be folded"
    return folded(summary, table(("part", "why"), rows(lines), caption=summary, class_="rows prose"))


def _parts(parts: list[str]) -> Markup:
    return name(parts[0]) if len(parts) == 1 else names(parts, NAMES, "parts")
