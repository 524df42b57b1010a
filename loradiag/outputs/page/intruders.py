"""Intruder dimensions: for every leading direction of the merged weight its best match in the base, as strips."""

from __future__ import annotations

from loradiag.core.beside import IntruderModule
from loradiag.core.report import Report
from loradiag.core.text import listed, plural
from loradiag.outputs.facts import short_number
from loradiag.outputs.page.colors import step_of
from loradiag.outputs.page.legends import scale_bar
from loradiag.outputs.page.markup import Markup, element, folded, join, name, rows, table
from loradiag.outputs.page.modules import FIRST

NOTE = (
    "Each cell is one of the leading directions of the merged weight, strongest first, with its best cosine among the "
    "directions of the base. An intruder matches nothing there."
)

_STRIPS = 60
"""Strips shown at most, those with the most intruders first."""


def intruders(report: Report, most: int) -> Markup:
    """The match of every leading direction, the modules with the most intruders first."""
    measured = report.measurements.intruders
    found = [row for row in measured.modules if row.count is not None] if measured else []
    if not found:
        return Markup("")
    ranked = sorted(found, key=lambda row: -(row.count or 0))
    chosen = ranked[: min(most, _STRIPS)]
    lines = [_strip(row) for row in chosen]
    heads = ("module", "#intruders", f"best cosine, directions 1 to {max(row.k for row in chosen)}")
    first = table(heads, rows(lines[:FIRST]), caption="Modules with the most intruder dimensions", class_="rows")
    parts = [first, _legend(chosen)]
    if len(lines) > FIRST:
        left_out = len(found) - len(chosen)
        note = element("p", f"{left_out:,} more are in the JSON report.", class_="dim") if left_out else ""
        every = table(heads, rows(lines), caption="Intruder dimensions", class_="rows")
        summary = (
            f"The first {len(lines):,} of {plural(len(found), 'module')}" if left_out else f"All {len(lines):,} modules"
        )
        parts.append(folded(summary, note, every, class_="all"))
    return join(parts)


def _strip(row: IntruderModule) -> list[Markup]:
    cells = [
        element("span", _short(match), class_=f"v{step_of(match)}" if match >= row.epsilon else "lone")
        for match in row.matches
    ]
    count = f"{'' if row.certified else '~'}{row.count}/{row.k}"
    return [
        element("th", name(row.name), scope="row"),
        element("td", count, class_="n", data_v=row.count),
        element("td", element("div", *cells, class_="strip")),
    ]


def _short(match: float) -> str:
    """A cosine without the zero that all of them begin with."""
    return "1" if match >= 0.995 else f"{match:.2f}".lstrip("0")


def _legend(shown: list[IntruderModule]) -> Markup:
    bounds = listed([short_number(epsilon) for epsilon in sorted({row.epsilon for row in shown})], 3)
    first = step_of(min(row.epsilon for row in shown))
    parts = [
        element("span", element("b", "", class_="key lone", aria_hidden="true"), f" intruder: below ε = {bounds}"),
        element("span", "from there ", scale_bar(first), " 1"),
    ]
    if not all(row.certified for row in shown):
        parts.append(element("span", "~ not certified: bounds leave another count possible"))
    return element("p", *parts, class_="legend")
