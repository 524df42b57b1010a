"""One window alone: its share of novel requests with its interval, beside what is expected."""

from __future__ import annotations

from loradiag.core.drift import Drift
from loradiag.core.report import Report
from loradiag.outputs.page.axes import Axis, below
from loradiag.outputs.page.markup import Markup, element, join
from loradiag.outputs.page.windows import SHAPE, least_share, legend, said, share_axis
from loradiag.outputs.windowfigures import interval_words, rate_words, share_words
from loradiag.outputs.windows import MARKS, TONES, WORDS

WIDTH, LEFT, RIGHT, TOP, FOOT, HEIGHT = 1080, 16, 300, 38, 76, 98


def lone(report: Report, found: Drift) -> Markup:
    """The drawing with its legend; empty unless there is one window, and it has a share."""
    if len(found.windows) != 1:
        return Markup("")
    (row,) = found.windows
    share = row.novelty_share
    if share is None:
        return Markup("")
    axis = share_axis(found, LEFT, WIDTH - RIGHT)
    x, y, tone = axis.at(100 * share), (TOP + FOOT) / 2, TONES[row.status]
    parts = [element("rect", x=0, y=TOP, width=WIDTH, height=FOOT - TOP, class_="hit")]
    if row.novelty_low is not None and row.novelty_high is not None:
        ends = [axis.at(100 * value) for value in (row.novelty_low, row.novelty_high)]
        parts.append(element("line", x1=ends[0], x2=ends[1], y1=y, y2=y, class_="span"))
    parts.append(
        element("path", d=SHAPE[row.status], transform=f"translate({x:g} {y:g}) scale(1.5)", class_="mark"),
    )
    words = f"{share_words(row.novelty_share)} novel, {interval_words(row.novelty_low, row.novelty_high)}"
    svg = element(
        "svg",
        *_frame(report, found, axis),
        element(
            "g",
            element("title", said(row)),
            *parts,
            element("text", words, x=WIDTH - RIGHT + 18, y=y + 4, class_="told-row"),
            element("text", f"{MARKS[row.status]} {WORDS[row.status]}", x=WIDTH - 122, y=y + 4, class_="told-status"),
            class_=f"line of {tone}",
        ),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"Novel requests: {said(row)}",
        class_="chart strips series",
    )
    return join([element("div", svg, class_="scroll"), legend(report, found)])


def _frame(report: Report, found: Drift, axis: Axis) -> list[Markup]:
    rate, least = 100 * found.baseline.novel_rate, least_share(report)
    parts = []
    if least is not None:
        end = axis.at(100 * least)
        parts.append(element("rect", x=LEFT, y=TOP, width=round(end - LEFT, 1), height=FOOT - TOP, class_="borne"))
    parts += [element("line", x1=axis.at(v), x2=axis.at(v), y1=TOP, y2=FOOT, class_="rule") for v in axis.ticks()]
    expected = axis.at(rate)
    parts.append(element("line", x1=expected, x2=expected, y1=TOP - 4, y2=FOOT, class_="nought"))
    label = f"{rate_words(found.baseline.novel_rate)} expected"
    beside = least is not None and least >= found.baseline.novel_rate
    anchor = "end" if beside and expected > 84 else "start"
    parts.append(element("text", label, x=expected + (3 if anchor == "end" else -3), y=TOP - 9, text_anchor=anchor))
    if least is not None and 100 * least <= axis.high:
        x = axis.at(100 * least)
        parts.append(element("line", x1=x, x2=x, y1=TOP - 4, y2=FOOT, class_="limit fails"))
        start = max(x - 3, expected + 3 + (0 if anchor == "end" else 7 * len(label)))
        words = f"matters from {rate_words(least)}"
        parts.append(element("text", words, x=round(start, 1), y=TOP - 9, class_="fails"))
    parts.append(below(axis, FOOT + 16, (0.0,)))
    parts.append(element("text", "novel requests, %", x=axis.end + 18, y=FOOT + 16))
    return parts
