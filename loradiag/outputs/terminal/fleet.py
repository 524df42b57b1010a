"""The fleet in a terminal: a row an adapter, the worst first, and the pairs that are related."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.text import Text

from loradiag.core.fleet import Fleet
from loradiag.core.report import Report
from loradiag.core.text import printable, shorten
from loradiag.outputs.fleet import FIGURES, MARKS, TONES, names, pair_words, sentence, statements, worst_first
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import GAP, columns, end_of, more, packed, plain
from loradiag.outputs.terminal.marks import ROUTE
from loradiag.outputs.terminal.summary import labelled

ROWS, PAIRS = 25, 12
"""Adapters and pairs that are shown, unless everything is to be."""

_NAME, _CODES = 36, 20


def fleet(report: Report, style: Style) -> Iterable[RenderableType]:
    """The section; nothing where there is no fleet."""
    found = report.measurements.fleet
    if found is None:
        return
    called = names(found)
    yield labelled(statements(found))
    yield from _adapters(found, called, style)
    yield from _overlaps(found, called)
    yield from _pairs(found, called, style)
    yield ""
    yield Text(sentence(found), style="bold")


def _adapters(found: Fleet, called: Sequence[str], style: Style) -> Iterable[RenderableType]:
    ranked = worst_first(found)
    shown = ranked if style.verbose else ranked[:ROWS]
    rows = [found.adapters[place] for place in shown]
    widest = min(max(map(len, (called[place] for place in shown)), default=7), max(_NAME, style.width // 3))
    coded = any(row.codes or row.problem for row in rows)
    room = style.width - widest - 4 - GAP - (_CODES + GAP if coded else 0)
    kept = packed(columns(rows, [(figure.title, figure.worth, figure.say) for figure in FIGURES]), room)
    table = plain()
    table.add_column("", no_wrap=True)
    table.add_column("adapter", no_wrap=True)
    for column in kept:
        table.add_column(column.title, justify="right", no_wrap=True)
    if coded:
        table.add_column("errors and warnings", overflow="fold", min_width=_CODES)
    for index, row in enumerate(rows):
        mark = Text(MARKS.get(row.verdict, "?"), style=ROUTE[TONES.get(row.verdict, "inconclusive")])
        said = shorten(printable(row.problem), 56) if row.problem else " ".join(row.codes)
        cells = [column.cells[index] for column in kept]
        name = Text(end_of(called[shown[index]], widest))
        table.add_row(mark, name, *cells, *([Text(said)] if coded else []))
    yield ""
    yield table
    yield from more(len(ranked), len(shown), "adapter")


def _pairs(found: Fleet, called: Sequence[str], style: Style) -> Iterable[RenderableType]:
    if not found.pairs:
        return
    shown = found.pairs if style.verbose else found.pairs[:PAIRS]
    table = plain()
    table.add_column("related", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("cosine", justify="right", no_wrap=True)
    table.add_column("distance", justify="right", no_wrap=True)
    for pair in shown:
        table.add_row(*map(Text, pair_words(called, pair)))
    yield ""
    yield table
    yield from more(len(found.pairs), len(shown), "pair")


def _overlaps(found: Fleet, called: Sequence[str]) -> Iterable[RenderableType]:
    for row in found.overlaps:
        best = max(range(len(row.adapters)), key=lambda place: row.nearest_left[place])
        yield ""
        yield Text(f"overlap on {printable(row.module)}", style="bold").append(
            f"   {len(row.adapters):,} adapters: writes {row.mean_left:.1%} on average (chance {row.expected_left:.1%}), "
            f"reads {row.mean_right:.1%} ({row.expected_right:.1%}); nearest: {called[row.adapters[best]]} and "
            f"{called[row.nearest[best]]}, {row.nearest_left[best]:.0%}"
            + (f"; written to {row.file}" if row.file else ""),
            style="not bold",
        )
