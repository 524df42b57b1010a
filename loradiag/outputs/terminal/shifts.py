"""What the model answered, in a terminal: recent days beside earlier ones."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from loradiag.core.drift import Drift
from loradiag.core.report import Report
from loradiag.core.text import plural, shorten
from loradiag.outputs.shifts import called, figures, named, standing
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import GAP, columns, packed, plain
from loradiag.outputs.terminal.marks import ROUTE
from loradiag.outputs.windows import period

_LEAST_NAME = 22


def shifts(report: Report, found: Drift, style: Style) -> Iterable[RenderableType]:
    """The table; nothing where answers were not compared."""
    rows = found.predictions
    if not rows:
        return
    words = [standing(report, row) for row in rows]
    every = columns(rows, [(figure.title, figure.worth, figure.say) for figure in figures(found, every=style.verbose)])
    room = style.width - max(cell_len(f"{row.mark} {row.word}") for row in words) - GAP
    names = [called(row) for row in rows]
    if max(map(cell_len, names)) > style.width // 3:
        names = [named(row) for row in rows]
    kept = packed(every, room - min(max(map(cell_len, names)), max(_LEAST_NAME, style.width // 3)))
    left = max(room - sum(column.width for column in kept), _LEAST_NAME)
    table = plain()
    table.add_column("answers", no_wrap=True)
    for column in kept:
        table.add_column(column.title, justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for index, row in enumerate(words):
        status = Text(f"{row.mark} {row.word}", style=ROUTE[row.tone])
        table.add_row(Text(shorten(names[index], left)), *(Text(column.cells[index]) for column in kept), status)
    yield ""
    yield _heading(found)
    yield table


def _heading(found: Drift) -> Text:
    row = found.predictions[0]
    said = f"{period(row.start, row.end)} beside {plural(row.days_reference, 'day')} before" if row.start else ""
    return Text("answers", style="bold").append(f"  {said}", style="not bold dim")
