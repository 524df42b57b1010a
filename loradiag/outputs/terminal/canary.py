"""The canary in a terminal: what was compared, each metric with its interval, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from loradiag.core.report import Report
from loradiag.outputs.canary import FIGURES, MARKS, TONES, WORDS, named, statements, summary
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import GAP, columns, fitting, plain
from loradiag.outputs.terminal.marks import ROUTE
from loradiag.outputs.terminal.summary import labelled, summed_up

_STATUS = 12
_NAMES = 26


def canary(report: Report, style: Style) -> Iterable[RenderableType]:
    """The section; nothing where there is no canary."""
    found = report.measurements.canary
    if found is None:
        return
    yield ""
    yield Text("canary", style="bold")
    yield labelled(statements(found))
    if found.metrics:
        shown = [figure for figure in FIGURES if figure.worth or style.verbose]
        every = columns(found.metrics, [(figure.title, figure.worth, figure.say) for figure in shown])
        kept = fitting(every, style.width - _NAMES - _STATUS - 2 * GAP)
        table = plain()
        table.add_column("metric", no_wrap=True, max_width=_NAMES)
        for column in kept:
            table.add_column(column.title, justify="right", no_wrap=True)
        table.add_column("status", no_wrap=True)
        for index, row in enumerate(found.metrics):
            status = Text(f"{MARKS[row.status]} {WORDS[row.status]}", style=ROUTE[TONES[row.status]])
            table.add_row(named(row.metric), *(column.cells[index] for column in kept), status)
        yield ""
        yield table
    yield ""
    yield summed_up(summary(found))
