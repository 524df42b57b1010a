"""Logs of a trainer: read whatever is in them, and never believed."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loradiag.adapters import trainer_state
from loradiag.adapters.trainer_state import NAME, read_state, whole
from loradiag.analyzers.training_log import log_beside
from loradiag.api.judging import default_policy, judged
from loradiag.core.errors import InputError
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Subject, decode, encode
from tests.conftest import FIXTURES


def wrote(folder: Path, lines: Any, **fields: Any) -> Path:
    """Write a state of which only the log lines matter."""
    path = folder / NAME
    path.write_text(json.dumps({"global_step": 10, "log_history": lines, **fields}))
    return path


def test_a_real_log_is_read_line_by_line() -> None:
    """The series of the fixtures: 36 losses and 6 evaluations, with what Trainer noted of the run."""
    path = FIXTURES / "adapters" / "series" / "checkpoint-180" / NAME
    lines = json.loads(path.read_text())["log_history"]
    state = read_state(path)
    assert [(row.step, row.loss, row.grad_norm) for row in state.train] == [
        (line["step"], line["loss"], line["grad_norm"]) for line in lines if "loss" in line
    ]
    assert [(row.step, row.loss) for row in state.held[""]] == [
        (line["step"], line["eval_loss"]) for line in lines if "eval_loss" in line
    ]
    assert (state.step, state.max_steps, state.save_steps, state.chosen_step) == (180, 180, 30, 180)
    assert (state.restarts, state.skipped) == ((), 0)


def test_bare_words_for_what_is_no_number_are_read(tmp_path: Path) -> None:
    """NaN, Infinity and -Infinity, as Python's json writes them."""
    lines = [{"step": 1, "loss": math.nan, "grad_norm": math.inf}, {"step": 2, "eval_loss": -math.inf}]
    text = wrote(tmp_path, lines).read_text()
    assert "NaN" in text
    assert "-Infinity" in text
    state = read_state(tmp_path / NAME)
    assert math.isnan(state.train[0].loss or 0)
    assert state.train[0].grad_norm == math.inf
    assert state.held[""][0].loss == -math.inf


def test_wrong_types_are_left_out(tmp_path: Path) -> None:
    """Text that is a number counts as one; lists, booleans, huge numbers, and lines without a step do not."""
    lines: list[Any] = [
        {"step": 1, "loss": "1.5"},
        {"step": "2", "loss": [1]},
        {"step": 3, "loss": True},
        {"step": 4.0, "loss": 10**400},
        {"step": 5, "loss": "x" * 100_000},
        {"step": -6, "loss": 1},
        {"step": 1e300, "loss": 1},
        {"step": math.nan, "loss": 1},
        {"loss": 1},
        "nonsense",
        None,
        {"step": 7, "loss": {"a": 1}, "grad_norm": 2},
    ]
    state = read_state(wrote(tmp_path, lines, max_steps="many", save_steps=-3, epoch=[], best_metric="nan"))
    assert [(row.step, row.loss, row.grad_norm) for row in state.train] == [(1, 1.5, None), (7, None, 2.0)]
    assert state.skipped == 6
    assert (state.max_steps, state.save_steps, state.epochs, state.chosen_metric) == (None, None, None, None)


def test_a_step_that_was_logged_twice_counts_once(tmp_path: Path) -> None:
    """The line that came last is taken."""
    state = read_state(wrote(tmp_path, [{"step": 1, "loss": 5}, {"step": 2, "loss": 4}, {"step": 2, "loss": 3}]))
    assert [(row.step, row.loss) for row in state.train] == [(1, 5.0), (2, 3.0)]


def test_what_a_restart_abandoned_is_left_out(tmp_path: Path) -> None:
    """A log that goes on at an earlier step is of another run from there on."""
    steps = [(10, 3), (20, 2), (30, 9), (40, 9), (25, 1.8), (35, 1.5)]
    state = read_state(wrote(tmp_path, [{"step": step, "loss": loss} for step, loss in steps]))
    assert [(row.step, row.loss) for row in state.train] == [(10, 3.0), (20, 2.0), (25, 1.8), (35, 1.5)]
    assert state.restarts == (25,)


def test_sets_of_held_out_text_are_told_apart(tmp_path: Path) -> None:
    """``eval_NAME_loss`` beside ``eval_loss``; what only looks like a loss is none; names are bounded in length and number."""
    lines: list[dict[str, Any]] = [
        {
            "step": 1,
            "eval_loss": 1,
            "eval_math_loss": 2,
            "eval_a_b_loss": 3,
            "eval_runtime": 9,
            "eval_lossy": 4,
            "train_loss": 5,
        },
        {"step": 2, **{f"eval_{'n' * 150}{index}_loss": 1 for index in range(500)}},
    ]
    state = read_state(wrote(tmp_path, lines))
    assert list(state.held)[:3] == ["", "math", "a_b"]
    assert len(state.held) <= trainer_state.MAX_SETS
    assert max(map(len, state.held)) <= 80


def test_evaluations_alone_are_a_log(tmp_path: Path) -> None:
    """Without a training loss there is no gap, but a best step."""
    wrote(tmp_path, [{"step": 1, "eval_loss": 2}, {"step": 2, "eval_loss": 1}])
    log = log_beside([tmp_path])
    assert log is not None
    assert (log.count, log.gaps, log.level) == (0, [], None)
    assert (log.evaluations[0].best_step, log.evaluations[0].best_loss) == (2, 1.0)


BAD = {
    "empty": b"",
    "not JSON": b"{",
    "a list": b"[]",
    "no log": b"{}",
    "a log of another kind": b'{"log_history": {"step": 1}}',
    "not UTF-8": b'{"log_history": ["\xff"]}',
    "deep": b"[" * 100_000,
    "a number of many digits": b'{"log_history": [' + b"9" * 10_000 + b"]}",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_log_says_so(name: str, tmp_path: Path) -> None:
    """An error with a reason for who asks for the log; a problem in the report for who asks for the adapter."""
    (tmp_path / NAME).write_bytes(BAD[name])
    with pytest.raises(InputError):
        read_state(tmp_path / NAME)
    log = log_beside([tmp_path])
    assert log is not None
    assert log.problem
    assert not log.train


def test_a_file_beyond_all_reason_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is said; no more than the limit is read."""
    monkeypatch.setattr(trainer_state, "MAX_BYTES", 1000)
    (tmp_path / NAME).write_bytes(b" " * 2000)
    with pytest.raises(InputError, match="larger"):
        read_state(tmp_path / NAME)


def test_a_directory_by_that_name_is_no_log(tmp_path: Path) -> None:
    """Nor is a link that leads nowhere."""
    (tmp_path / "a" / NAME).mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / NAME).symlink_to(tmp_path / "nowhere")
    for folder in ("a", "b"):
        log = log_beside([tmp_path / folder])
        assert log is not None
        assert "is no regular file" in (log.problem or "")


numbers = st.one_of(
    st.floats(), st.integers(), st.text(max_size=5), st.none(), st.booleans(), st.lists(st.integers(), max_size=2)
)
keys = st.sampled_from(
    ["step", "loss", "grad_norm", "learning_rate", "eval_loss", "eval_x_loss", "eval_\u202e_loss", "epoch"]
)
lines = st.lists(
    st.one_of(st.dictionaries(keys, st.one_of(numbers, st.integers(0, 60)), max_size=6), numbers), max_size=60
)


@given(
    found=lines,
    fields=st.dictionaries(st.sampled_from(["global_step", "max_steps", "save_steps", "best_metric"]), numbers),
)
@settings(deadline=None, max_examples=150)
def test_any_log_is_measured_and_judged(
    found: list[Any], fields: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the lines hold: steps ascend, a report comes of it with no number that JSON lacks, and it reads back."""
    folder = tmp_path_factory.mktemp("log")
    (folder / NAME).write_text(json.dumps({"log_history": found, **fields}), errors="backslashreplace")
    log = log_beside([folder])
    assert log is not None
    rows = [[point.step for point in log.train]]
    rows += [[point.step for point in part.points] for part in log.evaluations]
    rows += [[point.step for point in part.points] for part in log.gaps]
    assert all(steps == sorted(set(steps)) for steps in rows)
    report = judged(Subject(path="x"), Measurements(training_log=log), Accounting(), default_policy())
    text = encode(report)
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
    assert decode(text) == [report]


@given(st.one_of(numbers, st.floats(0, 1e16)))
def test_a_step_is_a_whole_number_in_reach(value: object) -> None:
    """Or it is none."""
    found = whole(value)
    assert found is None or (isinstance(found, int) and 0 <= found <= trainer_state.MAX_STEP)
