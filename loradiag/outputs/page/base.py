"""What is said of the base; how far the evidence for it goes, drawn; and the stamp."""

from __future__ import annotations

from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.outputs.beside import of_base, of_fit, of_intruders, of_stamp, told_by
from loradiag.outputs.facts import short_number
from loradiag.outputs.page.axes import Axis, below
from loradiag.outputs.page.findings import NAMES
from loradiag.outputs.page.markup import Markup, element, folded, join, names, rows, table
from loradiag.outputs.page.summary import terms

WIDTH, HEIGHT, LEFT, RIGHT = 640, 74, 12, 12
_TOP, _BOTTOM = 24, 44
"""The band of the axis that the regions fill."""


def beside_base(report: Report) -> Markup:
    """What the base is, what speaks for it and what against it. Empty without a base."""
    if report.measurements.base is None:
        return Markup("")
    said = terms([*of_base(report), *of_fit(report), *of_intruders(report)])
    return join([said, alignment(report)])


def alignment(report: Report) -> Markup:
    """Where z lies between what speaks against the base and what speaks for it, as far as the policy says where that is."""
    fit, thresholds = report.measurements.fit, report.policy.thresholds
    most = thresholds.get("LD511", {}).get("least_z")
    least = thresholds.get("LD512", {}).get("doubtful_z")
    if fit is None or fit.alignment_z is None or most is None or least is None or least >= most:
        return Markup("")
    z = fit.alignment_z
    if fit.alignment_modules < thresholds["LD512"].get("least_modules", 0):
        return Markup("")
    axis = Axis(min(z, least, 0.0) - 2, max(z, most) * 1.08, LEFT, WIDTH - RIGHT)
    word = "speaks against this base" if z < least else "speaks for this base" if z >= most else "says nothing"
    regions = ((axis.low, least, "against"), (least, most, "open"), (most, axis.high, "for"))
    chart = element(
        "svg",
        *(_region(axis, low, high, kind) for low, high, kind in regions),
        below(axis, _BOTTOM + 16, (most, least)),
        element("path", d=f"M{axis.at(z):g} {_TOP - 4}V{_BOTTOM + 4}", class_="needle"),
        element("text", f"z = {z:.1f}", x=axis.at(z), y=_TOP - 9, text_anchor=_anchor(axis, z), class_="told"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"z = {z:.1f}, which {word}",
        class_="chart evidence-axis",
    )
    caption = (
        f"Alignment {word}. Below {short_number(least)} (hatched) it speaks against it, from {short_number(most)} (filled) "
        f"for it or a close relative; between the two it says nothing. Measured against {fit.permutations:,} relabellings "
        "of the base's hidden units."
    )
    return element("figure", chart, element("p", caption, class_="dim"), class_="axis")


def _region(axis: Axis, low: float, high: float, kind: str) -> Markup:
    left, right = axis.at(low), axis.at(high)
    box = element("rect", x=left, y=_TOP, width=round(right - left, 1), height=_BOTTOM - _TOP, class_=f"region {kind}")
    if kind != "against":
        return box
    # Strokes, not a pattern: a pattern needs an id, and a page may hold many reports.
    step = 7
    count = int((right - left) // step)
    hatch = "".join(f"M{left + index * step:g} {_BOTTOM}l{step} {_TOP - _BOTTOM}" for index in range(count))
    return join([box, element("path", d=hatch, class_="hatch")] if hatch else [box])


def _anchor(axis: Axis, value: float) -> str:
    """Where a label stands so that it does not leave the drawing."""
    share = (axis.at(value) - axis.start) / (axis.end - axis.start)
    return "start" if share < 0.1 else "end" if share > 0.9 else "middle"


def provenance(report: Report) -> Markup:
    """What the stamp says, and whether it holds. Empty where there is none."""
    stamp = report.measurements.provenance
    if stamp is None:
        return Markup("")
    if stamp.problem:
        return element("p", f"{stamp.file} cannot be read: {stamp.problem}")
    lines = [
        [element("th", shorten(label, 100), scope="row"), element("td", shorten(text, 500))]
        for label, text in told_by(stamp)
    ]
    parts = [terms(of_stamp(report)), table(("", ""), rows(lines), caption="Provenance", class_="rows prose")]
    if stamp.differing:
        said = f"{len(stamp.differing):,} of {plural(stamp.parts, 'part')} of the base differ"
        parts.append(folded(said, names(stamp.differing, NAMES, "parts")))
    return join(parts)
