"""A run in a terminal: what became of it, its curves over a common axis of steps, and a line a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from loradiag.core.learning import main_evaluation
from loradiag.core.report import Report
from loradiag.core.trajectory import TrainingLog, Trajectory
from loradiag.outputs.learning import FIGURES, called, figures, fixed, shown_rows, size, statements, step_rows
from loradiag.outputs.sparks import Axis, ruler, spark
from loradiag.outputs.story import story
from loradiag.outputs.style import Style
from loradiag.outputs.terminal.columns import columns, fitting, plain
from loradiag.outputs.terminal.summary import labelled, summed_up

ROWS = 20
"""Checkpoints in the table before ``--verbose``."""

_LABELS, _ENDS = 12, 24
_WIDEST = 72


def trajectory(report: Report, style: Style) -> Iterable[RenderableType]:
    """The section on a series; nothing where there is none."""
    series = report.measurements.trajectory
    if series is None:
        return
    yield ""
    yield summed_up(story(report))
    yield from _curves(report.measurements.training_log, series, style.width)
    yield from _table(report, style)


def training(report: Report, style: Style) -> Iterable[RenderableType]:
    """The section on the log beside a single adapter; nothing where there is none, or nothing in it."""
    log = report.measurements.training_log
    if log is None or report.measurements.trajectory is not None or not statements(report):
        return
    yield ""
    yield Text("training log", style="bold")
    yield Padding(summed_up(story(report)), (0, 0, 0, 2))
    yield from _curves(log, None, style.width)
    if style.verbose:
        yield labelled(statements(report))


def _curves(log: TrainingLog | None, series: Trajectory | None, width: int) -> Iterable[RenderableType]:
    """Curves with their first and last values; under them, where the checkpoints lie and which step was best."""
    lines = _lines(log, series)
    steps = [step for _, points, _ in lines for step, _ in points]
    if len(set(steps)) < 2:
        return
    axis = Axis(min(steps), max(steps), max(min(width - _LABELS - _ENDS - 4, _WIDEST), 10))
    yield ""
    for label, points, color in lines:
        ends = [value for _, value in points]
        line = Text(f"  {label:<{_LABELS}}").append(f"{_end(ends[0], label):>8} ", "dim")
        line.append(f"{spark(points, axis)}", color).append(f" {_end(ends[-1], label)}", "dim")
        yield line
    found = main_evaluation(log)
    marks = [(row.step, "·" if not row.nonfinite else "!") for row in series.steps] if series else []
    best = [(found.best_step, "▲")] if found and found.best_step is not None else []
    told = "▲ best validation" + ("   · checkpoint" if series else "")
    yield Text(" " * (_LABELS + 11) + ruler(axis, [*marks, *best]), "dim")
    yield Text(" " * (_LABELS + 11) + _scale(axis), "dim")
    if best or marks:
        yield Text(" " * (_LABELS + 11) + (told if best else "· checkpoint"), "dim")


def _scale(axis: Axis) -> str:
    left, right = f"step {axis.low:,}", f"{axis.high:,}"
    return left + " " * max(axis.width - len(left) - len(right), 1) + right


def _end(value: float | None, label: str) -> str:
    return "not finite" if value is None else size(value) if label.startswith("‖") else fixed(value)


Line = tuple[str, Sequence[tuple[int, float | None]], str]


def _lines(log: TrainingLog | None, series: Trajectory | None) -> list[Line]:
    """What is drawn: label, points, colour."""
    found = main_evaluation(log)
    # Zeros after a loss that vanished stand for NaN.
    gone = log.vanished if log else None
    train = [
        (row.step, None if gone is not None and row.step >= gone else row.loss)
        for row in (log.train if log else ())
        if row.loss is not None or "loss" in row.nonfinite
    ]
    lines: list[Line] = [("training", train, "cyan")] if train else []
    if found is not None:
        lines.append(("validation", [(point.step, point.loss) for point in found.points], "yellow"))
    if series is not None:
        norms = [(row.step, row.frobenius_norm) for row in series.steps if row.measured or row.nonfinite]
        lines += [("‖ΔW‖F", norms, "green")] if norms else []
        shares = [(row.step, row.entropy_share) for row in series.steps if row.entropy_share is not None]
        lines += [("entropy rank", shares, "magenta")] if shares else []
    return lines


def _table(report: Report, style: Style) -> Iterable[RenderableType]:
    rows = step_rows(report)
    kept = rows if style.verbose else shown_rows(rows, ROWS)
    shown = figures(rows) if not style.verbose else list(FIGURES)
    every = columns(kept, [(figure.title, figure.worth, figure.say) for figure in shown])
    names = [called(row.step) for row in kept]
    longest = max(map(len, names), default=10)
    table = plain()
    table.add_column("checkpoint", no_wrap=True)
    fits = fitting(every, style.width - max(longest, 10) - 6) if every else []
    for column in fits:
        table.add_column(column.title, justify="right", no_wrap=True)
    for index, row in enumerate(kept):
        mark = Text(" ✓", "bold green") if row.best else Text(" !", "bold red") if row.step.nonfinite else Text("")
        table.add_row(Text(names[index]).append_text(mark), *(column.cells[index] for column in fits))
    yield ""
    yield table
    if len(kept) < len(rows):
        yield Text(f"  {len(rows) - len(kept):,} checkpoints in the middle left out: --verbose shows all", style="dim")
