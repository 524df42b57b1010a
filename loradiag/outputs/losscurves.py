"""Losses over steps: which of them a chart shows, and on what scale."""

from __future__ import annotations

from collections.abc import Sequence

from loradiag.core.trajectory import TrainingLog

WIDE = 15.0
"""Losses whose largest is so many times their least are drawn on a logarithmic scale."""

SETS = 5
"""Sets of held-out text that are drawn."""


def is_wide(values: Sequence[float]) -> bool:
    """Whether losses need a logarithmic scale."""
    return min(values) > 0 and max(values) > WIDE * min(values)


def losses_of(log: TrainingLog) -> list[float]:
    """All losses that a chart draws."""
    found = [row.loss for row in log.train if row.loss is not None and not is_gone(log, row.step)]
    found += [point.loss for row in log.evaluations[:SETS] for point in row.points if point.loss is not None]
    return found


def most_drawn(log: TrainingLog, values: Sequence[float]) -> float:
    """The largest loss that is drawn where it is: single spikes would leave no room for the rest."""
    train = sorted(row.loss for row in log.train if row.loss is not None)
    if not train:
        return max(values)
    usual = train[int(0.99 * (len(train) - 1))]
    held = [point.loss for row in log.evaluations[:SETS] for point in row.points if point.loss is not None]
    most = max([usual, *held])
    return most if max(values) - min(values) > 1.5 * (most - min(values)) > 0 else max(values)


def is_gone(log: TrainingLog, step: int) -> bool:
    """Whether the loss at a step is no loss but what is logged of NaN."""
    return log.vanished is not None and step >= log.vanished
