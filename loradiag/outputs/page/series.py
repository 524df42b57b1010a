"""Several reports at a glance: a table, and for the checkpoints of one run charts over their steps."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.core.verdict import Status
from loradiag.outputs.arrange import (
    OVERVIEW,
    STATUS_MARKS,
    deciding,
    has_modules,
    is_series,
    labels,
    overview_of,
    tally,
)
from loradiag.outputs.facts import short_number
from loradiag.outputs.inshort import in_words
from loradiag.outputs.page.axes import Axis, horizontal_lines, linear_axis
from loradiag.outputs.page.markup import Markup, element, join, marked, rows, table

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 460, 210, 56, 20, 14, 42
_HEADS = ("report", "verdict", "findings", "decided by")
_CHARTS = (
    ("stable_rank", "median stable rank"),
    ("frobenius_norm", "median ‖ΔW‖F"),
    ("relative_frobenius", "median ‖ΔW‖/‖W‖"),
    ("intruders", "intruder dimensions a module"),
)


MANY = 40
"""Reports beyond which their table scrolls, and unless they are a series has those first that did not pass."""


def urgent_first(reports: Sequence[Report]) -> list[int]:
    """Places of reports: failed ones, then those that are open, then the others."""
    urgency = {Status.FAIL: 0, Status.INCONCLUSIVE: 1}
    return sorted(range(len(reports)), key=lambda place: urgency.get(reports[place].verdict.status, 2))


def overview(reports: Sequence[Report]) -> Markup:
    """The table of all reports, and the charts if they are a series."""
    names = labels(reports)
    columns = overview_of(reports)
    words = in_words(reports)
    counted, many = has_modules(reports), len(reports) > MANY
    lines = [
        _row(
            index,
            reports[index],
            names[index],
            [said[index] for _, said in words],
            [*([reports[index].subject.modules] if counted else []), *(values[index] for values in columns.values())],
        )
        for index in (urgent_first(reports) if many and not is_series(reports) else range(len(reports)))
    ]
    failed = sum(report.verdict.status is Status.FAIL for report in reports)
    open_ = sum(report.verdict.status is Status.INCONCLUSIVE for report in reports)
    noun = "checkpoint" if is_series(reports) else "adapter"
    said = f"{plural(len(reports), noun)}: {failed:,} failed, {open_:,} inconclusive, {len(reports) - failed - open_:,} passed."
    parts = [
        element("p", said),
        table(
            (
                *_HEADS,
                *(title for title, _ in words),
                *(["#modules"] if counted else []),
                *(f"#{OVERVIEW[name]}" for name in columns),
            ),
            rows(lines),
            caption="Overview",
            class_="rows sortable overview",
            tall=many,
        ),
    ]
    if is_series(reports):
        charts = [_chart(reports, columns[name], title) for name, title in _CHARTS if name in columns]
        parts.append(element("div", *charts, class_="charts") if charts else Markup(""))
    return join(parts)


def _row(index: int, report: Report, name: str, words: Sequence[str], values: Sequence[float | None]) -> list[Markup]:
    status = report.verdict.status
    return [
        element("th", element("a", name, href=f"#r{index}"), scope="row"),
        element("td", marked(STATUS_MARKS[status], status.value, status.value)),
        element("td", tally(report), class_="nowrap"),
        element("td", deciding(report) or "–", class_="decided"),
        *(element("td", said, class_="nowrap") for said in words),
        *(element("td", short_number(value), class_="n", data_v=value) for value in values),
    ]


def _chart(reports: Sequence[Report], values: Sequence[float | None], title: str) -> Markup:
    points = [
        (report.subject.step or 0, value, index)
        for index, (report, value) in enumerate(zip(reports, values, strict=True))
        if value is not None
    ]
    if not points:
        return element("p", f"No {title}: no checkpoint has a finite update that is not zero.", class_="dim")
    steps = [step for step, _, _ in points]
    x = Axis(min(steps), max(steps), LEFT + 14, WIDTH - RIGHT - 14)
    y = linear_axis([value for _, value, _ in points], HEIGHT - BOTTOM, TOP)
    path = "M" + "L".join(f"{x.at(step):g} {y.at(value):g}" for step, value, _ in sorted(points))
    dots = [
        element(
            "a",
            element("title", f"step {step:,}: {short_number(value)}, {reports[index].verdict.status.value}"),
            element(
                "circle", cx=x.at(step), cy=y.at(value), r=4.5, class_=f"dot {reports[index].verdict.status.value}"
            ),
            href=f"#r{index}",
        )
        for step, value, index in points
    ]
    ticks = [
        element("text", f"{step:,}", x=x.at(step), y=HEIGHT - BOTTOM + 18, text_anchor="middle")
        for step in _apart(steps, x)
    ]
    svg = element(
        "svg",
        horizontal_lines(y, LEFT, WIDTH - RIGHT),
        *ticks,
        element("text", "step", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle"),
        element("path", d=path, class_="trend"),
        *dots,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="group",
        aria_label=f"{title} over {plural(len(points), 'checkpoint')}",
        class_="chart small",
    )
    missing = len(reports) - len(points)
    note = element("small", f" {plural(missing, 'checkpoint')} without a value")
    return element("figure", element("figcaption", title, note if missing else ""), svg)


def _apart(steps: Sequence[int], axis: Axis) -> list[int]:
    """The steps whose labels do not run into each other."""
    kept: list[int] = []
    for step in sorted(set(steps)):
        if not kept or axis.at(step) - axis.at(kept[-1]) >= 44:
            kept.append(step)
    return kept
