"""Adapters beside each other in a terminal: who they are, every pair, and where two of them meet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loradiag.core.comparing import ComparedModule, ComparedPair, Comparison
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.outputs.comparedgrid import pair_grids
from loradiag.outputs.comparing import (
    FIGURES,
    MARKS,
    MEASURES,
    TONES,
    WORDS,
    apart,
    beside_chance,
    most_first,
    name,
    notes,
    sentence,
    share,
    signed,
    statements,
)
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import GAP, columns, fitting, more, named, plain
from loradiag.outputs.terminal.grid import SHADES, heat_map
from loradiag.outputs.terminal.marks import ROUTE

PAIRS, MODULES = 20, 8
"""Pairs in the table, and modules of one pair, unless everything is to be shown."""

_MAP = "interference"


def comparing(report: Report, style: Style) -> Iterable[RenderableType]:
    """The section; nothing where nothing is compared."""
    found = report.measurements.comparison
    if found is None:
        return
    yield ""
    yield Text("adapters", style="bold")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", style="dim")
    for label, text in statements(found):
        grid.add_row(label, Text(text))
    yield Padding(grid, (0, 0, 0, 2))
    yield from _matrix(found, style)
    yield from _pairs(found, style)
    if len(found.pairs) == 1 or style.verbose:
        for pair in most_first(found):
            yield from _places(found, pair, style)
    yield ""
    yield Text(sentence(found), style="bold")


def _matrix(found: Comparison, style: Style) -> Iterable[RenderableType]:
    """Interference of all with all, where there are more than two and they fit."""
    count = len(found.adapters)
    step = 4
    label = max(len(f"{place + 1} {name(row, 24)}") for place, row in enumerate(found.adapters)) + 2
    if count < 3 or label + step * count > style.width:
        return
    values = {(pair.a, pair.b): pair.interference for pair in found.pairs}
    yield ""
    yield Text("interference", style="bold").append(f"   {SHADES[0]} 0 to {SHADES[-1]} 100%", style="not bold dim")
    yield Text(" " * label + "".join(f"{place:>{step - 1}} " for place in range(1, count + 1)), style="dim")
    for row, adapter in enumerate(found.adapters):
        line = Text(f"{f'{row + 1} {name(adapter, 24)}':<{label}}")
        for column in range(count):
            line.append(_cell(values, row, column).rjust(step - 1) + " ")
        yield line


def _cell(values: dict[tuple[int, int], float | None], row: int, column: int) -> str:
    if row == column:
        return "·"
    value = values.get((min(row, column), max(row, column)))
    if value is None:
        return "?"
    return SHADES[int(min(max(value, 0.0), 0.999) * len(SHADES))] * 2


def _pairs(found: Comparison, style: Style) -> Iterable[RenderableType]:
    ranked = most_first(found)
    shown = ranked if style.verbose else ranked[:PAIRS]
    names = [_short(found, pair) for pair in shown]
    every = columns(shown, [(figure.title, figure.worth, figure.say) for figure in FIGURES])
    widest = max(map(len, names), default=4)
    kept = fitting(every, style.width - widest - 18 - 2 * GAP)
    table = plain()
    table.add_column("pair", no_wrap=True)
    table.add_column("relation", no_wrap=True)
    for column in kept:
        table.add_column(column.title, justify="right", no_wrap=True)
    for index, pair in enumerate(shown):
        relation = Text(f"{MARKS[pair.relation]} {WORDS[pair.relation]}", style=ROUTE[TONES[pair.relation]])
        table.add_row(names[index], relation, *(column.cells[index] for column in kept))
    yield ""
    yield table
    yield from more(len(ranked), len(shown), "pair")
    for pair in shown:
        if said := notes(found, pair):
            yield Text(f"  {_short(found, pair)}: {'; '.join(said)}", style="dim")


def _short(found: Comparison, pair: ComparedPair) -> str:
    """Numbers where there are many, names where there are two."""
    if len(found.adapters) == 2:
        return f"{name(found.adapters[0], 24)} · {name(found.adapters[1], 24)}"
    return f"{pair.a + 1} · {pair.b + 1}"


def _places(found: Comparison, pair: ComparedPair, style: Style) -> Iterable[RenderableType]:
    """Where in the network the two meet."""
    if not pair.modules:
        return
    yield ""
    if len(found.pairs) > 1:
        yield Text(
            f"{_short(found, pair)}: {name(found.adapters[pair.a])} and {name(found.adapters[pair.b])}", style="bold"
        )
    yield from heat_map(pair_grids(pair, _MAP), _MAP, style.width, title=MEASURES[_MAP][0])
    ranked = sorted(pair.modules, key=lambda row: -row.interference)
    shown = ranked if style.verbose else ranked[:MODULES]
    yield ""
    yield _modules(shown, style)
    if len(shown) < len(ranked):
        yield Text(
            f"  and {plural(len(ranked) - len(shown), 'module')} that meet less: --verbose shows all", style="dim"
        )


def _modules(rows: Sequence[ComparedModule], style: Style) -> Table:
    every = columns(
        rows,
        [
            ("ranks", 1, lambda row: f"{row.rank_a}, {row.rank_b}"),
            ("cosine", 6, lambda row: signed(row.cosine)),
            ("interference", 7, lambda row: share(row.interference)),
            ("writes (chance)", 4, lambda row: beside_chance(row.left, row.left_expected)),
            ("reads (chance)", 3, lambda row: beside_chance(row.right, row.right_expected)),
            ("distance", 2, lambda row: apart(row.distance)),
            ("opposite signs", 0, lambda row: share(row.sign_conflict)),
        ],
    )
    return named([row.name for row in rows], every, style.width)
