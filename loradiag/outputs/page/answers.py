"""What the model answered, recent days beside earlier ones: a forest plot a unit, and a table."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.drift import Drift, PredictionShift
from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.outputs import shifts
from loradiag.outputs.page.axes import Axis, below
from loradiag.outputs.page.intervals import LETTER
from loradiag.outputs.page.legends import picture
from loradiag.outputs.page.markup import Markup, element, hinted, join, marked, rows, table
from loradiag.outputs.page.shapes import BEYOND, MARK, SHAPES

WIDTH, LEFT, ROW, TOP, BOTTOM, NUMBERS = 1080, 270, 24, 30, 26, 340
SHAPE = {"steady": MARK["pass"], "moved": MARK["fail"], "undecided": "M-3.4-3.4h6.8v6.8h-6.8Z", "unjudged": SHAPES[2]}
"""The shape of a status, so that it can be told without colour."""

_CHANGE, _INTERVAL, _STATUS = WIDTH - 268, WIDTH - 250, WIDTH - 110
_MOST = 1000.0
"""No axis reaches farther, and intervals that do have no room for their numbers."""

_FAR = 4.0
"""An axis reaches so many times as far as the last but one of its rows does; the last may lie beyond it."""


def answers(report: Report, found: Drift) -> Markup:
    """The drawings with their legend, and the table; empty where answers were not compared."""
    if not found.predictions:
        return Markup("")
    ratios = [row for row in found.predictions if shifts.is_ratio(row)]
    shares = [row for row in found.predictions if shifts.is_share(row)]
    others = [row for row in found.predictions if row not in ratios and row not in shares]
    drawings = [
        _forest(report, ratios, "change, % of what was before", 100.0),
        _forest(report, shares, "change, percentage points", 100.0),
        *(_forest(report, [row], f"change, {shifts.unit(row)}".rstrip(", "), 1.0) for row in others),
    ]
    return join([*drawings, _legend(report, found), _table(report, found)])


def _forest(report: Report, found: Sequence[PredictionShift], title: str, times: float) -> Markup:
    """Measures of one unit; those without a change are in the table alone."""
    drawn = [row for row in found if row.change is not None]
    if not drawn:
        return Markup("")
    axis = _axis(drawn, times)
    foot = TOP + ROW * len(drawn)
    ticks = [
        element("line", x1=axis.at(tick), x2=axis.at(tick), y1=TOP, y2=foot, class_="rule") for tick in axis.ticks()
    ]
    svg = element(
        "svg",
        element("text", title, x=LEFT + 14, y=14, class_="told"),
        element("text", "change", x=_CHANGE, y=14, text_anchor="end", class_="told"),
        element("text", "95% interval", x=_INTERVAL, y=14, class_="told"),
        element("text", "status", x=_STATUS, y=14, class_="told"),
        *ticks,
        element("line", x1=axis.at(0.0), x2=axis.at(0.0), y1=TOP - 5, y2=foot, class_="nought"),
        below(axis, foot + 16, (0.0,)),
        *(_row(report, row, TOP + ROW * (index + 0.5), axis, times) for index, row in enumerate(drawn)),
        viewBox=f"0 0 {WIDTH} {foot + BOTTOM}",
        role="img",
        aria_label=f"{title}: {plural(len(drawn), 'measure')} of answers; the table has the figures",
        class_="chart strips forest",
    )
    return element("div", svg, class_="scroll")


def _axis(drawn: Sequence[PredictionShift], times: float) -> Axis:
    """Around nothing and all intervals; a single one that is far off is cut."""
    reach = sorted(max(abs(times * value) for value in _ends(row)) for row in drawn)
    most = min(reach[-1] if len(reach) < 2 else min(reach[-1], _FAR * reach[-2] or reach[-1]), _MOST)
    inside = [min(max(times * value, -most), most) for row in drawn for value in _ends(row)]
    low, high = min(*inside, 0.0), max(*inside, 0.0)
    air = (high - low) * 0.06 or 1.0
    return Axis(low - air, high + air, LEFT + 14, WIDTH - NUMBERS)


def _ends(row: PredictionShift) -> list[float]:
    return [value for value in (row.change, row.ci_low, row.ci_high) if value is not None]


def _row(report: Report, row: PredictionShift, y: float, axis: Axis, times: float) -> Markup:
    became = shifts.standing(report, row)
    point = times * (row.change or 0.0)
    far = any(abs(times * end) > _MOST for end in _ends(row))
    change, interval = (
        (shifts.change_words(row, row.change), shifts.interval_words(row)) if not far else ("", "far off")
    )
    side = -1 if point < axis.low else 1 if point > axis.high else 0
    name = shorten(shifts.called(row), int((LEFT - 10) / LETTER))
    return element(
        "g",
        element("title", f"{shifts.moved_words(row)}: {became.word}"),
        element("rect", x=0, y=y - ROW / 2, width=WIDTH, height=ROW, class_="hit"),
        element("text", name, x=LEFT, y=y + 4, text_anchor="end", class_="told-row"),
        _span(row, axis, y, times),
        element(
            "path",
            d=BEYOND[side] if side else SHAPE[row.status],
            transform=f"translate({axis.at(point):g} {y:g}) scale(1.15)",
            class_="mark",
        ),
        element("text", change, x=_CHANGE, y=y + 4, text_anchor="end", class_="told-row"),
        element("text", interval, x=_INTERVAL, y=y + 4),
        element("text", f"{became.mark} {became.word}", x=_STATUS, y=y + 4, class_="told-status"),
        class_=f"line of {became.tone}{' beyond' if side else ''}",
    )


def _span(row: PredictionShift, axis: Axis, y: float, times: float) -> Markup:
    if row.ci_low is None or row.ci_high is None or times * row.ci_low > axis.high or times * row.ci_high < axis.low:
        return Markup("")
    ends = [axis.at(times * value) for value in (row.ci_low, row.ci_high)]
    return element("line", x1=ends[0], x2=ends[1], y1=y, y2=y, class_="span")


def _legend(report: Report, found: Drift) -> Markup:
    parts = []
    kinds = {(row.status, shifts.standing(report, row)): row for row in found.predictions}
    for (_, became), row in kinds.items():
        shape = element("path", d=SHAPE[row.status], transform="translate(8 8) scale(1.15)", class_="mark")
        group = element("g", shape, class_=f"of {became.tone}")
        parts.append(element("span", picture(group), f" {became.mark} {became.word}"))
    parts.append(element("span", "bars: 95% intervals, days taken as a whole"))
    return element("p", *parts, class_="legend marks")


def _table(report: Report, found: Drift) -> Markup:
    told = shifts.figures(found, every=True)
    heads = ["answers", *(hinted(figure.title, figure.meaning) for figure in told), "status"]
    lines = []
    for row in found.predictions:
        became = shifts.standing(report, row)
        cells = [element("td", figure.say(row), class_="n", data_v=figure.value(row)) for figure in told]
        word = element("td", marked(became.mark, became.word, became.tone))
        lines.append([element("th", shifts.called(row), scope="row"), *cells, word])
    return table(heads, rows(lines), caption="Answers", class_="rows sortable brief scores answers")
