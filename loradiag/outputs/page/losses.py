"""Losses over steps: training and held-out text, the best step, and where checkpoints lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loradiag.core.learning import main_evaluation
from loradiag.core.report import Report
from loradiag.core.text import plural, printable, shorten
from loradiag.core.trajectory import Evaluation, TrainingLog
from loradiag.outputs.learning import fixed, statements
from loradiag.outputs.losscurves import SETS, is_gone, is_wide, losses_of, most_drawn
from loradiag.outputs.page.axes import Axis, below, horizontal_lines, linear_axis, log_axis
from loradiag.outputs.page.legends import picture
from loradiag.outputs.page.markup import Markup, element, join
from loradiag.outputs.page.summary import advice_box, terms
from loradiag.outputs.story import story

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 980, 330, 64, 22, 32, 50


def training(report: Report) -> Markup:
    """The section on the log of a single adapter. Empty where there is none, or nothing in it."""
    if report.measurements.trajectory is not None or not statements(report):
        return Markup("")
    return join([advice_box(story(report)), losses(report), terms(statements(report))])


def losses(report: Report) -> Markup:
    """The chart with its legend. Empty where no loss was logged."""
    log = report.measurements.training_log
    values = losses_of(log) if log else []
    if log is None or not values:
        return Markup("")
    series = report.measurements.trajectory
    steps = [*_steps(log), *(row.step for row in (series.steps if series else ()))]
    x = Axis(min(steps), max(steps), LEFT + 6, WIDTH - RIGHT - 6)
    wide = is_wide(values)
    most = max(values) if wide else most_drawn(log, values)
    drawn = [value for value in values if value <= most]
    y = (log_axis(values, HEIGHT - BOTTOM, TOP) if wide else None) or linear_axis(drawn, HEIGHT - BOTTOM, TOP)
    found = main_evaluation(log)
    svg = element(
        "svg",
        horizontal_lines(y, LEFT, WIDTH - RIGHT),
        below(x, HEIGHT - BOTTOM + 20, _ends(steps)),
        element("text", "step", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle"),
        element("text", "loss", transform=f"translate(14 {HEIGHT / 2}) rotate(-90)", text_anchor="middle"),
        _checkpoints(report, x),
        *_best(found, x, y),
        _train(log, x, y),
        *(join(_held(row, index, x, y)) for index, row in enumerate(log.evaluations[:SETS])),
        *_broken(log, x),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"Losses over {plural(log.count, 'log')}"
        + (f", best at step {found.best_step:,}" if found and found.best_step else ""),
        class_="chart losses",
    )
    return join([element("div", svg, class_="scroll"), _legend(report, log, wide, max(values) > most)])


def _steps(log: TrainingLog) -> list[int]:
    return [row.step for row in log.train] + [point.step for row in log.evaluations[:SETS] for point in row.points]


def _ends(steps: Sequence[int]) -> tuple[float, ...]:
    return (float(max(steps)), float(min(steps)))


def _train(log: TrainingLog, x: Axis, y: Axis) -> Markup:
    """The line of the training loss, broken where it is not finite."""
    parts, current = [], ""
    for row in log.train:
        if row.loss is None or is_gone(log, row.step):
            current = ""
            continue
        parts.append(f"{'L' if current else 'M'}{x.at(row.step):g} {y.at(row.loss):g}")
        current = "on"
    return element("path", d="".join(parts), class_="loss") if parts else Markup("")


def _held(found: Evaluation, index: int, x: Axis, y: Axis) -> Iterator[Markup]:
    """The line of a set of held-out text, with a dot an evaluation that tells its value."""
    known = [(point.step, point.loss) for point in found.points if point.loss is not None]
    if not known:
        return
    path = "M" + "L".join(f"{x.at(step):g} {y.at(loss):g}" for step, loss in known)
    yield element("g", element("path", d=path, class_="held"), class_=_series(index))
    name = f" on {shorten(found.name, 60)}" if found.name else ""
    size = 3.4 if len(known) <= 60 else 1.8
    for step, loss in known:
        said = element("title", f"step {step:,}: validation{name} {fixed(loss)}")
        dot = element("circle", cx=x.at(step), cy=y.at(loss), r=size, class_="mark")
        yield element("g", said, dot, element("circle", cx=x.at(step), cy=y.at(loss), r=9, class_="hit"),
                      class_=f"line {_series(index)}")  # fmt: skip


def _series(index: int) -> str:
    return f"c{(1, 2, 3, 4, 6)[index % 5]}"


def _best(found: Evaluation | None, x: Axis, y: Axis) -> Iterator[Markup]:
    """A line at the best step, with its loss."""
    if found is None or found.best_step is None or found.best_loss is None:
        return
    at = x.at(found.best_step)
    right = at > LEFT + 0.75 * (WIDTH - LEFT - RIGHT)
    yield element("line", x1=at, x2=at, y1=TOP - 16, y2=HEIGHT - BOTTOM, class_="best")
    yield element("circle", cx=at, cy=y.at(found.best_loss), r=7.5, class_="ring")
    yield element(
        "text",
        f"best: {fixed(found.best_loss)} at step {found.best_step:,}",
        x=at - 8 if right else at + 8,
        y=TOP - 10,
        text_anchor="end" if right else "start",
        class_="told",
    )


def _checkpoints(report: Report, x: Axis) -> Markup:
    """Ticks on the axis where checkpoints lie."""
    series = report.measurements.trajectory
    ticks = []
    for row in series.steps if series else ():
        if x.low <= row.step <= x.high:
            at, foot = x.at(row.step), HEIGHT - BOTTOM
            ticks.append(element("path", d=f"M{at:g} {foot}l-4 7h8Z", class_="saved bad" if row.nonfinite else "saved"))
    return join(ticks)


def _broken(log: TrainingLog, x: Axis) -> Iterator[Markup]:
    """Crosses at the top where a loss or the gradient norm was not finite."""
    steps = {row.step for row in log.train if row.nonfinite or is_gone(log, row.step)}
    steps |= {point.step for row in log.evaluations[:SETS] for point in row.points if point.loss is None}
    for at in sorted({round(x.at(step)) for step in steps}):
        yield element("path", d=f"M{at - 3} {TOP + 3}l6 6m0 -6l-6 6", class_="cross")


def _legend(report: Report, log: TrainingLog, logarithmic: bool, cut: bool) -> Markup:
    parts = [_key("loss", "training")] if any(row.loss is not None for row in log.train) else []
    for index, row in enumerate(log.evaluations[:SETS]):
        parts.append(_key("held", f"validation {shorten(printable(row.name), 40)}".rstrip(), _series(index)))
    if report.measurements.trajectory is not None:
        parts.append(
            element("span", picture(element("path", d="M8 4l-4 7h8Z", class_="saved"), class_="losses"), " checkpoint")
        )
    if log.nonfinite or log.vanished is not None or any(row.nonfinite for row in log.evaluations):
        parts.append(
            element(
                "span", picture(element("path", d="M5 5l6 6m0 -6l-6 6", class_="cross"), class_="losses"), " not finite"
            )
        )
    if cut:
        parts.append(element("span", "spikes are cut at the top"))
    if logarithmic:
        parts.append(element("span", "logarithmic"))
    if log.count > len(log.train):
        parts.append(element("span", f"{len(log.train):,} of {log.count:,} logs drawn, with all extremes"))
    return element("p", *parts, class_="legend marks")


def _key(kind: str, said: str, series: str = "") -> Markup:
    line = element("g", element("path", d="M1 8H23", class_=kind), class_=series or None)
    return element("span", picture(line, 24, class_="losses"), f" {said}")
