"""Where in the model each route keeps the update: gains by layer and by role, as tables whose colours repeat numbers."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.report import Report
from loradiag.core.text import listed
from loradiag.outputs.gainmaps import Cell, Map, ends, keeps, maps
from loradiag.outputs.page.colors import step_of
from loradiag.outputs.page.heatmap import density
from loradiag.outputs.page.legends import scale_bar
from loradiag.outputs.page.markup import Markup, element, folded, join, name, rows
from loradiag.outputs.routefigures import gain_words
from loradiag.outputs.routes import called, measured

_NOTE = (
    "Delta gain of what each route stores: 1 keeps the update, 0 is the base again. Routes that keep it everywhere are "
    "named below and not drawn."
)


def gains(report: Report) -> Markup:
    """The maps of the routes that lose something somewhere, and in words the others. Empty where nothing was measured."""
    merge = report.measurements.merge
    found = [row for row in measured(merge) if row.modules] if merge else []
    if not any(module.gain is not None or module.nonfinite for row in found for module in row.modules):
        return Markup("")
    parts = []
    lossy, whole = [row for row in found if not keeps(row)], [row for row in found if keeps(row)]
    if lossy:
        drawn = maps(lossy)
        parts += [element("p", _NOTE, class_="dim"), *map(_table, drawn), _legend(drawn)]
    if whole:
        low, high = map(gain_words, ends(whole))
        names = listed([called(row.route) for row in whole], 20)
        parts.append(
            element("p", f"The delta gain of every module lies between {low} and {high}: {names}.", class_="dim")
        )
    return join(parts)


def _table(drawn: Map) -> Markup:
    dense = drawn.numbered and density(len(drawn.heads)) == "map dense"
    heads = [element("td")] + [
        element("th", element("span", head), scope="col", class_="quiet" if dense and _hushed(head, index) else None)
        for index, head in enumerate(drawn.heads)
    ]
    body = rows([element("th", called(route), scope="row"), *map(_cell, cells)] for route, cells in drawn.lines.items())
    parts = [
        element("caption", drawn.title, class_="nowrap"),
        element("thead", element("tr", *heads)),
        element("tbody", body),
    ]
    class_ = density(len(drawn.heads)) if drawn.numbered else "map wide words"
    made = element("div", element("table", *parts, class_=class_), class_="scroll")
    if not drawn.names:
        return made
    items = (element("li", name(text)) for text in drawn.names)
    return join([made, folded("The modules by their numbers", element("ol", *items, class_="names numbers"))])


def _hushed(head: str, index: int) -> bool:
    return bool(index) and not (head.isdigit() and int(head) % 5 == 0)


def _cell(cell: Cell | None) -> Markup:
    if cell is None:
        return element("td", class_="absent")
    if cell.broken:
        return element("td", "!", class_="broken", title=f"{cell.said}, not finite")
    if cell.value is None:
        return element("td", "–", class_="unknown", title=cell.said)
    number = f"{cell.value:.2f}" if abs(cell.value) < 10 else gain_words(cell.value)
    return element("td", number, class_=f"v{step_of(cell.value)}", title=cell.said)


def _legend(drawn: Sequence[Map]) -> Markup:
    every = [cell for table in drawn for line in table.lines.values() for cell in line]
    cells = [cell for cell in every if cell is not None]
    parts = [element("span", "0 erased ", scale_bar(), " 1 kept")]
    if any(cell.broken for cell in cells):
        parts.append(element("span", element("b", "!", class_="key broken", aria_hidden="true"), " not finite"))
    if any(cell.value is None and not cell.broken for cell in cells):
        parts.append(element("span", "–: zero, or not measured"))
    if len(cells) < len(every):
        parts.append(element("span", "blank: not adapted"))
    if any(cell.several for cell in cells):
        parts.append(element("span", "layers of several modules show their median"))
    return element("p", *parts, class_="legend")
