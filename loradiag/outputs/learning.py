"""A training log and a series of checkpoints in words and figures. All text is safe to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import msgspec

from loradiag.core.learning import FLAT, best_saved, flat_since, growth, late_gain, loss_at, main_evaluation
from loradiag.core.numbers import median
from loradiag.core.report import Report
from loradiag.core.text import listed, plural, printable, shorten
from loradiag.core.trajectory import Evaluation, TrainingLog, Trajectory, TrajectoryStep
from loradiag.outputs.advice import Advice
from loradiag.outputs.arrange import active
from loradiag.outputs.facts import percent, short_number

NONE = "–"
VALIDATION = "validation"

Tone = Literal["pass", "inconclusive", "fail"]


class StepRow(NamedTuple):
    """A checkpoint with the losses at its step, where the log has them. ``near``: validation is of shortly before it."""

    step: TrajectoryStep
    train: float | None
    validation: float | None
    near: bool
    best: bool


class Figure(msgspec.Struct, frozen=True):
    """A column: its title, what it means, what it is worth in a narrow terminal, and how to say and sort it."""

    title: str
    meaning: str
    worth: int
    value: Callable[[StepRow], float | None]
    form: Callable[[float | None], str] = short_number

    def say(self, row: StepRow) -> str:
        """The value in words."""
        about = "≈" if row.near and self.title == VALIDATION else ""
        return f"{about}{self.form(self.value(row))}"


def fixed(value: float | None) -> str:
    """A loss or a cosine, to three places."""
    return NONE if value is None else f"{value:.3f}"


def size(value: float | None) -> str:
    """A norm: whole from a thousand on."""
    return f"{value:,.0f}" if value is not None and 1000 <= value < 1e6 else short_number(value)


FIGURES = (
    Figure("training", "training loss at the step, smoothed", 7, lambda row: row.train, fixed),
    Figure(VALIDATION, "loss on held-out text at the step; ≈: shortly before it", 9, lambda row: row.validation, fixed),
    Figure("‖ΔW‖F", "size of the whole update", 8, lambda row: row.step.frobenius_norm, size),
    Figure("change", "‖Δ − Δ before‖ / ‖Δ‖: how far it moved since the checkpoint before", 6, lambda row: row.step.change),
    Figure("cos last", "cosine of the update with that of the last checkpoint", 5, lambda row: row.step.cosine_last, fixed),
    Figure("entropy", "entropy rank over r, median of modules", 4, lambda row: row.step.entropy_share, percent),
    Figure("above 10%", "singular values above 10% of the largest, over r, median", 1,
           lambda row: row.step.effective_share_10, percent),
    Figure("stable", "stable rank, median of modules", 3, lambda row: row.step.stable_rank),
    Figure("left", "overlap of what is written with that of the last checkpoint, median", 2,
           lambda row: row.step.left_last, fixed),
    Figure("right", "overlap of what is read with that of the last checkpoint, median", 0,
           lambda row: row.step.right_last, fixed),
)  # fmt: skip


def figures(rows: Sequence[StepRow]) -> list[Figure]:
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


def story(report: Report) -> Advice:
    """What became of the run, in a sentence or two, and what is to be known besides."""
    series, log = report.measurements.trajectory, report.measurements.training_log
    tone, said = _headline(report)
    more = []
    if said[1]:
        more.append(said[1])
    if log is not None and log.level is not None and log.vanished is None:
        more.append(_training(log))
    if series is not None:
        more += _movement(series, log)
        more += _lacking(series)
    return Advice(tone, said[0], tuple(more))


def _headline(report: Report) -> tuple[Tone, tuple[str, str]]:
    """Its tone, the sentence, and what belongs under it."""
    series, log = report.measurements.trajectory, report.measurements.training_log
    codes = {finding.code: finding for finding in active(report)}
    broken = next((row for row in series.steps if row.nonfinite), None) if series else None
    if broken is not None and series is not None:
        sound = [row for row in series.steps if not row.nonfinite and row.step < broken.step]
        take = f"; {called(sound[-1])} is the last sound one" if sound else ""
        return "fail", (f"lost from step {broken.step:,} on: its updates are not finite{take}", "")
    if series is not None and len(series.steps) > 1 and all(row.frobenius_norm == 0 for row in series.steps):
        return "fail", ("nothing was trained: the update is zero at every checkpoint", "")
    found = main_evaluation(log)
    if found is None or found.best_step is None or found.best_loss is None:
        return "inconclusive", ("no validation loss in the log: nothing tells which step is best", "")
    of = f" of {log.step:,}" if log and log.step and log.step != found.best_step else ""
    validation = f"validation{_named(found)}"
    if "LD902" in codes or ("LD905" in codes and found.last_loss is None):
        return "fail", (f"{validation} is not finite at the end; it was best at step {found.best_step:,}{of}", "")
    if "LD903" in codes:
        under = f"{validation} was best at step {found.best_step:,}{of} ({found.best_loss:.3f})"
        return "fail", ("the run diverged: the training loss rose and stayed up", under)
    rise = (found.last_loss or found.best_loss) - found.best_loss
    if "LD906" in codes:
        best = best_saved(found, series.steps) if series else None
        take = f"take {called(best[0])}: " if best and series and best[0] is not series.steps[-1] else ""
        return "inconclusive", (f"{take}best at step {found.best_step:,}{of} ({found.best_loss:.3f}); validation ends "
                                f"{rise:.3f} above that", "")  # fmt: skip
    if found.best_step == found.last_step:
        text = f"best at the last evaluation, step {found.best_step:,}{of} ({found.best_loss:.3f})"
    else:
        text = f"best at step {found.best_step:,}{of} ({found.best_loss:.3f}), and {rise:.3f} above that at the end"
    return "pass", (f"{text}; {_course(found)}", "")


def _named(found: Evaluation) -> str:
    return f" on {shorten(printable(found.name), 40)}" if found.name else ""


def _course(found: Evaluation) -> str:
    """Whether validation still falls, or since when it is flat."""
    flat, late = flat_since(found, FLAT), late_gain(found)
    if flat is not None and (late is None or late[1] < 2 * FLAT):
        return f"validation flat since step {flat[0]:,}"
    if late is not None and late[1] > 0:
        return f"validation still falls, by {late[1]:.3f} since step {late[0]:,}"
    return "one evaluation tells no course" if found.count == 1 else "validation fell to the end"


def _training(log: TrainingLog) -> str:
    level = log.level
    assert level is not None, "asked for a log with a level"
    said = f"training loss, smoothed, {level.start:.2f} → {level.end:.2f}"
    found = main_evaluation(log)
    last = next((gap.points[-1] for gap in log.gaps if found and gap.name == found.name and gap.points), None)
    if last is None:
        return said
    side = "above" if last.gap >= 0 else "below"
    return f"{said}; at step {last.step:,} validation lies {abs(last.gap):.2f} nats {side} it"


def _movement(series: Trajectory, log: TrainingLog | None) -> list[str]:
    """How the update grew and turned."""
    known = [row for row in series.steps if row.frobenius_norm]
    if len(known) < 2:
        return ["one checkpoint: nothing to compare it with"] if len(series.steps) == 1 else []
    first, before, last = known[0], known[-2], known[-1]
    late = (last.frobenius_norm or 0.0) / (before.frobenius_norm or 1.0) - 1
    grew = f"{late:+.0%}" if abs(late) >= 0.0995 else f"{late:+.1%}"
    said = [f"‖ΔW‖ {size(first.frobenius_norm)} at step {first.step:,} → {size(last.frobenius_norm)} at step {last.step:,}, "
            f"{grew} since step {before.step:,}"]  # fmt: skip
    grown = growth(log, series)
    if grown is not None and grown.first is not before and grown.share >= 0.005:
        said.append(f"grew by {grown.share:.0%} from step {grown.first.step:,} on, while validation got no better")
    turned = next((row for row in known if (row.cosine_last or 0.0) >= 0.9), None)
    if turned is not None and turned is not last and series.comparable:
        said.append(
            f"its direction was found by step {turned.step:,} (cosine {turned.cosine_last:.2f} with the last checkpoint)"
        )
    return said


def _lacking(series: Trajectory) -> list[str]:
    said = []
    if series.missing and series.spacing:
        more = "+" if len(series.missing) >= 1000 else ""
        said.append(
            f"holes: {len(series.missing):,}{more} of the checkpoints every {series.spacing:,} steps are not there"
        )
    if series.unread:
        names = [f"step {row.step:,}" if row.step is not None else "one" for row in series.unread]
        said.append(f"could not be read: {listed(names, 5)}")
    if not series.comparable:
        said.append("the factors hold part of the base, so sizes and directions are not those of the training alone")
    return said


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
            f"best{_named(row)}",
            f"{row.best_loss:.4f} at step {row.best_step:,}, last {fixed(row.last_loss)} at step {row.last_step:,}",
        )
        for row in log.evaluations[:4]
        if row.best_loss is not None and row.best_step is not None
    ]
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
