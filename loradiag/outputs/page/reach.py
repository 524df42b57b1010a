"""What the adapter reaches of its base: targets, what is never reached, and what does not fit, with full names."""

from __future__ import annotations

from loradiag.core.reach import Reach
from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.outputs.beside import of_reach, shape
from loradiag.outputs.page.findings import NAMES
from loradiag.outputs.page.markup import Markup, element, folded, join, name, names, rows, table
from loradiag.outputs.page.summary import terms


def reach(report: Report) -> Markup:
    """Sentences, then tables, then what is wrong. Empty without a base."""
    found = report.measurements.reach
    if found is None:
        return Markup("")
    return join([terms(of_reach(found)), _unreached(found), _lost(found), _targets(found)])


def _unreached(found: Reach) -> Markup:
    if not found.unreached:
        return Markup("")
    lines = [
        [
            element("th", folded(name(shorten(row.pattern, 200)), names(row.names, NAMES, "weights")), scope="row"),
            element("td", row.role),
            element("td", f"{len(row.names):,}", class_="n"),
        ]
        for row in found.unreached[:NAMES]
    ]
    return table(("never reached", "role", "#weights"), rows(lines), caption="Never reached", class_="rows")


def _targets(found: Reach) -> Markup:
    if not found.targets:
        return Markup("")
    lines = [
        [
            element("th", name(shorten(row.target, 200)), scope="row"),
            element("td", row.kind),
            element("td", f"{row.resolved:,}", class_="n"),
            element("td", f"{row.adapted:,}", class_="n"),
            element("td", "" if row.resolved == row.adapted else element("b", "differs", class_="tag")),
        ]
        for row in found.targets[:NAMES]
    ]
    heads = ("target", "kind", "#in the base", "#adapted", "")
    return table(heads, rows(lines), caption="Targets in the base", class_="rows")


def _lost(found: Reach) -> Markup:
    parts = [
        folded(f"{plural(len(listed), 'module')} {noun}", names(listed, NAMES, "modules"))
        for noun, listed in (("not in the base", found.absent), ("targeted, without factors", found.skipped))
        if listed
    ]
    if found.mismatched:
        lines = [
            [
                element("th", name(row.name), scope="row"),
                element("td", shape(row.adapter), class_="n"),
                element("td", shape(row.base), class_="n"),
            ]
            for row in found.mismatched[:NAMES]
        ]
        heads = ("of another shape", "#adapter", "#base")
        parts.append(table(heads, rows(lines), caption="Modules of another shape", class_="rows"))
    return join(parts)
