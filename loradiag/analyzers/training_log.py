"""The training log beside an adapter: losses, gaps, rises, and what was not finite. Measured, not judged."""

from __future__ import annotations

import math
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from loradiag.analyzers.inspection import Inspection
from loradiag.core.numbers import median
from loradiag.core.text import path_text, plural
from loradiag.core.trajectory import (
    Course,
    EvalPoint,
    Evaluation,
    Gap,
    GapPoint,
    Jump,
    Level,
    NonFinite,
    TrainingLog,
    TrainPoint,
)

if TYPE_CHECKING:
    from loradiag.adapters.trainer_state import Held, Row, State

TRAIN, HELD = 2000, 1000
"""Points that a report keeps of the training loss, and of each set of held-out text."""

SMOOTHED = 5
"""Logged losses that tell the training loss at an evaluation, at most."""

_ZEROS, _SMALL = 3, 0.05
"""A loss that is exactly zero so many times in a row, to the end, after one above this vanished. Rounding sinks slowly."""

STATE = "trainer_state.json"


class _Stepped(Protocol):
    """Anything that was logged at a step."""

    @property
    def step(self) -> int: ...


Line = TypeVar("Line", bound=_Stepped)


def training_log(inspection: Inspection) -> TrainingLog | None:
    """Measure the log that lies beside the weights; None where there is none. One that cannot be read says why."""
    weights = inspection.adapter.weights
    return log_beside([weights[0].parent]) if weights else None


def log_beside(folders: Iterable[Path]) -> TrainingLog | None:
    """Measure the logs in some directories as the log of one run; None where there is none.

    The one that goes furthest counts; of each older one is taken what comes before everything that is known already.
    """
    paths = [path for folder in folders if os.path.lexists(path := folder / STATE)]
    if not paths:
        return None
    from loradiag.adapters.trainer_state import read_state
    from loradiag.core.errors import InputError

    states: list[tuple[Path, State]] = []
    problems = []
    for path in paths:
        try:
            states.append((path, read_state(path)))
        except InputError as error:
            problems.append(f"{_shown(path)} {error.problem}")
    if not states:
        return TrainingLog(sources=[_shown(path) for path in paths[:1]], problem=problems[0])
    states.sort(key=lambda pair: -(pair[1].step or 0))
    return _measured(states, [*problems, *_skipped(states)])


def _skipped(states: Sequence[tuple[Path, State]]) -> list[str]:
    path, state = states[0]
    lines = plural(state.skipped, "line")
    return [f"{_shown(path)} has {lines} that could not be understood"] if state.skipped else []


def _shown(path: Path) -> str:
    """The file with its directory, which of a series is the checkpoint."""
    return path_text(f"{path.parent.name}/{path.name}")


def _measured(states: Sequence[tuple[Path, State]], problems: Sequence[str]) -> TrainingLog:
    newest = states[0][1]
    train = _joined([state.train for _, state in states])
    names = dict.fromkeys(name for _, state in states for name in state.held)
    held = {name: _joined([state.held.get(name, ()) for _, state in states]) for name in names}
    finite = [(row.step, row.loss) for row in train if row.loss is not None and math.isfinite(row.loss)]
    rates = [row.learning_rate for row in train if row.learning_rate is not None]
    return TrainingLog(
        sources=[_shown(path) for path, _ in states],
        problem="; ".join(problems[:3]) or None,
        step=newest.step,
        max_steps=newest.max_steps,
        epochs=newest.epochs,
        save_steps=newest.save_steps,
        count=len(train),
        train=_points(train),
        evaluations=[_evaluation(name, points) for name, points in held.items() if points],
        gaps=[gap for name, points in held.items() if (gap := _gap(name, points, finite)) is not None],
        jumps=_jumps(finite),
        level=_level(finite),
        course=_course(finite),
        nonfinite=_nonfinite(train),
        vanished=_vanished(finite),
        restarts=list(newest.restarts[:100]),
        chosen_step=newest.chosen_step,
        chosen_metric=newest.chosen_metric,
        learning_rate_end=rates[-1] / max(rates) if rates and max(rates) > 0 else None,
    )


def _joined(logs: Sequence[Sequence[Line]]) -> list[Line]:
    """The newest log, and of each older one what comes before everything that is known already."""
    found: list[Line] = []
    for log in logs:
        first = found[0].step if found else None
        found = [*(line for line in log if first is None or line.step < first), *found]
    return found


def _points(train: Sequence[Row]) -> list[TrainPoint]:
    """The points for the report. Either kind of number may be the one with the extremes; the loss is what is drawn."""
    from loradiag.statistics.losses import thinned

    values = [_finite(row.loss) if not _bad(row) else None for row in train]
    return [_point(train[index]) for index in thinned(values, TRAIN)]


def _point(row: Row) -> TrainPoint:
    return TrainPoint(
        step=row.step,
        loss=_finite(row.loss),
        grad_norm=_finite(row.grad_norm),
        learning_rate=row.learning_rate,
        nonfinite=_bad(row),
    )


def _bad(row: Row) -> list[str]:
    pairs = (("loss", row.loss), ("grad_norm", row.grad_norm))
    return [name for name, value in pairs if value is not None and not math.isfinite(value)]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _evaluation(name: str, points: Sequence[Held]) -> Evaluation:
    from loradiag.statistics.losses import thinned

    losses = [_finite(point.loss) for point in points]
    known = [(loss, point.step) for loss, point in zip(losses, points, strict=True) if loss is not None]
    best = min(known, default=(None, None))
    return Evaluation(
        name=name,
        count=len(points),
        points=[EvalPoint(step=points[index].step, loss=losses[index]) for index in thinned(losses, HELD)],
        nonfinite=len(points) - len(known),
        best_step=best[1],
        best_loss=best[0],
        last_step=points[-1].step,
        last_loss=losses[-1],
    )


def _gap(name: str, points: Sequence[Held], train: Sequence[tuple[int, float]]) -> Gap | None:
    """The gap at each evaluation; None where the two are never known together."""
    from loradiag.statistics.losses import thinned

    steps = [step for step, _ in train]
    rows = []
    since = 0
    for point in points:
        if math.isfinite(point.loss) and (window := _window(steps, since, point.step)):
            middle = median(train[index][1] for index in window)
            if middle is not None:
                gap = point.loss - middle
                row = GapPoint(step=point.step, train=middle, validation=point.loss, gap=gap, points=len(window))
                rows += [row] if math.isfinite(gap) else []
        since = point.step
    ratio = median(row.train / row.validation for row in rows if row.validation > 0)
    kept = thinned([row.gap for row in rows], HELD)
    return Gap(name=name, points=[rows[index] for index in kept], ratio=_finite(ratio)) if rows else None


def _window(steps: Sequence[int], since: int, until: int) -> range:
    """Which losses tell the training loss at the step ``until``: those since the evaluation before, or the next one."""
    end = bisect_right(steps, until)
    start = max(bisect_right(steps, since), end - SMOOTHED)
    if start < end:
        return range(start, end)
    return range(end, min(end + 1, len(steps)))


def _jumps(train: Sequence[tuple[int, float]]) -> list[Jump]:
    from loradiag.statistics.losses import rises

    losses = [loss for _, loss in train]
    return [
        Jump(
            step=train[row.at][0],
            loss=losses[row.at],
            before=row.before,
            rise=row.rise,
            usual=row.usual,
            recovered=None if row.recovered is None else train[row.recovered][0],
            later=len(losses) - 1 - row.at,
        )
        for row in rises(losses)
        if all(map(math.isfinite, (row.before, row.rise, row.usual)))
    ]


def _level(train: Sequence[tuple[int, float]]) -> Level | None:
    from loradiag.statistics.losses import level

    found = level([loss for _, loss in train])
    if found is None or not all(map(math.isfinite, found)):
        return None
    step = train[found.least_index][0]
    return Level(start=found.start, least=found.least, least_step=step, end=found.end, window=found.window)


def _course(train: Sequence[tuple[int, float]]) -> Course | None:
    from loradiag.statistics.noise import waver

    found = waver([loss for _, loss in train])
    return None if found is None else Course(**found._asdict())


def _nonfinite(train: Sequence[Row]) -> list[NonFinite]:
    found = []
    for kind, values in (
        ("loss", [(row.step, row.loss) for row in train if row.loss is not None]),
        ("grad_norm", [(row.step, row.grad_norm) for row in train if row.grad_norm is not None]),
    ):
        bad = [step for step, value in values if not math.isfinite(value)]
        if bad:
            sound = [step for step, value in values if math.isfinite(value)]
            since = bad[bisect_left(bad, sound[-1])] if sound and sound[-1] < bad[-1] else None if sound else bad[0]
            found.append(
                NonFinite(kind=kind, count=len(bad), of=len(values), first=bad[0], last=bad[-1], since=since)  # type: ignore[arg-type]
            )
    return found


def _vanished(train: Sequence[tuple[int, float]]) -> int | None:
    """The step from which on the loss is exactly zero; None where it is not, or sank there."""
    zeros = 0
    while zeros < len(train) and train[-1 - zeros][1] == 0:
        zeros += 1
    if zeros < _ZEROS or zeros == len(train) or train[-1 - zeros][1] <= _SMALL:
        return None
    return train[-zeros][0]
