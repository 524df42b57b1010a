"""A series beside dense matrices in float64, and series with all that can be wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loradiag
from loradiag.analyzers.comparing.series import missing, spacing_of
from loradiag.core.errors import InputError
from loradiag.core.findings import Severity
from loradiag.core.trajectory import Trajectory
from tests.conftest import FIXTURES, SHARED, peft_arrays, write_safetensors
from tests.rules.learning import broken, cut, falling, grown, sound, state, turned, write_run

STEM = "base_model.model."


def dense(arrays: dict[str, Any], name: str) -> Any:
    """ΔW of a module of the adapters that tests make, whose scale is 2."""
    a, b = (arrays[f"{STEM}{name}.lora_{side}.weight"].astype(np.float64) for side in "AB")
    return 2 * b @ a


def names(arrays: dict[str, Any]) -> list[str]:
    """The modules."""
    return [name.removeprefix(STEM).partition(".lora_A")[0] for name in arrays if "lora_A" in name]


def measured(path: Path) -> Trajectory:
    """The measures of a series."""
    found = loradiag.trajectory(path).measurements.trajectory
    assert found is not None
    return found


def spaces(delta: Any) -> tuple[Any, Any]:
    """The singular vectors of a matrix of rank 8."""
    u, _, vt = np.linalg.svd(delta)
    return u[:, :8], vt[:8].T


def test_numbers_are_those_of_dense_matrices(tmp_path: Path) -> None:
    """Norms, ranks, changes, cosines and overlaps of three checkpoints, module by module and together, to 1e-9."""
    runs = {10: turned(0.5, 0.7), 20: turned(0.9, 0.3), 40: turned(1.2, 0.1)}
    found = measured(write_run(tmp_path / "run", runs))
    every = names(runs[10])
    whole = [{name: dense(arrays, name) for name in every} for arrays in runs.values()]
    together = [np.concatenate([deltas[name].ravel() for name in every]) for deltas in whole]
    for index, row in enumerate(found.steps):
        sigma = {name: np.linalg.svd(delta, compute_uv=False)[:8] for name, delta in whole[index].items()}
        shares = {name: values / values.sum() for name, values in sigma.items()}
        entropy = {name: float(np.exp(-(p * np.log(p)).sum())) / 8 for name, p in shares.items()}
        assert row.frobenius_norm == close(np.linalg.norm(together[index]))
        assert row.entropy_share == close(np.median(list(entropy.values())))
        assert row.stable_rank == close(np.median([(s**2).sum() / s[0] ** 2 for s in sigma.values()]))
        assert row.effective_share_10 == pytest.approx(np.median([(s > 0.1 * s[0]).mean() for s in sigma.values()]))
        assert row.cosine_last == close(_cosine(together[index], together[-1]))
        lasts = [
            [_overlap(a, b) for a, b in zip(spaces(whole[index][n]), spaces(whole[-1][n]), strict=True)] for n in every
        ]
        assert [row.left_last, row.right_last] == close(np.median(lasts, axis=0))
        for module in found.modules:
            assert module.entropy_share[index] == close(entropy[module.name])
            assert module.cosine_last[index] == close(_cosine(whole[index][module.name], whole[-1][module.name]))
        if index:
            moved = np.linalg.norm(together[index] - together[index - 1]) / np.linalg.norm(together[index])
            assert row.change == close(moved)
            assert row.cosine_previous == close(_cosine(together[index], together[index - 1]))
    assert found.steps[0].change is None
    assert [len(module.change) for module in found.modules] == [3] * len(every)


def close(expected: Any) -> Any:
    """To 1e-9, or to the 1e-7 to which distances of nearly equal updates are safely exact."""
    return pytest.approx(expected, rel=1e-9, abs=1e-7)


def _cosine(first: Any, second: Any) -> float:
    return float((first * second).sum() / (np.linalg.norm(first) * np.linalg.norm(second)))


def _overlap(first: Any, second: Any) -> float:
    return float(np.linalg.norm(first.T @ second) ** 2 / 8)


def test_a_checkpoint_that_did_not_move_changed_by_nothing(tmp_path: Path) -> None:
    """To the 1e-8 that distances are exact to; and of updates that are zero by exactly nothing."""
    found = measured(write_run(tmp_path / "run", {1: grown(1.0), 2: grown(1.0)}))
    assert found.steps[1].change == pytest.approx(0, abs=3e-8)
    found = measured(write_run(tmp_path / "zero", {1: grown(0.0), 2: grown(0.0), 3: grown(1.0), 4: grown(0.0)}))
    assert [row.change for row in found.steps] == [None, 0.0, pytest.approx(1.0), None]
    assert [row.cosine_last for row in found.steps] == [None] * 4


def test_an_unreadable_checkpoint_is_named_and_the_others_measured(tmp_path: Path) -> None:
    """Cut short in the middle of the series: the next is beside the one before it."""
    report = loradiag.trajectory(cut(lambda: tmp_path, tmp_path))
    found = report.measurements.trajectory
    assert found is not None
    assert [row.step for row in found.steps] == [10, 20, 40]
    assert [(row.step, row.kind) for row in found.unread] == [(30, "truncated")]
    runs = sound()
    every = names(dict(runs[20]))
    moved = [dense(dict(runs[40]), name) - dense(dict(runs[20]), name) for name in every]
    size = [dense(dict(runs[40]), name) for name in every]
    assert found.steps[2].change == pytest.approx(np.linalg.norm(moved) / np.linalg.norm(size), rel=1e-7)
    assert "LD910" in {finding.code for finding in report.findings}
    assert found.missing == []  # it is there, and cannot be read


def test_a_checkpoint_that_shrinks_after_it_was_opened_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header was sound; the values end too early. The series is measured again without it."""
    from loradiag.adapters import opening

    run = write_run(tmp_path / "run")
    opened = opening.open_all

    def shrinking(*args: Any, **named: Any) -> Any:
        for adapter in opened(*args, **named):
            if getattr(adapter, "step", None) == 20:
                file = run / "checkpoint-20" / "adapter_model.safetensors"
                file.write_bytes(file.read_bytes()[:-3000])
            yield adapter

    monkeypatch.setattr(opening, "open_all", shrinking)
    found = measured(run)
    assert [row.step for row in found.steps] == [10, 30, 40]
    assert [row.step for row in found.unread] == [20]


def test_updates_that_are_not_finite_are_counted(tmp_path: Path) -> None:
    """From the step where they are; what can be compared is compared."""
    report = loradiag.trajectory(write_run(tmp_path / "run", {1: grown(1.0), 2: grown(2.0), 3: broken()}))
    found = report.measurements.trajectory
    assert found is not None
    assert [row.nonfinite for row in found.steps] == [0, 0, 1]
    assert [row.measured for row in found.steps] == [8, 8, 7]
    (said,) = [finding for finding in report.findings if finding.code == "LD916"]
    assert said.severity is Severity.ERROR
    assert "checkpoint-2" in said.advice


def test_what_changes_from_one_checkpoint_to_the_next_is_said(tmp_path: Path) -> None:
    """Modules that come and go, ranks, scales and bases."""
    run = write_run(tmp_path / "run", {1: grown(1.0)})
    write_run(run, {2: grown(1.0, rank=4, layers=3)}, base_model_name_or_path="someone/other", lora_alpha=8)
    found = measured(run)
    told = {row.kind: row.detail for row in found.changes}
    assert set(told) == {"modules", "rank", "scale", "base"}
    assert "lost model.layers.3.self_attn.q_proj" in told["modules"]
    assert told["rank"] == "8 → 4 in 6 modules"
    assert told["base"] == "someone/some-base → someone/other"
    gone = next(row for row in found.modules if ".3." in row.name)
    assert gone.frobenius_norm[1] is None
    assert gone.cosine_last == [None, None]
    assert found.steps[1].change is not None  # over what both have


@pytest.mark.parametrize(
    ("steps", "save_steps", "spacing", "lost"),
    [
        ([500, 2500, 5000, 8610], 500, (500, "save_steps"), 14),
        ([30, 60, 90, 120], 30, (30, "save_steps"), 0),
        ([25, 50, 100, 200, 400, 800], None, (None, None), 0),  # doubling is no hole
        ([10, 20, 30, 50, 60], None, (10, "most"), 1),
        ([287, 574, 861], 500, (None, None), 0),  # saved by epochs: save_steps is a default that was not used
        ([287, 574, 861, 1148], 500, (287, "most"), 0),
        ([8000, 8500, 8610], 500, (500, "save_steps"), 0),  # the last few were kept
        ([100], 100, (None, None), 0),
        ([10, 20], None, (None, None), 0),
        ([1, 10**15], 1, (1, "save_steps"), 1000),
    ],
)
def test_holes_are_told_from_other_spacings(
    steps: list[int], save_steps: int | None, spacing: tuple[int | None, str | None], lost: int
) -> None:
    """By save_steps where the trainer went by it, else by what most checkpoints keep."""
    found = spacing_of(steps, save_steps)
    assert found == spacing
    assert len(missing(steps, found[0])) == lost if found[0] else lost == 0


def test_one_checkpoint_is_a_series_that_says_little(tmp_path: Path) -> None:
    """It has a size and nothing to compare it with."""
    report = loradiag.trajectory(write_run(tmp_path / "run", {5: grown(1.0)}, state(falling())))
    found = report.measurements.trajectory
    assert found is not None
    assert [row.change for row in found.steps] == [None]
    assert found.steps[0].cosine_last == pytest.approx(1.0)
    assert report.measurements.training_log is not None


def test_what_is_no_series_is_refused(tmp_path: Path) -> None:
    """An empty directory, a single adapter, and a series of which nothing can be read: errors in a line."""
    with pytest.raises(InputError, match="empty"):
        loradiag.trajectory(tmp_path)
    with pytest.raises(InputError, match="one adapter"):
        loradiag.trajectory(FIXTURES / "adapters" / "healthy")
    run = write_run(tmp_path / "run", {1: grown(1.0), 2: grown(1.0)})
    for file in run.glob("*/*.safetensors"):
        file.write_bytes(b"nothing")
    with pytest.raises(InputError, match="none can be read"):
        loradiag.trajectory(run)


def test_snapshots_of_mlx_are_a_series(tmp_path: Path) -> None:
    """Numbered files in one directory, with one configuration; A and B lie the other way round."""
    config = {"fine_tune_type": "lora", "num_layers": 4, "lora_parameters": {"rank": 8, "scale": 2.0, "dropout": 0.0}}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    for step, factor in ((100, 0.5), (200, 1.0), (300, 1.5)):
        arrays = {
            name.removeprefix(STEM).replace(".lora_A.weight", ".lora_a").replace(".lora_B.weight", ".lora_b"): array.T
            for name, array in grown(factor).items()
        }
        write_safetensors(tmp_path / f"{step:07d}_adapters.safetensors", arrays)
    found = measured(tmp_path)
    assert [row.step for row in found.steps] == [100, 200, 300]
    whole = np.sqrt(sum(np.linalg.norm(dense(grown(1.0), name)) ** 2 for name in names(peft_arrays())))
    assert [row.frobenius_norm for row in found.steps] == pytest.approx([whole / 2, whole, 1.5 * whole], rel=1e-6)
    assert [row.cosine_last for row in found.steps] == pytest.approx([1.0] * 3)


def test_older_logs_fill_in_what_the_newest_lacks(tmp_path: Path) -> None:
    """A run that was resumed with an empty log: its beginning lies beside the older checkpoint."""
    run = write_run(tmp_path / "run", {10: grown(1.0)}, state({5: 3.0, 10: 2.0}))
    write_run(run, {20: grown(1.5)}, state({15: 1.5, 20: 1.0}))
    log = loradiag.trajectory(run).measurements.training_log
    assert log is not None
    assert [(row.step, row.loss) for row in log.train] == [(5, 3.0), (10, 2.0), (15, 1.5), (20, 1.0)]
    assert log.sources == ["checkpoint-20/trainer_state.json", "checkpoint-10/trainer_state.json"]


def test_the_log_beside_the_series_counts_if_it_goes_further(tmp_path: Path) -> None:
    """Trainer.save_state writes it there at the end; and the log of a checkpoint that cannot be read is read all the same."""
    run = write_run(tmp_path / "run", told=state({5: 3.0, 10: 2.0}))
    (run / "trainer_state.json").write_text(json.dumps(state({5: 3.0, 10: 2.0, 50: 1.0})))
    log = loradiag.trajectory(run).measurements.training_log
    assert log is not None
    assert log.sources[0] == "run/trainer_state.json"
    assert log.train[-1].step == 50


def test_the_series_of_the_fixtures_is_sound() -> None:
    """It settles, and no rule has more than a note."""
    report = loradiag.trajectory(FIXTURES / "adapters" / "series")
    found = report.measurements.trajectory
    assert found is not None
    changes = [row.change or 0.0 for row in found.steps[1:]]
    assert changes == sorted(changes, reverse=True)
    assert all(finding.severity is Severity.INFO for finding in report.findings)
    assert found.missing == []


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the public adapters are not part of the repository")
def test_two_real_series_are_told_as_they_were() -> None:
    """math_traj is best at its last step and still falls; roberta-pt-series is flat since step 7,000 and has holes."""
    from loradiag.outputs.story import story

    report = loradiag.trajectory(SHARED / "zoo" / "adapters" / "math_traj")
    said = story(report)
    assert said.tone == "pass"
    assert said.text.startswith("best at the last evaluation, step 800 (2.357); validation still falls, by 0.070")
    assert {"LD901", "LD912"} <= {finding.code for finding in report.findings}
    report = loradiag.trajectory(SHARED / "wild" / "roberta-pt-series")
    said = story(report)
    assert said.text.startswith("best at step 8,000 of 8,610 (0.848)")
    assert said.text.endswith("validation flat since step 7,000")
    (hole,) = report.findings
    assert (hole.code, hole.observed) == ("LD909", 14)
