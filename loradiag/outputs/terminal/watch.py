"""The watch in a terminal: what it rests on, the evidence of each signal on its way to the line, alarms, what it comes to."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from loradiag.core.report import Report
from loradiag.core.watching import Watch
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.alarms import alarm_rows
from loradiag.outputs.terminal.columns import GAP, columns, fitting, plain
from loradiag.outputs.terminal.summary import labelled, summed_up
from loradiag.outputs.watch import FIGURES, called, statements, summary, told, way

_BAR = 16
_NAMES = 30
ALARM = " alarm"
_BLOCKS = " ▏▎▍▌▋▊▉█"


def watch(report: Report, style: Style) -> Iterable[RenderableType]:
    """The section; nothing where there is no watch."""
    found = report.measurements.watch
    if found is None:
        return
    yield ""
    yield Text("watch", style="bold")
    yield labelled(statements(found))
    yield from _signals(found, style)
    if found.alarms:
        yield ""
        yield from alarm_rows(found.alarms, style, named=False)
    yield ""
    yield summed_up(summary(found))


def _signals(found: Watch, style: Style) -> Iterable[RenderableType]:
    rows = told(found)
    if not rows:
        return
    every = columns(rows, [(figure.title, figure.worth, figure.say) for figure in FIGURES])
    kept = fitting(every, style.width - _NAMES - _BAR - len(ALARM) - 2 * GAP)
    table = plain()
    table.add_column("signal", no_wrap=True, max_width=_NAMES)
    for column in kept:
        table.add_column(column.title, justify="right", no_wrap=True)
    table.add_column("1 … line", no_wrap=True)
    for index, row in enumerate(rows):
        share = way(row)
        color = "red" if share >= 1 else "yellow" if share >= 0.5 else "default"
        end = ALARM if share >= 1 else ""
        table.add_row(called(row), *(column.cells[index] for column in kept), Text(bar(share) + end, style=color))
    yield ""
    yield table


def bar(share: float) -> str:
    """A bar of sixteen columns, filled in eighths."""
    eighths = round(share * _BAR * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_BLOCKS[rest] if rest else "")).ljust(_BAR, "·")
