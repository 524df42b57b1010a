"""What evaluations waver by, and whether a training loss is a sum, from curves that are drawn with known ones."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from loradiag.analyzers.training_log import log_beside
from loradiag.core.learning import held_fall, summed_over, wavering
from loradiag.core.trajectory import EvalPoint, Evaluation, Gap, GapPoint, TrainingLog
from tests.rules.learning import falling, state


def evaluation(losses: list[float | None]) -> Evaluation:
    """Evaluations at every tenth step."""
    points = [EvalPoint(step=10 * number, loss=loss) for number, loss in enumerate(losses, 1)]
    return Evaluation(
        name="", count=len(points), points=points, nonfinite=0, best_step=10, best_loss=1.0, last_step=10, last_loss=1.0
    )


@pytest.mark.parametrize("deviation", [0.003, 0.03, 0.3])
def test_wavering_is_the_noise_and_not_the_course(deviation: float) -> None:
    """Of a falling curve with normal noise the noise is found, within what a thousand values tell."""
    rng = np.random.default_rng(5)
    course = 1 + 2 * np.exp(-np.arange(1000) / 200)
    found = wavering(evaluation((course + deviation * rng.standard_normal(1000)).tolist()))
    assert found == pytest.approx(deviation, rel=0.1)


def test_a_smooth_course_and_a_single_spike_do_not_waver() -> None:
    """Lines have no second differences, and the median does not see three of twenty."""
    line = [3 - 0.1 * number for number in range(22)]
    assert wavering(evaluation(list(line))) == pytest.approx(0, abs=1e-12)
    line[10] += 5
    assert wavering(evaluation(list(line))) == pytest.approx(0, abs=1e-12)


def test_few_evaluations_tell_nothing() -> None:
    """Four make two second differences; evaluations that were not finite do not count."""
    assert wavering(evaluation([1.0, 2.0, 1.0, 2.0])) == 0
    assert wavering(evaluation([1.0, None, 2.0, 1.0, 2.0])) == 0
    assert wavering(evaluation([1.0, 2.0, 1.0, 2.0, 1.0])) == pytest.approx(2 / (0.6745 * 6**0.5))


def test_a_fall_on_held_out_text_is_from_the_first_evaluation_to_the_last() -> None:
    """None of one alone, and where either end was not finite."""
    whole = msgspec.structs.replace(evaluation([3.0, 1.0, 1.5]), last_loss=1.5)
    assert held_fall(whole) == 1.5
    assert held_fall(evaluation([3.0])) is None
    assert held_fall(evaluation([None, 2.0])) is None
    assert held_fall(msgspec.structs.replace(whole, last_loss=None)) is None


def log_of(ratio: float | None, name: str, folder: Path) -> TrainingLog:
    """A log with evaluations of the unnamed set, and a ratio of losses on some set."""
    (folder / "trainer_state.json").write_text(json.dumps(state(falling(), {10: 1.2, 20: 1.1})))
    made = log_beside([folder])
    assert made is not None
    gap = Gap(name=name, points=[GapPoint(step=10, train=1.0, validation=1.0, gap=0.0, points=1)], ratio=ratio)
    return msgspec.structs.replace(made, gaps=[gap])


@pytest.mark.parametrize(("ratio", "times"), [(8.0, 8.0), (1.8, 1.8), (1.7, 1.0), (0.4, 1.0), (None, 1.0)])
def test_a_training_loss_is_a_sum_from_a_ratio_on(ratio: float | None, times: float, tmp_path: Path) -> None:
    """Below it, and where nothing is known, it is taken for what it says it is."""
    assert summed_over(log_of(ratio, "", tmp_path), 1.8) == times


def test_other_sets_do_not_say_what_is_summed(tmp_path: Path) -> None:
    """Only the set that counts is held against the training loss."""
    assert summed_over(log_of(8.0, "other", tmp_path), 1.8) == 1
