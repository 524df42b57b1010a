"""Windows over time: the share of novel requests beside what is expected, the mean cosine, and how many requests there were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loradiag.core.drift import Drift, DriftWindow
from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.core.windows import NOVELTY
from loradiag.outputs.facts import short_number
from loradiag.outputs.page.axes import Axis, horizontal_lines
from loradiag.outputs.page.legends import picture
from loradiag.outputs.page.markup import Markup, element, join
from loradiag.outputs.page.shapes import MARK, SHAPES
from loradiag.outputs.page.slots import Slot, slots
from loradiag.outputs.scores import p_words
from loradiag.outputs.windowfigures import effect_words, interval_words, least_cosine, rate_words, share_words
from loradiag.outputs.windows import GRAVEST, MARKS, TONES, WORDS, moment, when

WIDTH, LEFT, RIGHT = 1080, 58, 148
SHARES, COSINES, VOLUME = (34, 214), (258, 322), (366, 416)
"""Top and foot of the three panels."""

HEIGHT = 446
CROWD = 90
"""From this number of windows on, marks are small."""

SHAPE = {
    "steady": MARK["pass"],
    "novel": MARK["fail"],
    "shifted": SHAPES[2],
    "novel+shifted": "M-5.2-5.2h10.4v10.4h-10.4ZM-2.3-2.3L2.3 2.3M-2.3 2.3L2.3-2.3",
    "insufficient": "M-2.8-2.8h5.6v5.6h-5.6Z",
    "unjudged": "M-3.4 0H3.4",
}
"""The shape of a status, so that it can be told without colour."""

_LABEL, _LINE = 84, 14
_LEAST_HIGH = 20.0


def windows(report: Report, found: Drift) -> Markup:
    """The drawing with its legend; empty where no window has a share of novel requests, or where there is only one."""
    if len(found.windows) < 2 or all(row.novelty_share is None for row in found.windows):
        return Markup("")
    placed = slots(found, LEFT + 8, WIDTH - RIGHT - 8)
    shares = share_axis(found, SHARES[1], SHARES[0])
    svg = element(
        "svg",
        element("desc", _described(found.windows)),
        *_share_frame(report, found, shares),
        *_cosine_frame(report, found, placed),
        *_volume_frame(found),
        *_dates(placed),
        *(_window(slot, shares, found, crowded=len(placed) > CROWD) for slot in placed),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"{plural(len(placed), 'window')} of traffic over time; the table has the figures",
        class_=f"chart strips series{' dense' if len(placed) > CROWD else ''}",
    )
    return join([element("div", svg, class_="scroll"), legend(report, found)])


def share_axis(found: Drift, start: float, end: float) -> Axis:
    """A scale for all shares of novel requests, in percent, from nothing."""
    tops = [100 * (row.novelty_high or row.novelty_share or 0.0) for row in found.windows]
    high = max(*tops, _LEAST_HIGH, 250 * found.baseline.novel_rate)
    return Axis(0.0, min(high * 1.06, 100.0), start, end)


def least_share(report: Report) -> float | None:
    """The share of novel requests from which drift matters, as the policy has it."""
    return report.policy.thresholds.get(NOVELTY, {}).get("least_share")


def _share_frame(report: Report, found: Drift, axis: Axis) -> Iterator[Markup]:
    """The scale, what is expected, and from where it matters."""
    rate, least = 100 * found.baseline.novel_rate, least_share(report)
    right = WIDTH - RIGHT
    if least is not None:
        yield borne(axis, 100 * least, LEFT, right)
    yield element("text", "novel requests, %", x=LEFT, y=SHARES[0] - 16, class_="told")
    yield horizontal_lines(axis, LEFT, right)
    yield element("line", x1=LEFT, x2=right, y1=axis.at(rate), y2=axis.at(rate), class_="nought")
    low = axis.at(rate) + 4
    if least is not None and 100 * least <= axis.high:
        y = axis.at(100 * least)
        yield element("line", x1=LEFT, x2=right, y1=y, y2=y, class_="limit fails")
        # Two lines may lie close together: their labels keep a line's distance.
        high = min(y + 4, low - _LINE) if 100 * least >= rate else max(y + 4, low + _LINE)
        yield element("text", f"matters from {rate_words(least)}", x=right + 8, y=round(high, 1), class_="fails")
    yield element("text", f"{rate_words(found.baseline.novel_rate)} expected", x=right + 8, y=low)


def borne(axis: Axis, least: float, left: float, right: float) -> Markup:
    """What the policy bears, as a region of a vertical scale."""
    top = axis.at(min(least, axis.high))
    return element("rect", x=left, y=top, width=right - left, height=round(axis.at(0.0) - top, 1), class_="borne")


def _cosine_axis(report: Report, found: Drift) -> Axis | None:
    values = [row.mean_nn_cosine for row in found.windows if row.mean_nn_cosine is not None]
    if not values:
        return None
    ends = (*values, least_cosine(report), found.baseline.mean_nn_cosine)
    low, high = min(ends), max(ends)
    air = (high - low) * 0.12 or 0.05
    return Axis(low - air, high + air, COSINES[1], COSINES[0])


def _cosine_frame(report: Report, found: Drift, placed: Sequence[Slot]) -> Iterator[Markup]:
    axis, right = _cosine_axis(report, found), WIDTH - RIGHT
    if axis is None:
        return
    yield element("text", "mean cosine to the nearest reference", x=LEFT, y=COSINES[0] - 14, class_="told")
    least, held = axis.at(least_cosine(report)), axis.at(found.baseline.mean_nn_cosine)
    yield element("line", x1=LEFT, x2=right, y1=held, y2=held, class_="rule")
    if abs(least - held) >= 2 * _LINE:
        yield _beside(held, f"{found.baseline.mean_nn_cosine:.2g}", "held-out", None)
    yield element("line", x1=LEFT, x2=right, y1=least, y2=least, class_="limit noted")
    yield _beside(least, f"{least_cosine(report):.2g}", "convention,", "noted")
    yield element("text", "decides nothing", x=right + 8, y=round(least + 4 + _LINE, 1), class_="noted")
    yield from _trend(placed, axis)


def _trend(placed: Sequence[Slot], axis: Axis) -> Iterator[Markup]:
    """A line through the mean cosines, which breaks where a window has none."""
    d, pen, dots = "", "M", []
    for slot in placed:
        if slot.window.mean_nn_cosine is None:
            pen = "M"
            continue
        y = axis.at(slot.window.mean_nn_cosine)
        d += f"{pen}{slot.x:g} {y:g}"
        pen = "L"
        dots.append(element("circle", cx=slot.x, cy=y, r=2.2, class_="dot small"))
    yield element("path", d=d, class_="trend thin")
    yield from dots if len(placed) <= CROWD else ()


def _beside(y: float, value: str, word: str, class_: str | None) -> Markup:
    """The value of a line on its left, and what it is on its right."""
    y = round(y + 4, 1)
    return join(
        [
            element("text", value, x=LEFT - 8, y=y, text_anchor="end"),
            element("text", word, x=WIDTH - RIGHT + 8, y=y, class_=class_),
        ]
    )


def _volume_frame(found: Drift) -> Iterator[Markup]:
    most, right = _most(found), WIDTH - RIGHT
    yield element("text", "requests: logged, and of these counted", x=LEFT, y=VOLUME[0] - 14, class_="told")
    yield element("line", x1=LEFT, x2=right, y1=VOLUME[1], y2=VOLUME[1], class_="rule")
    axis = Axis(0, most, VOLUME[1], VOLUME[0])
    for value, word in ((most, f"{most:,}" if most < 1_000_000 else short_number(most)), (0, "0")):
        yield element("text", word, x=LEFT - 8, y=axis.at(value) + 4, text_anchor="end")
    if 0 < found.floor < most:
        y = axis.at(found.floor)
        yield element("line", x1=LEFT, x2=right, y1=y, y2=y, class_="nought")
        yield element("text", f"{found.floor:,} needed", x=right + 8, y=y + 4)


def _most(found: Drift) -> int:
    return max(max(row.requests, row.n) for row in found.windows) or 1


def _dates(placed: Sequence[Slot]) -> Iterator[Markup]:
    """When windows begin, for those whose labels do not run into each other."""
    last = -float(_LABEL)
    for slot in placed:
        if slot.window.start is None or slot.x - last < _LABEL or slot.x > WIDTH - RIGHT - 24:
            continue
        last = slot.x
        text = moment(slot.window.start).removesuffix(" 00:00")
        yield element("line", x1=slot.x, x2=slot.x, y1=VOLUME[1], y2=VOLUME[1] + 5, class_="rule")
        yield element("text", text[:16], x=slot.x, y=VOLUME[1] + 20, text_anchor="middle")


def _window(slot: Slot, shares: Axis, found: Drift, *, crowded: bool) -> Markup:
    """One window in all three panels; the title says it in words."""
    row = slot.window
    width = max(slot.right - slot.left, 1.0)
    scale = 0.62 if crowded and row.status == "steady" else 0.85 if crowded else 1.15
    return element(
        "g",
        element("title", said(row)),
        element(
            "rect",
            x=round(slot.left, 1),
            y=SHARES[0],
            width=round(width, 1),
            height=VOLUME[1] - SHARES[0],
            class_="hit",
        ),
        *_bars(slot, found),
        _interval(row, shares, slot.x),
        element(
            "path",
            d=SHAPE[row.status],
            transform=f"translate({slot.x:g} {_height(row, shares):g}) scale({scale:g})",
            class_="mark",
        ),
        class_=f"line of {TONES[row.status]}",
    )


def _height(row: DriftWindow, shares: Axis) -> float:
    """Windows without a share lie on the ground."""
    return shares.at(100 * row.novelty_share) if row.novelty_share is not None else shares.at(0.0) - 4


def _interval(row: DriftWindow, shares: Axis, x: float) -> Markup:
    if row.novelty_low is None or row.novelty_high is None:
        return Markup("")
    ends = [shares.at(100 * value) for value in (row.novelty_low, row.novelty_high)]
    return element("line", x1=x, x2=x, y1=ends[0], y2=ends[1], class_="span")


def _bars(slot: Slot, found: Drift) -> Iterator[Markup]:
    axis = Axis(0, _most(found), VOLUME[1], VOLUME[0])
    for count, word in ((slot.window.requests, "volume"), (slot.window.n, "volume counted")):
        y = axis.at(count)
        height = round(VOLUME[1] - y, 1)
        x = round(slot.x - slot.width / 2, 2)
        yield element("rect", x=x, y=y, width=slot.width, height=height, class_=word)


def said(row: DriftWindow) -> str:
    """The words of a window."""
    parts = [f"{when(row)}: {WORDS[row.status]}, {plural(row.n, 'request')}"]
    if row.novelty_share is not None:
        between = f" ({interval_words(row.novelty_low, row.novelty_high)})" if row.novelty_low is not None else ""
        parts.append(f"novel {share_words(row.novelty_share)}{between}, p {p_words(row.novelty_adjusted)}")
    if row.mix_effect is not None:
        parts.append(f"mix w {effect_words(row.mix_effect)}, p {p_words(row.mix_adjusted)}")
    if row.mmd_adjusted is not None:
        parts.append(f"MMD p {p_words(row.mmd_adjusted)}")
    if row.mean_nn_cosine is not None:
        parts.append(f"mean cosine {row.mean_nn_cosine:.3f}")
    return "; ".join(parts)


def _described(windows: Sequence[DriftWindow]) -> str:
    return ". ".join(said(row) for row in windows[-20:])


def legend(report: Report, found: Drift) -> Markup:
    """What the marks mean, as far as they are there."""
    parts = [_key(status) for status in GRAVEST if any(row.status == status for row in found.windows)]
    if any(row.novelty_low is not None for row in found.windows):
        line = element("g", element("line", x1=6, x2=6, y1=1, y2=15, class_="span"), class_="of")
        parts.append(element("span", picture(line, 12), " 95% interval"))
    if least_share(report) is not None:
        region = [
            element("rect", x=0, y=2, width=20, height=12, class_="borne"),
            element("line", x1=0, x2=20, y1=2, y2=2, class_="limit fails"),
        ]
        parts.append(element("span", picture(element("g", *region), 20), " too few novel requests to matter"))
    return element("p", *parts, class_="legend marks")


def _key(status: str) -> Markup:
    shape = element("path", d=SHAPE[status], transform="translate(8 8) scale(1.15)", class_="mark")
    group = element("g", shape, class_=f"of {TONES[status]}")
    return element("span", picture(group, 16), f" {MARKS[status]} {WORDS[status]}")
