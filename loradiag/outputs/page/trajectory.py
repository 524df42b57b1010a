"""A series of checkpoints: what became of the run, its curves, a line a checkpoint, and every module over the steps."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.report import Report
from loradiag.core.text import plural
from loradiag.core.trajectory import Trajectory, TrajectoryStep
from loradiag.outputs.learning import CHARTS, Curve, called, figures, fixed, size, statements, step_rows
from loradiag.outputs.page.axes import Axis, below, horizontal_lines, linear_axis
from loradiag.outputs.page.legends import picture
from loradiag.outputs.page.losses import losses
from loradiag.outputs.page.markup import Markup, element, folded, hinted, join, rows, table
from loradiag.outputs.page.summary import advice_box, terms
from loradiag.outputs.story import story

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 460, 220, 56, 20, 14, 42


def trajectory(report: Report) -> Markup:
    """The section, without the map of modules. Empty where there is no series."""
    series = report.measurements.trajectory
    if series is None:
        return Markup("")
    charts = [_chart(series, title, curves, ends) for title, curves, ends in CHARTS]
    drawn = [chart for chart in charts if chart]
    logged = statements(report)
    return join(
        [
            advice_box(story(report)),
            losses(report),
            element("div", *drawn, class_="charts pairs") if drawn else "",
            _table(report),
            folded("What was logged", terms(logged), class_="meanings") if logged else "",
            _meanings(report),
        ]
    )


def _chart(series: Trajectory, title: str, curves: Sequence[Curve], ends: tuple[float, float] | None) -> Markup:
    """Curves over the steps; empty where they have fewer than two points."""
    found = [(name, index, _points(series.steps, field)) for index, (field, name) in enumerate(curves)]
    found = [row for row in found if len(row[2]) > 1]
    if not found:
        return Markup("")
    steps = [row.step for row in series.steps]
    values = [value for _, _, points in found for _, value in points]
    x = Axis(min(steps), max(steps), LEFT + 8, WIDTH - RIGHT - 8)
    low, high = ends or (0.0, 0.0)
    y = (
        Axis(min(low, *values), max(high, *values), HEIGHT - BOTTOM, TOP)
        if ends
        else linear_axis([0.0, *values], HEIGHT - BOTTOM, TOP)
    )
    svg = element(
        "svg",
        horizontal_lines(y, LEFT, WIDTH - RIGHT),
        below(x, HEIGHT - BOTTOM + 18, (float(max(steps)), float(min(steps)))),
        element("text", "step", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle"),
        *(_curve(name, index, points, x, y) for name, index, points in found),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"{title} over {plural(len(steps), 'checkpoint')}",
        class_="chart small losses",
    )
    keys = [_key(name, index) for name, index, _ in found] if len(curves) > 1 else []
    return element(
        "figure", element("figcaption", title), svg, element("p", *keys, class_="legend marks") if keys else ""
    )


def _points(steps: Sequence[TrajectoryStep], field: str) -> list[tuple[int, float]]:
    return [(row.step, value) for row in steps if (value := getattr(row, field)) is not None]


def _color(index: int) -> str:
    return f"c{(0, 2, 3)[index % 3]}"


def _curve(name: str, index: int, points: Sequence[tuple[int, float]], x: Axis, y: Axis) -> Markup:
    path = "M" + "L".join(f"{x.at(step):g} {y.at(value):g}" for step, value in points)
    radius = 3.6 if len(points) <= 40 else 1.8
    dots = [
        element(
            "g",
            element("title", f"step {step:,}: {name} {fixed(value) if abs(value) <= 1 else size(value)}"),
            element("circle", cx=x.at(step), cy=y.at(value), r=radius, class_="mark"),
            element("circle", cx=x.at(step), cy=y.at(value), r=9, class_="hit"),
            class_=f"line {_color(index)}",
        )
        for step, value in points
    ]
    return element("g", element("path", d=path, class_="held"), *dots, class_=_color(index))


def _key(name: str, index: int) -> Markup:
    line = element("g", element("path", d="M1 8H23", class_="held"), class_=_color(index))
    return element("span", picture(line, 24, class_="losses"), f" {name}")


def _table(report: Report) -> Markup:
    found = step_rows(report)
    shown = figures(found)
    heads = ["checkpoint", *(hinted(figure.title, figure.meaning) for figure in shown)]
    lines = []
    for row in found:
        tag = element("b", "best", class_="tag good") if row.best else ""
        tag = element("b", "not finite", class_="tag bad") if row.step.nonfinite else tag
        cells = [element("td", figure.say(row), class_="n", data_v=figure.value(row)) for figure in shown]
        lines.append([element("th", element("code", called(row.step)), tag, scope="row", data_v=row.step.step), *cells])
    class_ = "rows sortable brief checkpoints"
    return table(heads, rows(lines), caption="Checkpoints", class_=class_, tall=len(lines) > 24)


def _meanings(report: Report) -> Markup:
    meanings = [(figure.title, figure.meaning) for figure in figures(step_rows(report))]
    return folded("What the figures are", terms(meanings), class_="meanings") if meanings else Markup("")
