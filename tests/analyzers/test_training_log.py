"""The measures of a log, beside what they are by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loradiag
from loradiag.analyzers.training_log import HELD, TRAIN, log_beside
from loradiag.core.trajectory import TrainingLog
from tests.conftest import FIXTURES, MakeAdapter
from tests.rules.learning import falling, state


def log(folder: Path, told: dict[str, Any]) -> TrainingLog:
    """The measures of a log."""
    (folder / "trainer_state.json").write_text(json.dumps(told))
    found = log_beside([folder])
    assert found is not None
    return found


def test_the_gap_is_taken_at_the_step_of_the_evaluation(tmp_path: Path) -> None:
    """The median of at most five losses since the evaluation before; where none was logged since, the next one."""
    train = {step: 10.0 - step for step in (1, 2, 3, 4, 5, 6, 7, 8)}
    found = log(tmp_path, state(train, {2: 9.0, 7: 6.0, 10: 5.0}))
    assert [(row.step, row.train, row.gap, row.points) for row in found.gaps[0].points] == [
        (2, 8.5, 0.5, 2),
        (7, 5.0, 1.0, 5),
        (10, 2.0, 3.0, 1),
    ]
    # Logged every ten steps, evaluated every five: the loss that covers step 5 is the mean of steps 1 to 10.
    found = log(tmp_path, state({10: 2.0, 20: 1.0}, {5: 2.5, 10: 2.5, 15: 1.5}))
    assert [(row.step, row.train, row.points) for row in found.gaps[0].points] == [
        (5, 2.0, 1),
        (10, 2.0, 1),
        (15, 1.0, 1),
    ]


def test_a_loss_that_vanished_is_told_from_one_that_sank(tmp_path: Path) -> None:
    """Exactly zero to the end, at once: NaN that the trainer left out. Sinking to zero is rounding."""
    sudden = {**dict.fromkeys(range(1, 11), 2.0), **dict.fromkeys(range(11, 15), 0.0)}
    assert log(tmp_path, state(sudden)).vanished == 11
    slow = {1: 1.0, 2: 0.1, 3: 0.01, 4: 0.001, 5: 0.0, 6: 0.0, 7: 0.0, 8: 0.0}
    assert log(tmp_path, state(slow)).vanished is None
    back = {**sudden, 15: 1.0}
    assert log(tmp_path, state(back)).vanished is None


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ({3}, (1, 3, 3, None)),
        ({1, 2, 3, 4, 5}, (5, 1, 5, 1)),
        ({2, 4, 5}, (3, 2, 5, 4)),
        ({5}, (1, 5, 5, 5)),
    ],
)
def test_what_is_not_finite_is_counted_and_followed_to_the_end(
    bad: set[int], expected: tuple[int, int, int, int | None], tmp_path: Path
) -> None:
    """How many, the first, the last, and since when all are."""
    found = log(tmp_path, state({step: math.nan if step in bad else 1.0 for step in range(1, 6)}))
    (row,) = found.nonfinite
    assert (row.count, row.first, row.last, row.since) == expected
    assert [point.step for point in found.train if point.nonfinite == ["loss"]] == sorted(bad)


def test_a_long_log_is_thinned_and_nothing_is_lost_that_matters(tmp_path: Path) -> None:
    """A hundred thousand losses: two thousand are kept, with the spike, the hole, and all counts of the whole."""
    rng = np.random.default_rng(0)
    train = {step: float(3 + rng.normal(0, 0.1)) for step in range(1, 30_001)}
    train[17_001], train[21_003] = 30.0, math.nan
    held = {step: 3.0 + step / 1e6 for step in range(10, 30_001, 10)}
    held[12_340] = 1.0
    found = log(tmp_path, state(train, held))
    assert found.count == 30_000
    assert len(found.train) <= TRAIN
    assert len(found.evaluations[0].points) <= HELD
    assert {17_001, 21_003, 1, 30_000} <= {row.step for row in found.train}
    assert found.nonfinite[0].count == 1
    assert (found.evaluations[0].best_step, found.evaluations[0].count) == (12_340, 3000)
    assert 12_340 in {row.step for row in found.evaluations[0].points}
    top = max(found.jumps, key=lambda row: row.rise)
    assert (top.step, top.loss) == (17_001, 30.0)
    assert top.rise == pytest.approx(27, abs=0.2)


def test_the_log_beside_a_single_adapter_is_inspected(make_adapter: MakeAdapter) -> None:
    """Where there is one; a checkpoint's own is judged with it."""
    adapter = make_adapter()
    assert loradiag.inspect(adapter).measurements.training_log is None
    (adapter / "trainer_state.json").write_text(json.dumps(state(falling(), {10: 1.0, 20: 1.5})))
    report = loradiag.inspect(adapter)
    assert report.measurements.training_log is not None
    assert "LD906" in {finding.code for finding in report.findings}
    reports = list(loradiag.inspect_all(FIXTURES / "adapters" / "series"))
    logs = [report.measurements.training_log for report in reports]
    assert [found.step for found in logs if found is not None] == [30, 60, 90, 120, 150, 180]


def test_the_best_as_the_trainer_chose_it_is_kept(tmp_path: Path) -> None:
    """By a metric that need not be the loss; older versions name its directory only."""
    found = log(tmp_path, state({1: 1.0}, best_model_checkpoint="out/checkpoint-60", best_metric=0.91))
    assert (found.chosen_step, found.chosen_metric) == (60, 0.91)
