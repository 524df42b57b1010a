"""Adapters beside each other: all with all as a map, a table of pairs, and where in the network two of them meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loradiag.core.comparing import ComparedModule, ComparedPair, Comparison
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.outputs.comparedgrid import pair_grids
from loradiag.outputs.comparing import (
    FIGURES,
    MARKS,
    MEANINGS,
    MEASURES,
    TONES,
    WORDS,
    apart,
    beside_chance,
    most_first,
    name,
    notes,
    pair_name,
    sentence,
    share,
    signed,
    statements,
)
from loradiag.outputs.facts import short_number
from loradiag.outputs.page.colors import step_of
from loradiag.outputs.page.heatmap import Scale, density, map_table
from loradiag.outputs.page.legends import scale_bar
from loradiag.outputs.page.markup import Markup, element, folded, hinted, join, marked, rows, table
from loradiag.outputs.page.markup import name as code
from loradiag.outputs.page.summary import terms

Say = Callable[[float | None], str]

PAIRS, DETAILED, MODULES, MAPPED = 300, 12, 60, 60
"""Pairs in the table, pairs with maps of their own, modules in the table of each, and adapters in the map of all with all."""


def comparing(report: Report, key: str) -> Markup:
    """The section. Empty where nothing is compared."""
    found = report.measurements.comparison
    if found is None:
        return Markup("")
    meanings = [(figure.title, figure.meaning) for figure in FIGURES]
    words = [(WORDS[word], MEANINGS[word]) for word in dict.fromkeys(pair.relation for pair in most_first(found))]
    return join(
        [
            element("p", element("b", sentence(found))),
            terms(statements(found)),
            _matrix(found, key),
            _table(found),
            folded("What the words and figures are", terms([*words, *meanings]), class_="meanings"),
        ]
    )


def meeting(report: Report, key: str) -> Markup:
    """Where in the network pairs meet, those that interfere most first. Empty where nothing is compared."""
    found = report.measurements.comparison
    if found is None:
        return Markup("")
    detailed = [pair for pair in most_first(found) if pair.modules][:DETAILED]
    parts = [_pair(found, pair, f"{key}-p{index}", index == 0) for index, pair in enumerate(detailed)]
    left = len(found.pairs) - len(detailed)
    if left and detailed:
        parts.append(
            element("p", f"{plural(left, 'other pair')} that meet less: the JSON report has them.", class_="dim")
        )
    return join(parts)


def _matrix(found: Comparison, key: str) -> Markup:
    """All with all, with a switch between measures; nothing for two."""
    count = len(found.adapters)
    if not 2 < count <= MAPPED:
        return Markup("")
    switch, panels = [], []
    for index, (measure, (title, _, _)) in enumerate(MEASURES.items()):
        radio = element("input", type="radio", name=f"{key}-all", class_=f"m{index}", checked=measure == "interference")
        switch.append(element("label", radio, element("span", title)))
        panels.append(element("div", _square(found, measure), class_=f"panel h{index}"))
    legend = element("legend", "Measure", class_="hidden")
    return element("div", element("fieldset", legend, *switch, class_="switch"), *panels, class_="heat")


def _square(found: Comparison, measure: str) -> Markup:
    title, value, say = MEASURES[measure]
    known = {places: value(pair) for pair in found.pairs for places in ((pair.a, pair.b), (pair.b, pair.a))}
    scale = _scale(measure, [number for number in known.values() if number is not None])
    count = len(found.adapters)
    heads = [element("td"), *(element("th", element("span", str(place + 1)), scope="col") for place in range(count))]
    body = rows(
        [
            element("th", f"{row + 1} {name(adapter, 36)}", scope="row"),
            *(_cell(known.get((row, column)), scale, say, same=row == column) for column in range(count)),
        ]
        for row, adapter in enumerate(found.adapters)
    )
    caption = element("caption", element("span", f"{title}, all with all", class_="hidden"), class_="bare")
    made = element(
        "table", caption, element("thead", element("tr", *heads)), element("tbody", body), class_=density(count)
    )
    return join([element("div", made, class_="scroll"), _legend(title, scale, say)])


def _scale(measure: str, values: Sequence[float]) -> Scale:
    """Shares from 0 to 1, so that colours mean the same from report to report; cosines from the least that there is."""
    low = min(0.0, min(values, default=0.0)) if measure == "cosine" else 0.0
    return Scale(low, max(1.0, max(values, default=1.0)) if measure == "distance" else 1.0, log=False)


def _cell(value: float | None, scale: Scale, say: Say, *, same: bool) -> Markup:
    if same:
        return element("td", class_="absent")
    if value is None:
        return element("td", "–", class_="unknown")
    return element("td", say(value), class_=f"v{step_of(scale.share(value))}")


def _legend(title: str, scale: Scale, say: Say) -> Markup:
    bar = element("span", say(scale.low), " ", scale_bar(), " ", say(scale.high))
    return element("p", bar, element("span", title), class_="legend")


def _table(found: Comparison) -> Markup:
    heads = ["pair", "relation", *(hinted(figure.title, figure.meaning) for figure in FIGURES)]
    ranked = most_first(found)
    lines = [_line(found, pair) for pair in ranked[:PAIRS]]
    made = table(heads, rows(lines), caption="Pairs", class_="rows sortable brief pairs")
    more = element("p", f"The first {PAIRS:,} of {plural(len(ranked), 'pair')}.", class_="dim")
    return join([made, more if len(ranked) > PAIRS else ""])


def _line(found: Comparison, pair: ComparedPair) -> list[Markup]:
    word = marked(MARKS[pair.relation], WORDS[pair.relation], TONES[pair.relation])
    besides = element("small", "; ".join(notes(found, pair)), class_="besides")
    return [
        element("th", pair_name(found, pair), besides if notes(found, pair) else "", scope="row"),
        element("td", word, class_="nowrap"),
        *(element("td", figure.say(pair), class_="n nowrap", data_v=figure.value(pair)) for figure in FIGURES),
    ]


def _pair(found: Comparison, pair: ComparedPair, key: str, opened: bool) -> Markup:
    switch, panels = [], []
    for index, (measure, (title, value, say)) in enumerate(MEASURES.items()):
        radio = element("input", type="radio", name=key, class_=f"m{index}", checked=measure == "interference")
        switch.append(element("label", radio, element("span", title)))
        scale = _scale(measure, [number for row in pair.modules if (number := value(row)) is not None])
        tables = [map_table(grid, title, scale) for grid in pair_grids(pair, measure)]
        panels.append(element("div", *tables, _legend(title, scale, say), class_=f"panel h{index}"))
    legend = element("legend", "Measure", class_="hidden")
    heat = element("div", element("fieldset", legend, *switch, class_="switch"), *panels, class_="heat")
    ranked = sorted(pair.modules, key=lambda row: -row.interference)
    shown = table(_HEADS, rows(map(_module, ranked[:MODULES])), class_="rows sortable brief", caption="Modules")
    if len(ranked) > MODULES:
        shown = join([shown, element("p", f"The {MODULES:,} that meet most, of {len(ranked):,}.", class_="dim")])
    return element("details", element("summary", pair_name(found, pair)), heat, shown, open=opened, class_="met")


_HEADS = (
    "module", "#ranks", "#cosine", "#interference", "#writes (chance)", "#reads (chance)", "#distance",
    "#opposite signs", "#‖Δa‖", "#‖Δb‖",
)  # fmt: skip


def _module(row: ComparedModule) -> list[Markup]:
    cells = (
        (f"{row.rank_a}, {row.rank_b}", float(row.rank_a)),
        (signed(row.cosine), row.cosine),
        (share(row.interference), row.interference),
        (beside_chance(row.left, row.left_expected), row.left),
        (beside_chance(row.right, row.right_expected), row.right),
        (apart(row.distance), row.distance),
        (share(row.sign_conflict), row.sign_conflict),
        (short_number(row.norm_a), row.norm_a),
        (short_number(row.norm_b), row.norm_b),
    )
    return [
        element("th", code(row.name), scope="row"),
        *(element("td", said, class_="n nowrap", data_v=value) for said, value in cells),
    ]
