"""A training log and a series of checkpoints in words and figures. All text is safe to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from loradiag.core.learning import best_saved, loss_at, main_evaluation
from loradiag.core.numbers import median
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.core.trajectory import Evaluation, TrainingLog, Trajectory, TrajectoryStep
from loradiag.outputs.facts import percent, short_number
from loradiag.outputs.figure import Figure

Curve = tuple[str, str]
"""A field of a step, and what it is called."""

CHARTS: Sequence[tuple[str, Sequence[Curve], tuple[float, float] | None]] = (
    ("‖ΔW‖F, the size of the update", (("frobenius_norm", "‖ΔW‖F"),), None),
    ("Change since the checkpoint before", (("change", "change"),), None),
    (
        "Ranks, as shares of r (medians)",
        (("entropy_share", "entropy rank"), ("effective_share_10", "above 10% of σ₁")),
        (0.0, 1.0),
    ),
    (
        "Direction, beside the last checkpoint",
        (("cosine_last", "cosine"), ("left_last", "left overlap"), ("right_last", "right overlap")),
        (0.0, 1.0),
    ),
)
"""Of small charts over the steps: a title, its curves, and the ends of the axis where they are fixed."""

MODULE_MEASURES = (
    ("frobenius_norm", "‖ΔW‖F", True),
    ("change", "change since the checkpoint before", False),
    ("cosine_last", "cosine with the last", False),
    ("entropy_share", "entropy rank over r", False),
)
"""Field, title, and whether its colours are logarithmic."""

NONE = "–"


class StepRow(NamedTuple):
    """A checkpoint with the losses at its step, where the log has them. ``near``: validation is of shortly before it."""

    step: TrajectoryStep
    train: float | None
    validation: float | None
    near: bool
    best: bool


def fixed(value: float | None) -> str:
    """A loss or a cosine, to three places."""
    return NONE if value is None else f"{value:.3f}"


def size(value: float | None) -> str:
    """A norm: whole from a thousand on."""
    return f"{value:,.0f}" if value is not None and 1000 <= value < 1e6 else short_number(value)


def _validation(row: StepRow) -> str:
    return f"{'≈' if row.near else ''}{fixed(row.validation)}"


def _figure(
    title: str,
    meaning: str,
    worth: int,
    value: Callable[[StepRow], float | None],
    form: Callable[[float | None], str] = short_number,
) -> Figure[StepRow]:
    return Figure(title, meaning, worth, value, lambda row: form(value(row)))


FIGURES: Sequence[Figure[StepRow]] = (
    _figure("training", "training loss at the step, smoothed", 7, lambda row: row.train, fixed),
    Figure("validation", "loss on held-out text; ≈: shortly before it", 9, lambda row: row.validation, _validation),
    _figure("‖ΔW‖F", "size of the whole update", 8, lambda row: row.step.frobenius_norm, size),
    _figure("change", "‖Δ − Δ before‖ / ‖Δ‖: how far it moved since the one before", 6, lambda row: row.step.change, percent),
    _figure("cos last", "cosine of the update with that of the last checkpoint", 5, lambda row: row.step.cosine_last, fixed),
    _figure("entropy", "entropy rank over r, median of modules", 4, lambda row: row.step.entropy_share, percent),
    _figure("above 10%", "singular values above 10% of the largest, over r, median", 1,
           lambda row: row.step.effective_share_10, percent),
    _figure("stable", "stable rank, median of modules", 3, lambda row: row.step.stable_rank),
    _figure("left", "overlap of what is written with that of the last checkpoint, median", 2,
           lambda row: row.step.left_last, fixed),
    _figure("right", "overlap of what is read with that of the last checkpoint, median", 0,
           lambda row: row.step.right_last, fixed),
)  # fmt: skip


def figures(rows: Sequence[StepRow]) -> list[Figure[StepRow]]:
    """The columns that some checkpoint has a value of."""
    return [figure for figure in FIGURES if any(figure.value(row) is not None for row in rows)]


def step_rows(report: Report) -> list[StepRow]:
    """The checkpoints in order, with their losses."""
    series, log = report.measurements.trajectory, report.measurements.training_log
    if series is None:
        return []
    found = main_evaluation(log)
    best = best_saved(found, series.steps) if found else None
    rows = []
    for row in series.steps:
        held = loss_at(found, row.step) if found else None
        near = held is not None and held.step != row.step
        loss = held.loss if held else None
        rows.append(StepRow(row, _train_at(log, row.step), loss, near, best is not None and best[0] is row))
    return rows


def shown_rows(rows: Sequence[StepRow], most: int) -> list[StepRow]:
    """At most so many of many checkpoints: the first and the last, and between them the best and the first that is broken."""
    if len(rows) <= most:
        return list(rows)
    broken = next((row for row in rows if row.step.nonfinite), None)
    half = most // 2
    return [
        row for index, row in enumerate(rows) if index < half or index >= len(rows) - half or row.best or row is broken
    ]


def _train_at(log: TrainingLog | None, step: int) -> float | None:
    """The training loss at a step: as beside an evaluation, else the median of the last three values up to it."""
    if log is not None and log.vanished is not None and step >= log.vanished:
        return None
    for gap in log.gaps if log else ():
        for point in gap.points:
            if point.step == step:
                return point.train
    logged = [point for point in log.train if point.loss is not None and point.step <= step] if log else []
    near = logged[-3:]
    if len(near) < 2 or step - near[-1].step > near[-1].step - near[-2].step:
        return near[-1].loss if near and near[-1].step == step else None
    return median(point.loss for point in near if point.loss is not None)


def called(row: TrajectoryStep) -> str:
    """A checkpoint by the name of its directory or file."""
    return shorten(printable(row.path.rstrip("/").rpartition("/")[2]), 40)


def of_set(found: Evaluation) -> str:
    """Say which set of held-out text, where it has a name."""
    return f" on {shorten(printable(found.name), 40)}" if found.name else ""


def statements(report: Report) -> list[tuple[str, str]]:
    """Pairs of label and text: what was logged."""
    log = report.measurements.training_log
    if log is None or not (log.count or log.evaluations):
        return []
    plan = f" of {log.max_steps:,} planned" if log.max_steps and log.max_steps != log.step else ""
    epochs = f", {short_number(log.epochs)} epochs" if log.epochs else ""
    said = [("steps", f"{log.step:,}{plan}{epochs}")] if log.step is not None else []
    said.append(("logged", f"{plural(log.count, 'training loss') if log.count == 1 else f'{log.count:,} training losses'}, "
                           f"{plural(sum(row.count for row in log.evaluations), 'evaluation')}"))  # fmt: skip
    said += [
        (
            f"best{of_set(row)}",
            f"{row.best_loss:.4f} at step {row.best_step:,}, last {fixed(row.last_loss)} at step {row.last_step:,}",
        )
        for row in log.evaluations[:4]
        if row.best_loss is not None and row.best_step is not None
    ]
    if log.course is not None:
        fall = f"{log.course.fall:.3f} ± {log.course.fall_error:.3f}"
        said.append(
            (
                "noise",
                f"single training losses waver by {log.course.noise:.3f}; a line through them falls by {fall}",
            )
        )
    if log.restarts:
        said.append(("resumed", f"at step {listed([f'{step:,}' for step in log.restarts], 4)}"))
    return said


def facts_of(report: Report, series: Trajectory) -> list[tuple[str, str]]:
    """The header of a report about a series."""
    subject, log = report.subject, report.measurements.training_log
    steps = [f"{row.step:,}" for row in series.steps]
    ranks = [
        f"{rank} ({count}×)" if len(subject.ranks) > 1 else rank for rank, count in list(subject.ranks.items())[:3]
    ]
    return [
        (
            "checkpoints",
            f"{len(steps):,}: {', '.join(steps) if len(steps) <= 8 else f'steps {steps[0]} to {steps[-1]}'}",
        ),
        ("method", shorten(printable(subject.method or "unknown"), 60)),
        ("base", shorten(printable(subject.base), 60) if subject.base else "not named"),
        ("rank", ", ".join(map(printable, ranks)) or "none"),
        ("modules", f"{subject.modules:,}"),
        ("log", shorten(printable(log.sources[0]), 60) if log and log.sources else "none beside the checkpoints"),
    ]


def in_short(reports: Sequence[Report]) -> list[str]:
    """Where each run was best; nothing where none is about a series."""
    if all(report.measurements.trajectory is None for report in reports):
        return []
    return [_in_short(report) for report in reports]


def _in_short(report: Report) -> str:
    if report.measurements.trajectory is None:
        return ""
    found = main_evaluation(report.measurements.training_log)
    if found is None or found.best_step is None:
        return plural(len(report.measurements.trajectory.steps), "checkpoint")
    return f"best at {found.best_step:,} of {max(found.last_step, found.best_step):,}"
