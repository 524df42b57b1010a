"""Alarms of a watch in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.text import Text

from loradiag.core.text import printable, shorten
from loradiag.core.watching import WatchAlarm
from loradiag.outputs.console import as_text
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import plain
from loradiag.outputs.watch import alarm_cells

COLORS = {"open": "red", "acknowledged": "yellow", "resolved": "green"}
_NAME = 28


def alarms_text(found: Sequence[WatchAlarm], style: Style) -> str:
    """Return the list that ``drift alarms`` prints."""
    if not found:
        return as_text([Text("no alarms", style="dim")], color=style.color, width=style.width)
    return as_text(alarm_rows(found, style, named=True), color=style.color, width=style.width)


def alarm_rows(found: Sequence[WatchAlarm], style: Style, *, named: bool) -> Iterable[RenderableType]:
    """A table of when, evidence and state, with what was seen under each alarm."""
    table = plain()
    table.add_column("alarm", justify="right", no_wrap=True)
    if named:
        table.add_column("adapter", overflow="fold", min_width=10)
    for title in ("signal", "raised", "e-value"):
        table.add_column(title, no_wrap=True)
    table.add_column("state", overflow="fold", min_width=14)
    for alarm in found:
        number, signal, raised, evidence, _, became = alarm_cells(alarm)
        name = [Text(shorten(printable(alarm.adapter), _NAME))] if named else []
        cells = [Text(part) for part in (signal, raised, evidence.partition(" (")[0])]
        table.add_row(Text(number), *name, *cells, Text(became, style=COLORS[alarm.status]))
    yield table
    for alarm in found:
        yield Text(f"{alarm.id}: {shorten(printable(alarm.message), 3 * style.width)}", style="dim")
