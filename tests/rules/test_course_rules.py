"""LD903 and LD915: a rise and a fall are held against the noise of the log, where the report holds it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from loradiag.analyzers.training_log import log_beside
from loradiag.api.judging import default_policy, judged
from loradiag.core.findings import Finding, Severity
from loradiag.core.measurements import Measurements
from loradiag.core.report import Accounting, Report, Subject, decode, encode
from loradiag.core.trajectory import TrainingLog
from tests.rules.learning import Losses, state


def log_of(folder: Path, losses: list[float], held: Losses | None = None) -> TrainingLog:
    """The measures of a log with a loss at each step."""
    (folder / "trainer_state.json").write_text(json.dumps(state(dict(enumerate(losses, 1)), held)))
    found = log_beside([folder])
    assert found is not None
    return found


def report_of(log: TrainingLog) -> Report:
    """A report that holds the log alone, judged."""
    return judged(Subject(path="a"), Measurements(training_log=log), Accounting(), default_policy())


def finding(log: TrainingLog, code: str) -> Finding | None:
    """What the rule says of it."""
    return next((row for row in report_of(log).findings if row.code == code), None)


def before_1_8(log: TrainingLog) -> Report:
    """The report as version 1.7 would have written it, read back and judged again."""
    document = json.loads(encode(report_of(log)))
    document["schema_version"] = "1.7"
    del document["measurements"]["training_log"]["course"]
    (old,) = decode(json.dumps(document).encode())
    assert old.measurements.training_log is not None
    return report_of(old.measurements.training_log)


def level(seed: int, count: int = 100, noise: float = 0.05) -> list[float]:
    """A log in which nothing was learned."""
    return (2 + noise * np.random.default_rng(seed).standard_normal(count)).tolist()


def test_a_fall_by_luck_is_none(tmp_path: Path) -> None:
    """Nine of ten logs in which nothing was learned are called so; of their smoothed losses a fifth fall by 0.02 and more."""
    logs = [log_of(tmp_path, level(seed)) for seed in range(40)]
    lucky = [log for log in logs if log.level is not None and log.level.start - log.level.end >= 0.02]
    assert len(lucky) >= 6
    found = [finding(log, "LD915") for log in logs]
    assert sum(row is not None and row.severity is Severity.WARNING for row in found) >= 36
    assert any(row is not None for log, row in zip(logs, found, strict=True) if log in lucky)


def test_reports_before_1_8_are_judged_as_they_were(tmp_path: Path) -> None:
    """They hold no noise: a smoothed fall of 0.02 and a rise of 0.3 nats decide alone."""
    logs = [log_of(tmp_path, level(seed)) for seed in range(40)]
    for log in logs:
        assert log.level is not None
        old = {row.code for row in before_1_8(log).findings}
        assert ("LD915" in old) == (log.level.start - log.level.end < 0.02)
    for log in risen(tmp_path):
        assert {row.code: row.severity for row in before_1_8(log).findings}["LD903"] is not Severity.INFO


def test_a_small_fall_that_is_sure_is_one(tmp_path: Path) -> None:
    """0.04 nats, with noise of a tenth of it: the line through all of it tells, and so do start and end."""
    falls = np.linspace(0.04, 0, 100) + np.random.default_rng(1).normal(1, 0.004, 100)
    assert finding(log_of(tmp_path, falls.tolist()), "LD915") is None


@pytest.mark.parametrize(("held", "fires"), [({10: 1.9, 100: 1.7}, False), ({10: 2.0, 100: 1.999}, True), (None, True)])
def test_held_out_text_may_tell_of_learning(held: Losses | None, fires: bool, tmp_path: Path) -> None:
    """Where validation fell, something was learned, however the training loss wavers."""
    assert (finding(log_of(tmp_path, level(0), held), "LD915") is not None) is fires


def test_a_log_too_noisy_to_tell_says_so(tmp_path: Path) -> None:
    """A fall of 0.1 with an error as large is neither one nor none: a note."""
    draw = np.random.default_rng(0).standard_normal(40)
    draw -= np.polyval(np.polyfit(np.log(np.arange(1, 41)), draw, 1), np.log(np.arange(1, 41)))
    values = 2 - 0.15 * np.log(np.arange(1, 41)) / np.log(40) + 0.35 * draw
    row = finding(log_of(tmp_path, values.tolist()), "LD915")
    assert row is not None
    assert row.severity is Severity.INFO
    assert "too noisy to tell" in row.message


def short(seed: int) -> list[float]:
    """Thirty losses of batches of two, which fall from 2.4 to 1.6."""
    rng = np.random.default_rng(seed)
    share = np.arange(1, 31) / 30
    return (1.6 + 0.8 / (1 + 10 * share) + 0.35 * rng.standard_normal(30)).tolist()


def risen(folder: Path) -> list[TrainingLog]:
    """Those of fifty whose smoothed loss ends 0.3 nats above its least."""
    logs = [log_of(folder, short(seed)) for seed in range(50)]
    return [log for log in logs if log.level is not None and log.level.end - log.level.least >= 0.3]


def test_a_rise_by_luck_is_no_divergence(tmp_path: Path) -> None:
    """Of fifty short and noisy logs many rise by 0.3 nats; nearly none is said to have diverged, and a rise by 3 nats is."""
    logs = risen(tmp_path)
    found = [row for log in logs if (row := finding(log, "LD903")) is not None]
    assert len(found) == len(logs) >= 20
    assert sum(row.severity is not Severity.INFO for row in found) <= 2
    assert all("within its noise" in row.message for row in found if row.severity is Severity.INFO)
    apart = [value + (3 if place >= 15 else 0) for place, value in enumerate(short(0))]
    row = finding(log_of(tmp_path, apart), "LD903")
    assert row is not None
    assert row.severity is Severity.ERROR


def test_a_log_of_few_values_has_no_course(tmp_path: Path) -> None:
    """Eleven values tell no noise: the rise decides alone, as before."""
    log = log_of(tmp_path, [3.0, 2.5, 2.0, 1.5, 1.2, 1.0, 1.5, 2.0, 2.5, 2.6, 2.7])
    assert log.course is None
    row = finding(log, "LD903")
    assert row is not None
    assert row.severity is Severity.ERROR
    assert msgspec.to_builtins(log)["course"] is None
