"""In a terminal: the topics of a window beside those expected, and novel requests to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loradiag.core.drift import Drift, DriftWindow, Exemplar, TopicShare
from loradiag.core.text import plural, shorten
from loradiag.outputs.flips import cut
from loradiag.outputs.novel import GREW, like, parts, told, topics, way
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import Column, columns, packed, plain
from loradiag.outputs.terminal.forest import Scale
from loradiag.outputs.traffic import routes_said, topic_name
from loradiag.outputs.windowfigures import rate_words, share_words
from loradiag.outputs.windows import NOVEL, SHIFTED, most_shifted, strangest, when

BARS, FEW, REQUESTS = 21, 4, 5
"""Cells of a bar; topics and novel requests that are shown at first."""

FILLED, EXPECTED, CROSSED = "━", "│", "┿"

_REQUEST, _LEAST_TEXT = 24, 28
"""Columns of a request's number, and those that a text needs to be shown."""


def novel_parts(found: Drift, style: Style) -> Iterable[RenderableType]:
    """Of windows that drifted those that show most of each: topics, novel requests; on demand both of all windows."""
    shifted, novel = most_shifted(found.windows), strangest(found.windows)
    for window in found.windows:
        if style.verbose or (window is shifted and window.status in SHIFTED):
            yield from _topics(window, style)
        if style.verbose or (window is novel and window.status in NOVEL):
            yield from _requests(found, window, style)


def _topics(window: DriftWindow, style: Style) -> Iterable[RenderableType]:
    if not window.topics:
        return
    every = topics(window)
    kept = sorted(every, key=lambda row: -abs(row.residual))[: len(every) if style.verbose else FEW]
    rows = [row for row in every if row in kept]
    yield ""
    yield _heading("topics", f"{when(window)}, {plural(window.mix_n, 'known request')}")
    yield Padding(_topic_table(rows, style.width - 2), (0, 0, 0, 2))
    left_out = len(every) - len(rows)
    more = f"; {plural(left_out, 'topic')} more: --verbose" if left_out else ""
    said = f"bar: share of the window, {EXPECTED} of held-out references; like: a record of the training data"
    yield _note(f"{said}{more}")


def _heading(title: str, rest: str) -> Text:
    return Text(title, style="bold").append(f"  {rest}", style="not bold dim")


def _note(text: str) -> Padding:
    return Padding(Text(text, style="dim"), (0, 0, 0, 2))


def _topic_table(rows: Sequence[TopicShare], width: int) -> Table:
    on = Scale(0.0, max(max(row.expected, row.observed) for row in rows) or 1.0, BARS)
    bars = f"0%{rate_words(on.high):>{BARS - 2}}"
    told: list[tuple[str, int, Callable[[TopicShare], str]]] = [
        ("topic", 9, topic_name),
        ("expected", 7, lambda row: share_words(row.expected)),
        ("now", 8, lambda row: share_words(row.observed)),
        ("", 6, way),
        (bars, 3, lambda row: _bar(row, on)),
        ("like", 4, lambda row: like(row.example)),
    ]
    texts = [cut(row.text) if row.text is not None else "" for row in rows]
    kept = packed(columns(rows, told), width)
    left = width - sum(column.width for column in kept)
    table = plain()
    for column in kept:
        table.add_column(column.title, justify="left" if column.title in ("topic", "", bars) else "right", no_wrap=True)
    shown = any(texts) and left >= _LEAST_TEXT
    if shown:
        table.add_column("text", no_wrap=True, overflow="ellipsis", max_width=left, style="dim")
    for index, row in enumerate(rows):
        color = "yellow" if way(row) == GREW else "cyan"
        cells = [Text(column.cells[index], style=color if column.title in ("", bars) else "") for column in kept]
        table.add_row(*cells, *([Text(texts[index])] if shown else []))
    return table


def _bar(row: TopicShare, on: Scale) -> str:
    """What is observed as a bar, what is expected as a mark; a share that is not nothing has a cell."""
    filled = on.at(row.observed) + 1 if row.observed else 0
    cells = [FILLED if index < filled else " " for index in range(on.cells)]
    place = on.at(row.expected)
    cells[place] = CROSSED if cells[place] == FILLED else EXPECTED
    return "".join(cells)


def _requests(found: Drift, window: DriftWindow, style: Style) -> Iterable[RenderableType]:
    if not window.exemplars:
        return
    rows = window.exemplars if style.verbose else window.exemplars[:REQUESTS]
    yield ""
    yield _heading("novel requests", f"{when(window)}, {len(rows):,} of {_count(window)}")
    texts = any(told(row) for row in rows)
    if texts and style.verbose:
        yield from _worded(rows)
    else:
        yield Padding(_request_table(rows, style.width - 2), (0, 0, 0, 2))
    if found.others and window.routes:
        yield _note(f"novel requests belong to: {routes_said(window)}")
    yield _note("nearest: a record of the training data; alike: a group of novel requests and its size")


def _count(window: DriftWindow) -> str:
    return f"{sum(row.count for row in window.routes):,}" if window.routes else "them"


def _request_table(rows: Sequence[Exemplar], width: int) -> Table:
    every = [_short(column) for column in columns(rows, [(part.title, part.worth, part.say) for part in parts(rows)])]
    right = {part.title for part in parts(rows) if part.right}
    text = [column for column in every if column.title == "text"]
    numbers = packed([column for column in every if column not in text], width - (_LEAST_TEXT if text else 0))
    table = plain()
    for column in numbers:
        table.add_column(column.title, justify="right" if column.title in right else "left", no_wrap=True)
    if text:
        left = width - sum(column.width for column in numbers)
        table.add_column("text", no_wrap=True, overflow="ellipsis", max_width=max(left, 1), style="dim")
    for index in range(len(rows)):
        table.add_row(*(Text(column.cells[index]) for column in (*numbers, *text)))
    return table


def _short(column: Column) -> Column:
    """Numbers of requests cut in their middle: the whole ones take half a line."""
    if column.title != "request":
        return column
    return Column(column.title, [shorten(cell, _REQUEST) for cell in column.cells], column.worth)


def _worded(rows: Sequence[Exemplar]) -> Iterable[RenderableType]:
    """Requests with what was asked, and the nearest record, in full."""
    for row in rows:
        told_of = {part.title: part.say(row) for part in parts([row], texts=False)}
        head = Text(told_of.pop("request", ""))
        head.append(f"  {', '.join(f'{title} {said}' for title, said in told_of.items())}", style="dim")
        yield Padding(head, (0, 0, 0, 2))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, style="dim")
        grid.add_column(overflow="fold")
        for label, text in told(row):
            grid.add_row(label, Text(text))
        yield Padding(grid, (0, 0, 0, 4))
