"""Real runs of transformers' Trainer over the base of the fixtures, with the callback in them."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

import loradiag
from loradiag.core.report import decode
from tests.callbacks.training import logged, lora, trainer, wrapped

pytestmark = pytest.mark.models


def callback(*arguments: Any, **options: Any) -> Any:
    """A callback without a budget, so that tests do not depend on the clock."""
    from loradiag.callbacks import LoraHealthCallback

    return LoraHealthCallback(*arguments, **{"budget": None, **options})


def probe(event: str, act: Any) -> Any:
    """A callback that does something at one event."""
    from transformers import TrainerCallback

    def react(self: Any, args: Any, state: Any, control: Any, **given: Any) -> None:
        act(state.global_step, given["model"])

    return type("Probe", (TrainerCallback,), {event: react})()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the callback said to the user."""
    return [row.getMessage() for row in caplog.records if row.name == "loradiag"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"use_rslora": True},
        {"use_dora": True},
        {"rank_pattern": {"v_proj": 2}, "alpha_pattern": {"layers.0.self_attn.q_proj": 3}},
        {"modules_to_save": ["lm_head"]},
    ],
    ids=["lora", "rslora", "dora", "patterns", "modules-to-save"],
)
def test_a_measure_is_inspect_of_the_checkpoint(tmp_path: Path, changes: dict[str, Any]) -> None:
    """The report that is written at a save has every number and every finding that ``inspect`` gives of the checkpoint."""
    seen = callback(reports=True)
    run = trainer(tmp_path, seen, model=wrapped(lora(**changes)), save_strategy="steps", save_steps=4)
    run.train()
    assert (seen.taken, seen.failures) == (2, 0)
    for step in (4, 8):
        folder = tmp_path / f"checkpoint-{step}"
        (written,) = decode((folder / "loradiag-report.json").read_bytes())
        fresh = loradiag.inspect(folder)
        assert written.measurements == fresh.measurements
        assert written.findings == fresh.findings
        assert written.verdict == fresh.verdict
        assert written.accounting == fresh.accounting
        assert written.subject == msgspec.structs.replace(fresh.subject, step=step)
        assert {path.name for path in folder.glob("*loradiag*")} == {"loradiag-report.json"}
    spectrum = seen.report.measurements.spectrum
    assert spectrum is not None
    assert all(row.frobenius_norm > 0 for row in spectrum.modules)


def test_what_is_logged_is_in_the_trainer_s_history(tmp_path: Path) -> None:
    """Every two steps, under stable names, finite, and the trainer's own rows as without the callback."""
    run = trainer(tmp_path, callback(every=2))
    run.train()
    plain = trainer(tmp_path)
    plain.train()
    history = run.state.log_history
    assert sorted(logged(history)) == [2, 4, 6, 8]
    first, last = (row for row in history if row["step"] in (2, 8) and "lora/frobenius" in row)
    names = {
        "frobenius",
        "update_rms",
        "scale",
        "stable_rank",
        "effective_rank_share",
        "entropy_rank_share",
        "dead_modules",
        "nonfinite",
        "errors",
        "warnings",
        "relative_change",
        "relative_change_steps",
        "rescaled_modules",
        "skipped",
        "seconds",
    }
    assert first.keys() == last.keys() == {f"lora/{name}" for name in names} | {"epoch", "step"}
    assert all(math.isfinite(value) for row in history for name, value in row.items() if name.startswith("lora/"))
    assert first["lora/relative_change"] == pytest.approx(1)  # it began at zero
    assert 0 < last["lora/relative_change"] < first["lora/relative_change"]
    assert last["lora/scale"] == 2
    ours = [row for row in history if "lora/frobenius" not in row and "loss" in row]
    assert ours == [row for row in plain.state.log_history if "loss" in row]


@pytest.mark.parametrize("given", [True, False], ids=["with a trainer", "without one"])
def test_tensorboard_receives_the_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bool) -> None:
    """An event file on disk, read back, has the values of the log, in both ways of adding the callback."""
    pytest.importorskip("tensorboardX", reason="no tensorboardX to write event files")
    from tests.callbacks.events import scalars

    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "events"))
    if given:
        run = trainer(tmp_path, report_to=["tensorboard"])
        run.add_callback(callback(run, every=4))
    else:
        run = trainer(tmp_path, callback(every=4), report_to=["tensorboard"])
    run.train()
    stored = scalars(tmp_path / "events")
    for name in ("lora/frobenius", "lora/stable_rank", "lora/relative_change"):
        expected = logged(run.state.log_history, name)
        assert sorted(expected) == [4, 8]
        assert stored[f"train/{name}"] == pytest.approx(expected, rel=1e-6)


def test_training_is_the_same_with_and_without(tmp_path: Path) -> None:
    """Weights, random numbers, gradients seen by the optimizer and the mode of the model, bit for bit; with dropout."""
    import torch

    outcomes = []
    for watched in (False, True):
        seen: list[Any] = []

        def look(step: int, model: Any, seen: list[Any] = seen) -> None:
            gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
            seen.append((gradients, [module.training for module in model.modules()]))

        model = wrapped()
        callbacks = [callback(every=1, reports=True)] if watched else []
        changes = {"save_strategy": "steps", "save_steps": 3, "eval_strategy": "steps", "eval_steps": 2}
        run = trainer(tmp_path / str(watched), *callbacks, probe("on_pre_optimizer_step", look), model=model, **changes)
        run.train()
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        outcomes.append((weights, torch.get_rng_state(), seen))
        if watched:
            assert callbacks[0].taken == 8
            assert callbacks[0].failures == 0
    (plain, plain_rng, plain_seen), (ours, our_rng, our_seen) = outcomes
    assert all(torch.equal(plain[name], ours[name]) for name in plain)
    assert torch.equal(plain_rng, our_rng)
    for (gradients, modes), (our_gradients, our_modes) in zip(plain_seen, our_seen, strict=True):
        assert modes == our_modes
        assert all(map(torch.equal, gradients, our_gradients))
        assert gradients


@pytest.mark.parametrize(("rate", "floor", "code"), [(0.3, "error", "LD206"), (20.0, "warning", "LD206")])
def test_a_run_that_diverges_is_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rate: float, floor: str, code: str
) -> None:
    """An absurd learning rate: the run ends at the measure that sees it, says why in one line, and once."""
    watched = callback(every=2, stop_on=floor)
    changes = {"learning_rate": rate, "max_steps": 20, "max_grad_norm": 0, "lr_scheduler_type": "constant"}
    run = trainer(tmp_path, watched, model=wrapped(lora(r=8)), **changes)
    run.train()
    assert run.state.global_step < 20
    assert run.state.global_step % 2 == 0
    assert watched.stopped_by.code == code
    lines = [line for line in told(caplog) if "training stopped" in line]
    assert len(lines) == 1
    assert f"at step {run.state.global_step}: {code}" in lines[0]
    assert lines[0].isprintable()


def test_nan_in_a_factor_is_seen_and_ends_the_run(tmp_path: Path) -> None:
    """One NaN in one B: counted in the log, no NaN there, and the run ends at that step."""

    def poison(step: int, model: Any) -> None:
        if step == 4:
            model.base_model.model.model.layers[1].self_attn.q_proj.lora_B["default"].weight.data[0, 0] = math.nan

    watched = callback(every=1, stop_on="error")
    run = trainer(tmp_path, probe("on_step_end", poison), watched)
    run.train()
    assert run.state.global_step == 4
    assert watched.stopped_by.code == "LD105"
    assert logged(run.state.log_history, "lora/nonfinite") == {1: 0, 2: 0, 3: 0, 4: 1}
    assert logged(run.state.log_history, "lora/errors")[4] == 1
    assert all(
        math.isfinite(value) for row in run.state.log_history for name, value in row.items() if name.startswith("lora/")
    )


def test_a_run_that_has_just_begun_goes_on(tmp_path: Path) -> None:
    """A learning rate of zero leaves all updates zero, an error of the report, which ends the run only after its grace."""
    watched = callback(every=1, stop_on="warning")
    run = trainer(tmp_path / "long", watched, learning_rate=0.0)
    run.train()
    assert run.state.global_step == 8
    assert watched.stopped_by is None
    assert {row.code for row in watched.report.findings} >= {"LD106"}
    assert "lora/stable_rank" not in run.state.log_history[-2]
    watched = callback(every=1, stop_on="error", grace=3)
    run = trainer(tmp_path / "short", watched, learning_rate=0.0)
    run.train()
    assert run.state.global_step == 3
    assert watched.stopped_by.code == "LD106"


def test_a_run_is_stopped_at_a_save(tmp_path: Path) -> None:
    """Without a schedule the saves decide."""
    watched = callback(stop_on="error", grace=0)
    run = trainer(tmp_path, watched, learning_rate=0.0, save_strategy="steps", save_steps=2)
    run.train()
    assert run.state.global_step == 2
    assert watched.taken == 1


def test_a_run_that_is_resumed_goes_on_where_it_was(tmp_path: Path) -> None:
    """The first change after resuming is measured from the checkpoint's weights; grace begins anew."""
    first = callback(every=2)
    run = trainer(tmp_path, first, save_strategy="steps", save_steps=4)
    run.train()
    whole = logged(run.state.log_history, "lora/relative_change")
    resumed = callback(every=2, stop_on="error")
    again = trainer(tmp_path, resumed, save_strategy="steps", save_steps=4)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
    assert (resumed.taken, resumed.failures) == (2, 0)
    history = logged(again.state.log_history, "lora/relative_change")
    assert sorted(history) == [2, 4, 6, 8]  # those up to step 4 came with the checkpoint
    assert history == pytest.approx(whole, rel=1e-5)


def test_steps_are_counted_as_the_trainer_does(tmp_path: Path) -> None:
    """With accumulated gradients a step is an optimizer's step; evaluation measures nothing."""
    watched = callback(every=2)
    changes = {"gradient_accumulation_steps": 3, "eval_strategy": "steps", "eval_steps": 1, "eval_on_start": True}
    run = trainer(tmp_path, watched, max_steps=5, **changes)
    run.train()
    run.evaluate()
    assert sorted(logged(run.state.log_history)) == [2, 4]
    assert watched.taken == 2


def test_saves_by_epoch_and_of_the_best_are_measured(tmp_path: Path) -> None:
    """However the trainer comes to save."""
    by_epoch = callback()
    trainer(tmp_path / "epoch", by_epoch, save_strategy="epoch", max_steps=-1, num_train_epochs=2).train()
    assert by_epoch.taken == 2
    best = callback()
    changes = {"eval_strategy": "steps", "eval_steps": 4, "metric_for_best_model": "eval_loss"}
    run = trainer(tmp_path / "best", best, save_strategy="best", **changes)
    run.train()
    assert best.taken == len(list((tmp_path / "best").glob("checkpoint-*"))) > 0
    assert best.failures == 0


def test_the_log_of_a_save_is_in_its_checkpoint(tmp_path: Path) -> None:
    """It is written before the trainer stores its state."""
    trainer(tmp_path, callback(), save_strategy="steps", save_steps=4).train()
    state = json.loads((tmp_path / "checkpoint-4" / "trainer_state.json").read_text())
    assert sorted(logged(state["log_history"])) == [4]


def test_the_named_adapter_is_measured(tmp_path: Path) -> None:
    """Of two adapters the one that trains, unless the other is named; its report lies in the checkpoint all the same."""
    model = wrapped()
    model.add_adapter("second", lora(r=2, target_modules=["o_proj"]))
    model.set_adapter("second")
    active, named = callback(reports=True), callback(adapter_name="default")
    run = trainer(tmp_path, active, named, model=model, save_strategy="steps", save_steps=8)
    run.train()
    assert (active.failures, named.failures) == (0, 0)
    assert {row.rank for row in active.report.measurements.spectrum.modules} == {2}
    assert {row.rank for row in named.report.measurements.spectrum.modules} == {4}
    (written,) = decode((tmp_path / "checkpoint-8" / "loradiag-report.json").read_bytes())
    assert written.measurements == loradiag.inspect(tmp_path / "checkpoint-8" / "second").measurements


def test_errors_of_the_callback_end_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An adapter that is not there, and a report that cannot be written: told once each, counted, and the run goes on."""
    absent = callback(every=1, adapter_name="missing")
    run = trainer(tmp_path / "absent", absent)
    run.train()
    assert run.state.global_step == 8
    assert (absent.taken, absent.failures) == (0, 1)
    assert [line for line in told(caplog) if "not measured" in line] == [
        "loradiag: not measured: no adapter of the model is called 'missing'; it has default"
    ]

    def block(step: int, model: Any) -> None:
        (tmp_path / "blocked" / f"checkpoint-{step}" / "loradiag-report.json").mkdir(parents=True)

    blocked = callback(reports=True)
    run = trainer(tmp_path / "blocked", probe("on_save", block), blocked, save_strategy="steps", save_steps=2)
    run.train()
    assert run.state.global_step == 8
    assert (blocked.taken, blocked.failures) == (4, 4)
    assert sum("cannot be written" in line for line in told(caplog)) == 4  # each names its own file


def test_a_budget_is_kept_and_what_it_costs_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With next to no budget the saves are measured and nothing else; the run says so at its end."""
    watched = callback(every=1, budget=1e-9)
    run = trainer(tmp_path, watched, save_strategy="steps", save_steps=8)
    run.train()
    assert (watched.taken, watched.skipped) == (1, 7)
    assert logged(run.state.log_history, "lora/skipped") == {8: 7}
    assert told(caplog)[-1] == "loradiag: 1 measure taken, 7 skipped that would have cost over 0.0% of the time"


def test_a_scale_set_by_hand_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The checkpoint's configuration says 2, the model runs at 6."""
    model = wrapped()
    model.base_model.model.model.layers[0].self_attn.q_proj.set_scale("default", 3)
    run = trainer(tmp_path, callback(every=4), model=model)
    run.train()
    assert set(logged(run.state.log_history, "lora/rescaled_modules").values()) == {1}
    lines = [line for line in told(caplog) if "another scale" in line]
    assert len(lines) == 1
    assert lines[0].endswith("model.layers.0.self_attn.q_proj at 6, not 2")


def test_two_runs_of_one_callback(tmp_path: Path) -> None:
    """A second call of train starts afresh."""
    watched = callback(every=4)
    run = trainer(tmp_path, watched)
    run.train()
    run.train()
    assert (watched.taken, watched.failures) == (2, 0)


def test_outside_of_a_handler_the_history_has_the_values(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A loop that calls the callback itself finds the values in its state, and is told where they are not."""
    from transformers import TrainerControl, TrainerState

    from tests.callbacks.training import arguments

    caplog.set_level(logging.WARNING)
    watched, state, control = callback(every=1), TrainerState(), TrainerControl()
    given = (arguments(tmp_path), state, control)
    model = wrapped()
    watched.on_train_begin(*given, model=model)
    state.global_step = 1
    control.should_log = True
    watched.on_step_end(*given, model=model)
    assert logged(state.log_history) == {1: 0.0}
    assert control.should_log
    assert any("state.log_history only" in line for line in told(caplog))
