"""What survives of the update on each route, by role and by module: matrices that are cut into bands of the width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from loradiag.core.merge import Merge, Route
from loradiag.core.text import printable, shorten
from loradiag.outputs.facts import percent
from loradiag.outputs.routefigures import gain_words
from loradiag.outputs.routes import called, measured, unfolded
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import LEAST_NAME, Column, end_of, plain


def survival(merge: Merge, style: Style) -> Iterable[RenderableType]:
    """Gains, cosines and swallowed shares by role, gains by module, and what cannot be folded."""
    rows = measured(merge)
    roles = list(dict.fromkeys(role.role for row in rows for role in row.roles))
    for title, field, say in (
        ("gain by role", "gain", gain_words),
        ("cosine by role", "cosine", gain_words),
        ("swallowed share by role", "swallowed_share", percent),
    ):
        told = {row.route: {role.role: getattr(role, field) for role in row.roles} for row in rows}
        cells = [Column(called(row.route), [say(told[row.route].get(role)) for role in roles], 0) for row in rows]
        yield from _matrix(title, roles, cells, style.width)
    yield from _modules(rows, style)
    yield from _unfolded(merge)


def _modules(rows: Sequence[Route], style: Style) -> Iterable[RenderableType]:
    names = list(dict.fromkeys(module.name for row in rows for module in row.modules))
    gains = {row.route: {module.name: module.gain for module in row.modules} for row in rows}
    cells = [Column(called(row.route), [gain_words(gains[row.route].get(name)) for name in names], 0) for row in rows]
    yield from _matrix("gain by module", names, cells, style.width)


def _matrix(title: str, names: Sequence[str], every: Sequence[Column], width: int) -> Iterable[RenderableType]:
    if not names or not every:
        return
    shown = [printable(name) for name in names]
    room = min(max(map(cell_len, shown)), max(LEAST_NAME, width // 3))
    for index, band in enumerate(_bands(every, width - room)):
        yield ""
        yield Text(title if index == 0 else f"{title}, continued", style="bold")
        table = plain()
        table.add_column("", no_wrap=True)
        for column in band:
            table.add_column(column.title, justify="right", no_wrap=True)
        for line, name in enumerate(shown):
            table.add_row(Text(end_of(name, room)), *(column.cells[line] for column in band))
        yield table


def _bands(every: Sequence[Column], room: int) -> Iterator[list[Column]]:
    """Columns in their order, as many at a time as there is room for."""
    band: list[Column] = []
    for column in every:
        if band and sum(other.width for other in (*band, column)) > room:
            yield band
            band = []
        band.append(column)
    if band:
        yield band


def _unfolded(merge: Merge) -> Iterable[RenderableType]:
    found = unfolded(merge)
    if found:
        yield ""
        yield Text(f"cannot be folded ({len(found):,})", style="bold")
        for name, reason in found.items():
            yield Text(f"  {printable(name)}: ").append(shorten(printable(reason), 400), "dim")
