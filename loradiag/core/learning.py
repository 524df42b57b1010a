"""What a log and a series of checkpoints say together: which evaluation counts, since when it is flat, what grew since."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import median

import msgspec

from loradiag.core.trajectory import EvalPoint, Evaluation, TrainingLog, Trajectory, TrajectoryStep

FLAT = 0.01
"""Nats by which validation may still improve where it is called flat: a convention."""

_FEWEST = 5
"""Evaluations from which their wavering can be told from their course: three second differences."""
_QUARTILE = 0.6745
"""Median of the absolute value of a standard normal number."""


class Growth(msgspec.Struct, frozen=True):
    """How much the update grew while validation was flat: from ``first`` to ``last``, by ``share`` of its norm at ``first``.

    ``since``: the evaluation from which on the loss improved by no more than ``gain``.
    """

    since: int
    gain: float
    first: TrajectoryStep
    last: TrajectoryStep
    share: float


def main_evaluation(log: TrainingLog | None) -> Evaluation | None:
    """The held-out text that counts: the unnamed set, else the one evaluated most often; None without evaluations."""
    sets = log.evaluations if log else []
    unnamed = next((row for row in sets if not row.name), None)
    return unnamed or max(sets, key=lambda row: row.count, default=None)


def summed_over(log: TrainingLog, least: float) -> float:
    """Return how many times nats a token the training loss seems to be, by the validation loss; 1 below ``least``.

    Some trainers log the sum over accumulation steps, whose rises and noise are as many times as large.
    """
    found = main_evaluation(log)
    ratio = next((gap.ratio for gap in log.gaps if found is not None and gap.name == found.name), None)
    return ratio if ratio is not None and ratio >= least else 1.0


def wavering(found: Evaluation) -> float:
    """Return the standard deviation of single evaluations about their course, in nats; 0 where there are fewer than five.

    From the median of absolute second differences, which a smooth course hardly has and a single spike does not move: of
    independent normal noise they have √6 times its deviation (differencing as in Gasser, Sroka & Jennen-Steinmetz 1986).
    """
    losses = [point.loss for point in found.points if point.loss is not None]
    if len(losses) < _FEWEST:
        return 0.0
    bends = [abs(a - 2 * b + c) for a, b, c in zip(losses, losses[1:], losses[2:], strict=False)]
    return median(bends) / (_QUARTILE * sqrt(6))


def held_fall(found: Evaluation) -> float | None:
    """How far the loss fell from the first evaluation to the last, in nats; None of fewer than two, or if one is not known."""
    if len(found.points) < 2 or found.points[0].loss is None or found.last_loss is None:
        return None
    return found.points[0].loss - found.last_loss


def loss_at(found: Evaluation, step: int) -> EvalPoint | None:
    """The evaluation at a step, or the last before it where the next one was not due yet; None if there is none."""
    before = [point for point in found.points if point.step <= step]
    if not before or before[-1].step == step:
        return before[-1] if before else None
    apart = before[-1].step - before[-2].step if len(before) > 1 else 0
    return before[-1] if step - before[-1].step < apart else None


def best_saved(found: Evaluation, steps: Sequence[TrajectoryStep]) -> tuple[TrajectoryStep, float] | None:
    """The checkpoint, of those with a finite update that is not zero, with the least loss; None if none was evaluated."""
    there = [
        (point.loss, index)
        for index, row in enumerate(steps)
        if not row.nonfinite and row.frobenius_norm != 0
        if (point := loss_at(found, row.step)) is not None and point.loss is not None
    ]
    return (steps[min(there)[1]], min(there)[0]) if there else None


def flat_since(found: Evaluation, tolerance: float) -> tuple[int, float] | None:
    """The first evaluation after which the loss never gets better by more than ``tolerance``, and by how much it still does.

    None if that is the last one, or a loss is not known.
    """
    points = found.points
    losses = [point.loss for point in points if point.loss is not None]
    if len(losses) < len(points) or len(points) < 2:
        return None
    least = losses[-1]
    since = None
    for index in range(len(losses) - 2, -1, -1):
        if losses[index] - least > tolerance:
            break
        since = (points[index].step, max(losses[index] - least, 0.0))
        least = min(least, losses[index])
    return since


def growth(log: TrainingLog | None, series: Trajectory | None, tolerance: float = FLAT) -> Growth | None:
    """How much the update grew since validation became flat; None where it did not, or nothing tells.

    Where validation ends above its best by more than ``tolerance``, since that.
    """
    found = main_evaluation(log)
    if series is None or found is None or found.last_loss is None or found.best_loss is None or not series.comparable:
        return None
    flat = flat_since(found, tolerance)
    if found.best_step is not None and found.last_loss - found.best_loss > tolerance:
        flat = (found.best_step, 0.0)
    if flat is None:
        return None
    steps = [row for row in series.steps if row.step >= flat[0] and row.frobenius_norm]
    if len(steps) < 2 or steps[0].measured != steps[-1].measured:
        return None
    first, last = steps[0], steps[-1]
    share = (last.frobenius_norm or 0.0) / (first.frobenius_norm or 1.0) - 1
    return Growth(flat[0], flat[1], first, last, share)


def late_gain(found: Evaluation) -> tuple[int, float] | None:
    """From the last evaluation within the first two thirds of the steps to the last: its step, and how much the loss fell.

    None where it is not known, or where the last is not the best.
    """
    if found.last_loss is None or found.best_step != found.last_step:
        return None
    earlier = [point for point in found.points if point.step * 3 <= found.last_step * 2 and point.loss is not None]
    if not earlier or earlier[-1].loss is None:
        return None
    return earlier[-1].step, earlier[-1].loss - found.last_loss
