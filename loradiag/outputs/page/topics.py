"""Topics of a window beside those of held-out references: bars, and a table of what each is like."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.drift import DriftWindow, TopicShare
from loradiag.core.text import plural
from loradiag.outputs.flips import cut
from loradiag.outputs.novel import GREW, SHRANK, change, like, topics, way
from loradiag.outputs.page.axes import Axis, below
from loradiag.outputs.page.legends import picture
from loradiag.outputs.page.markup import Markup, element, folded, rows, table
from loradiag.outputs.traffic import topic_name
from loradiag.outputs.windowfigures import share_words
from loradiag.outputs.windows import SHIFTED, when

WIDTH, LEFT, RIGHT, ROW, TOP, BOTTOM = 760, 84, 150, 24, 22, 24
_SERIES = {GREW: "c1", SHRANK: "c0", "": "c7"}
_HEADS = ("topic", "#expected", "#now", "#residual", "#like record", "text")


def topic_bars(window: DriftWindow | None) -> Markup:
    """The drawing, its legend and its table, folded away where the mix has not changed; empty of no window."""
    if window is None or not window.topics:
        return Markup("")
    shown = topics(window)
    parts = [element("div", _drawing(shown), class_="scroll"), _legend(), _table(shown)]
    if window.status not in SHIFTED:
        return folded(f"Topics, {when(window)}", *parts, class_="deeper")
    return element("figure", element("figcaption", f"Topics that changed most, {when(window)}"), *parts)


def _drawing(shown: Sequence[TopicShare]) -> Markup:
    most = max(max(row.expected, row.observed) for row in shown) or 1.0
    axis = Axis(0.0, 100 * most * 1.04, LEFT, WIDTH - RIGHT)
    foot = TOP + ROW * len(shown)
    ticks = [
        element("line", x1=axis.at(tick), x2=axis.at(tick), y1=TOP, y2=foot, class_="rule") for tick in axis.ticks()
    ]
    return element(
        "svg",
        element("text", "share of known requests, %", x=LEFT, y=13, class_="told"),
        *ticks,
        *(_bar(row, index, axis) for index, row in enumerate(shown)),
        below(axis, foot + 16, (0.0,)),
        viewBox=f"0 0 {WIDTH} {foot + BOTTOM}",
        role="img",
        aria_label=f"Shares of {plural(len(shown), 'topic')}, expected and now; the table has the figures",
        class_="chart strips topics",
    )


def _bar(row: TopicShare, index: int, axis: Axis) -> Markup:
    top = TOP + ROW * index
    end, expected = axis.at(100 * row.observed), axis.at(100 * row.expected)
    return element(
        "g",
        element("title", f"{topic_name(row)}: {change(row)}, like record {like(row.example)}"),
        element("rect", x=0, y=top, width=WIDTH, height=ROW, class_="hit"),
        element("text", topic_name(row), x=LEFT - 10, y=top + ROW / 2 + 4, text_anchor="end", class_="told-row"),
        element("rect", x=LEFT, y=top + 5, width=round(end - LEFT, 1), height=ROW - 10, class_="share"),
        element("line", x1=expected, x2=expected, y1=top + 2, y2=top + ROW - 2, class_="expected"),
        element("text", change(row), x=WIDTH - RIGHT + 14, y=top + ROW / 2 + 4, class_="told-row"),
        class_=f"line {_SERIES[way(row)]}",
    )


def _legend() -> Markup:
    bar = [
        element("g", element("rect", x=0, y=3, width=22, height=10, class_="share"), class_=word)
        for word in ("c1", "c0")
    ]
    line = element("line", x1=4, x2=4, y1=1, y2=15, class_="expected")
    parts = [
        element("span", picture(bar[0], 22), " in the window, more than expected ↗"),
        element("span", picture(bar[1], 22), " or less ↘"),
        element("span", picture(line, 8), " among held-out references"),
    ]
    return element("p", *parts, class_="legend marks")


def _table(shown: Sequence[TopicShare]) -> Markup:
    texts = any(row.text for row in shown)
    lines = [_line(row, texts=texts) for row in shown]
    heads = _HEADS if texts else _HEADS[:-1]
    return table(heads, rows(lines), caption="Topics", class_="rows prose brief topics")


def _line(row: TopicShare, *, texts: bool) -> list[Markup]:
    cells = [
        element("th", topic_name(row), scope="row"),
        element("td", share_words(row.expected), class_="n", data_v=row.expected),
        element("td", f"{share_words(row.observed)} {way(row)}".rstrip(), class_="n", data_v=row.observed),
        element("td", f"{round(row.residual, 1) + 0.0:+.1f}", class_="n", data_v=row.residual),
        element("td", like(row.example), class_="n"),
    ]
    return [*cells, element("td", cut(row.text or ""))] if texts else cells
