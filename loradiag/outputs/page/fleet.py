"""The fleet: a table of adapters, where each lies within its bands, and the pairs that are related."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.fleet import Fleet, FleetAdapter, FleetBand
from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.outputs.facts import short_number
from loradiag.outputs.fleet import (
    FIGURES,
    MARKS,
    MEASURES,
    TONES,
    WORDY,
    names,
    pair_words,
    sentence,
    statements,
    worst_first,
)
from loradiag.outputs.page.axes import Axis
from loradiag.outputs.page.markup import Markup, element, folded, hinted, join, marked, rows, table
from loradiag.outputs.page.markup import name as code
from loradiag.outputs.page.summary import terms

ROWS, PAIRS, DOTS, BANDS = 2_000, 300, 1_500, 30
"""Adapters in the table, pairs, dots in a strip, and strips: a page must stay quick to open."""

WIDTH, HEIGHT, LEFT, RIGHT = 720, 46, 16, 16


def fleet(report: Report) -> Markup:
    """The section. Empty where there is no fleet."""
    found = report.measurements.fleet
    if found is None:
        return Markup("")
    meanings = [(figure.title, figure.meaning) for figure in FIGURES]
    return join(
        [
            element("p", element("b", sentence(found))),
            terms(statements(found)),
            _table(found),
            folded("What the figures are", terms(meanings), class_="meanings"),
        ]
    )


def bands(report: Report) -> Markup:
    """A strip for each measure of each group: every adapter a dot, and what counts as outside. Empty without bands."""
    found = report.measurements.fleet
    known = [band for band in found.bands if band.measure in MEASURES] if found is not None else []
    if found is None or not known:
        return Markup("")
    called = names(found)
    largest = sorted(known, key=lambda band: (-band.adapters, band.group, list(MEASURES).index(band.measure)))
    strips = [_strip(found, called, band) for band in largest[:BANDS]]
    more = element("p", f"The first {BANDS:,} of {plural(len(largest), 'band')}.", class_="dim")
    return join([*strips, more if len(largest) > BANDS else ""])


def related(report: Report) -> Markup:
    """The pairs that are more to each other than strangers. Empty where there are none."""
    found = report.measurements.fleet
    if found is None or not found.pairs:
        return Markup("")
    called = names(found)
    lines = []
    for pair in found.pairs[:PAIRS]:
        both, relation, cosine, distance = pair_words(called, pair)
        lines.append(
            [
                element("th", both, scope="row"),
                element("td", relation, class_="nowrap"),
                element("td", cosine, class_="n", data_v=pair.cosine),
                element("td", distance, class_="n", data_v=pair.distance),
            ]
        )
    made = table(
        ("pair", "relation", "#cosine", "#distance"), rows(lines), class_="rows sortable brief", caption="Pairs"
    )
    more = element("p", f"The first {PAIRS:,} of {plural(len(found.pairs), 'pair')}.", class_="dim")
    return join([made, more if len(found.pairs) > PAIRS else ""])


def _table(found: Fleet) -> Markup:
    called, ranked = names(found), worst_first(found)
    heads = [
        "verdict",
        "adapter",
        "errors and warnings",
        *(hinted(figure.title, figure.meaning, number=figure.title not in WORDY) for figure in FIGURES),
    ]
    lines = [_row(found.adapters[place], called[place]) for place in ranked[:ROWS]]
    made = table(heads, rows(lines), caption="Adapters", class_="rows sortable brief fleet", tall=True)
    more = element(
        "p", f"The first {ROWS:,} of {plural(len(ranked), 'adapter')}; the table of --table has all.", class_="dim"
    )
    return join([made, more if len(ranked) > ROWS else ""])


def _row(row: FleetAdapter, called: str) -> list[Markup]:
    word = marked(MARKS.get(row.verdict, "?"), row.verdict, TONES.get(row.verdict, "inconclusive"))
    cells = [
        element(
            "td", figure.say(row), class_="nowrap" if figure.title in WORDY else "n nowrap", data_v=figure.value(row)
        )
        for figure in FIGURES
    ]
    return [
        element("td", word, class_="nowrap"),
        element("th", code(called), scope="row"),
        element("td", shorten(row.problem, 90) if row.problem else " ".join(row.codes)),
        *cells,
    ]


def _strip(found: Fleet, called: Sequence[str], band: FleetBand) -> Markup:
    own = [place for place, row in enumerate(found.adapters) if _group(row) == band.group and _value(row, band)]
    values = [_value(found.adapters[place], band) for place in own]
    low, high = min([*values, band.low]), max([*values, band.high])
    axis = Axis(low, high + (high - low or abs(high) or 1.0) * 1e-9, LEFT, WIDTH - RIGHT)
    left, right = axis.at(band.low), axis.at(band.high)
    dots = [
        element(
            "circle",
            element("title", f"{called[place]}: {short_number(value)}"),
            cx=axis.at(value),
            cy=18,
            r=4,
            class_="dot fail" if band.measure in found.adapters[place].outlying else "dot",
        )
        for place, value in list(zip(own, values, strict=True))[:DOTS]
    ]
    ends = [(band.low, "start"), (band.median, "middle"), (band.high, "end")]
    svg = element(
        "svg",
        element("rect", x=left, y=8, width=round(max(right - left, 1.0), 1), height=20, class_="region for"),
        element("path", d=f"M{axis.at(band.median):g} 5V31", class_="needle"),
        *dots,
        *(element("text", short_number(value), x=axis.at(value), y=44, text_anchor=anchor) for value, anchor in ends),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"{MEASURES[band.measure]} of {plural(band.adapters, 'adapter')}; the table has the figures",
        class_="chart evidence-axis",
    )
    title = f"{MEASURES[band.measure]}: {band.group}, {plural(band.adapters, 'adapter')}"
    return element("figure", element("figcaption", title), svg, class_="axis")


def _value(row: FleetAdapter, band: FleetBand) -> float:
    value = getattr(row, band.measure)
    return float(value) if value else 0.0


def _group(row: FleetAdapter) -> str:
    return row.group
