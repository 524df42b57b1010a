"""How rules about runs tell a warning from a note, and what they keep silent about."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import loradiag
from loradiag.core.findings import Finding, Severity
from tests.conftest import SHARED
from tests.rules.learning import (
    FLAT,
    LOGGED,
    RISING,
    bad_gradients,
    falling,
    grown,
    of_vectors,
    sound,
    state,
    without_end,
    write_run,
)

SETTLED = {10: 2.0, 20: 1.29, 30: 1.27, 40: 1.265}


def found(tmp: Path, told: Any, checkpoints: Any = None) -> dict[str, Finding]:
    """The findings on a run, the gravest of each rule."""
    report = loradiag.trajectory(write_run(tmp / "run", checkpoints, told))
    return {finding.code: finding for finding in reversed(report.findings)}


def test_a_sound_run_draws_nothing(tmp_path: Path) -> None:
    """Four checkpoints that settle, losses that fall and level out together."""
    assert found(tmp_path, state(falling(3.0, 1.2), SETTLED)) == {}


def test_a_gap_is_a_note_while_validation_falls(tmp_path: Path) -> None:
    """And a warning once it rises; a gap that was there from the start is a matter of the texts."""
    falls = found(tmp_path / "a", state(falling(), {10: 2.1, 20: 1.6, 30: 1.5, 40: 1.45}))["LD901"]
    rises = found(tmp_path / "b", state(falling(), RISING))["LD901"]
    text = found(tmp_path / "c", state(dict.fromkeys(LOGGED, 2.0), dict.fromkeys((10, 20, 30, 40), 2.4)))["LD901"]
    once = found(tmp_path / "d", state(falling(), {10: 3.0}))["LD901"]
    assert [row.severity for row in (falls, rises, text, once)] == [
        Severity.INFO,
        Severity.WARNING,
        *[Severity.INFO] * 2,
    ]
    assert "still at its best" in falls.message
    assert "may simply differ" in text.message
    assert "only evaluation" in once.message


def test_every_set_of_held_out_text_is_judged(tmp_path: Path) -> None:
    """Each with a fingerprint of its own."""
    told = state(falling())
    for name in ("math", "law"):
        told["log_history"] += [{"step": step, f"eval_{name}_loss": loss} for step, loss in RISING.items()]
    report = loradiag.trajectory(write_run(tmp_path / "run", None, told))
    gaps = [finding for finding in report.findings if finding.code == "LD901"]
    assert ["on math" in row.message for row in gaps].count(True) == 1
    assert len({row.fingerprint for row in gaps}) == 2


@pytest.mark.parametrize(("share", "severity"), [(0.95, None), (0.7, Severity.WARNING), (0.3, Severity.ERROR)])
def test_how_much_was_lost_decides(share: float, severity: Severity | None, tmp_path: Path) -> None:
    """From 4 down to 1, then up by some of what was gained: noise, a warning, an error."""
    losses = {step: 4 - 0.15 * step if step <= 20 else 4 - 3 * share for step in range(1, 41)}
    row = found(tmp_path, state(losses)).get("LD903")
    assert (row.severity if row else None) is severity


def test_loss_scaling_is_a_note(tmp_path: Path) -> None:
    """A few infinite gradients at the very start are how FP16 finds its scale; later ones are not."""
    told = state(dict.fromkeys(range(1, 101), 1.0))
    for line in told["log_history"][:2]:
        line["grad_norm"] = math.inf
    assert found(tmp_path / "a", told)["LD905"].severity is Severity.INFO
    told["log_history"][60]["grad_norm"] = math.nan
    assert found(tmp_path / "b", told)["LD905"].severity is Severity.WARNING
    assert found(tmp_path / "c", bad_gradients())["LD905"].severity is Severity.ERROR


def test_a_loss_that_came_back_is_a_warning(tmp_path: Path) -> None:
    """One that did not is an error, and so is one that the trainer left out."""
    losses = falling()
    assert found(tmp_path / "a", state({**losses, 20: math.nan}))["LD902"].severity is Severity.WARNING
    assert found(tmp_path / "b", state(without_end(losses, math.nan, 30)))["LD902"].severity is Severity.ERROR
    gone = found(tmp_path / "c", state(without_end(losses, 0.0, 30)))["LD902"]
    assert gone.severity is Severity.ERROR
    assert "from step 30 on" in gone.message


def test_a_spike_that_came_back_is_a_note(tmp_path: Path) -> None:
    """One that stays is a warning; noise of the same size is neither."""
    assert found(tmp_path / "a", state({**falling(), 25: 6.0}))["LD904"].severity is Severity.INFO
    stays = {step: loss + (4 if step >= 25 else 0) for step, loss in falling().items()}
    assert found(tmp_path / "b", state(stays))["LD904"].severity is Severity.WARNING
    noisy = {step: 2 + (0.9 if step % 3 == 0 else 0.0) for step in range(1, 41)}
    assert "LD904" not in found(tmp_path / "c", state({**noisy, 25: 3.2}))


def test_the_checkpoint_to_use_is_named_if_it_is_there(tmp_path: Path) -> None:
    """The best step's own; else the best of those that are there; and what the trainer chose, if it is another."""
    assert "Take checkpoint-20" in found(tmp_path / "a", state(falling(), RISING))["LD906"].advice
    some = {step: arrays for step, arrays in sound().items() if step != 20}
    row = found(tmp_path / "b", state(falling(), RISING, best_global_step=30), some)["LD906"]
    assert "of the checkpoints that are there, checkpoint-10 is best (1.200)" in row.message
    assert "the trainer chose step 30" in row.message
    last = {step: arrays for step, arrays in sound().items() if step == 40}
    assert "no checkpoint that is better" in found(tmp_path / "c", state(falling(), RISING), last)["LD906"].message


def test_growth_counts_only_while_validation_is_flat(tmp_path: Path) -> None:
    """The same growth beside a loss that falls, or of factors that hold part of the base, is no finding."""
    runs = {10: grown(1.0), 20: grown(2.0), 30: grown(3.0), 40: grown(4.0)}
    assert found(tmp_path / "a", state(falling(), FLAT), runs)["LD907"].observed == pytest.approx(3.0)
    assert "LD907" not in found(tmp_path / "b", state(falling(), {10: 2.0, 20: 1.8, 30: 1.6, 40: 1.4}), runs)
    run = write_run(tmp_path / "c", runs, state(falling(), FLAT), init_lora_weights="pissa")
    assert "LD907" not in {finding.code for finding in loradiag.trajectory(run).findings}


def test_unchanged_checkpoints_in_a_row_are_one_finding(tmp_path: Path) -> None:
    """It names the first, and all that are the same."""
    run = write_run(tmp_path, {1: grown(1.0), 2: grown(2.0), 3: grown(2.0), 4: grown(2.0), 5: grown(3.0)})
    (row,) = [finding for finding in loradiag.trajectory(run).findings if finding.code == "LD911"]
    assert row.message.startswith("steps 3 to 4 have the same update as step 2")


def test_what_could_not_be_compared_is_no_pass(tmp_path: Path) -> None:
    """A series of which no module was measured is inconclusive."""
    report = loradiag.trajectory(of_vectors(lambda: tmp_path, tmp_path))
    assert report.verdict.status.value == "inconclusive"
    assert report.verdict.decided_by == ["LD918"]


def test_thresholds_can_be_set(tmp_path: Path) -> None:
    """A policy that lets a larger gap and a later best pass."""
    from loradiag.core.policy import PolicyFile, resolve
    from loradiag.rules import all_rules

    file = PolicyFile(thresholds={"LD901": {"max_gap": 2.0}, "LD906": {"min_rise": 1.0}})
    policy = resolve(file, all_rules(), "test")
    report = loradiag.trajectory(write_run(tmp_path / "run", None, state(falling(), RISING)), policy=policy)
    assert not {finding.code for finding in report.findings} & {"LD901", "LD906"}


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the public adapters are not part of the repository")
@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("wild/gpt2-reward-ckpt3000", set()),
        ("wild/roberta-agnews-bias-all", set()),
        ("zoo/adapters/math_traj/checkpoint-400", {"LD901", "LD912"}),
    ],
)
def test_logs_of_public_adapters_draw_notes_at_most(name: str, codes: set[str]) -> None:
    """Noisy ones and classifiers among them."""
    findings = [row for row in loradiag.inspect(SHARED / name).findings if row.code.startswith("LD9")]
    assert {row.code for row in findings} == codes
    assert all(row.severity is Severity.INFO for row in findings)


def test_a_best_evaluation_by_luck_is_none(tmp_path: Path) -> None:
    """The same rise of 0.05 is told of a course that is smooth, and not of one that wavers by a third of it and more."""
    smooth = {step: 1.0 + 0.00625 * max(0, step - 32) for step in range(2, 41, 2)}
    assert found(tmp_path / "a", state(falling(), smooth))["LD906"].observed == pytest.approx(0.05)
    wavers = {step: loss + (0.03 if step % 4 == 0 else 0.0) for step, loss in smooth.items()}
    assert "LD906" not in found(tmp_path / "b", state(falling(), wavers))


def test_a_sum_over_accumulation_steps_rises_as_one(tmp_path: Path) -> None:
    """Noise that is eight times as large, because eight losses were summed, is no divergence; one that is, still is."""
    held = {10: 1.3, 20: 1.1, 30: 1.05, 40: 1.0}
    rough = {step: 8 * loss + (1.2 if step > 34 else 0.0) for step, loss in falling().items()}
    assert "LD903" not in found(tmp_path / "a", state(rough, held))
    apart = {step: 8 * (3 - 0.1 * step if step < 20 else 0.1 * step - 1) for step in falling()}
    row = found(tmp_path / "b", state(apart, held))["LD903"]
    assert row.observed is not None
    assert 0.3 < row.observed < 2.5
    assert "sums of about" in row.message
