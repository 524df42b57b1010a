"""Overlap of all with all beside the pairwise one, in blocks of any size."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loradiag.core.errors import UsageError
from loradiag.fleet import overlapping
from loradiag.fleet.finding import find
from loradiag.fleet.overlapping import overlaps, overlaps_on, stacked
from loradiag.linalg.directions import directions, overlap
from loradiag.storage.remote import RemoteFolder
from tests.conftest import peft_arrays
from tests.fleet.making import write_adapter


@pytest.mark.parametrize("memory", [1, 20_000, 256 << 20])
def test_every_pair_is_as_two_alone(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of different ranks, in one block or in many."""
    monkeypatch.setattr(overlapping, "_MEMORY", memory)
    rng = np.random.default_rng(0)
    updates = [
        directions(rng.standard_normal((60, rank)), rng.standard_normal((rank, 40))) for rank in (1, 4, 8, 3, 8, 12, 2)
    ]
    told: list[tuple[int, int]] = []
    found = overlaps(stacked([one.left.dense().astype(np.float32) for one in updates]), lambda *done: told.append(done))
    expected = [[overlap(one, other).left for other in updates] for one in updates]
    assert found == pytest.approx(np.array(expected), abs=2e-5)
    assert told[-1] == (7, 7)


def test_a_fleet_on_one_module(tmp_path: Path) -> None:
    """The nearest of each, the mean, what chance gives, and the matrix in a file."""
    for number in range(5):
        write_adapter(tmp_path / "fleet" / f"a{number}", seed=number)
    write_adapter(tmp_path / "fleet" / "a5", seed=0, factor=3.0)
    write_adapter(tmp_path / "fleet" / "other", arrays=peft_arrays(targets=("up_proj",)))
    write_adapter(tmp_path / "fleet" / "wide", arrays=peft_arrays(layers=3, d_in=64))
    found = list(enumerate(find([str(tmp_path / "fleet")], tmp_path)))
    name = "model.layers.1.self_attn.q_proj"
    (made,) = overlaps_on(["*.layers.1.*q_proj"], found, tmp_path / "out", lambda *_: None)
    assert (made.module, made.adapters) == (name, [0, 1, 2, 3, 4, 5])
    assert made.nearest[0] == 5
    assert made.nearest[5] == 0
    assert made.nearest_left[0] == pytest.approx(1.0, abs=1e-5)
    assert (made.expected_left, made.expected_right) == (8 / 32, 8 / 48)
    matrices = np.load(tmp_path / "out" / "overlap-0.npy")
    assert matrices.shape == (2, 6, 6)
    assert made.mean_right == pytest.approx(matrices[1][~np.eye(6, dtype=bool)].mean())
    with pytest.raises(UsageError, match="no two adapters"):
        overlaps_on(["none"], found, None, lambda *_: None)


def test_behind_a_url_each_adapter_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many modules are named, as where they lie; copies go when all is done."""
    for number in range(3):
        write_adapter(tmp_path / "fleet" / f"a{number}", seed=number)
    write_adapter(tmp_path / "fleet" / "other", arrays=peft_arrays(targets=("up_proj",)))
    fetched: list[str] = []
    bring = RemoteFolder.bring

    def counted(folder: RemoteFolder, name: str, *wanted: Any) -> Path:
        fetched.append(name)
        return bring(folder, name, *wanted)

    monkeypatch.setattr(RemoteFolder, "bring", counted)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    there = list(enumerate(find([f"file://{tmp_path}/fleet"], tmp_path / "cache")))
    made = overlaps_on(["*q_proj", "*v_proj"], there, None, lambda *_: None)
    assert [row.adapters for row in made] == [[0, 1, 2]] * 6
    assert sorted(fetched) == ["a0", "a1", "a2", "other"]
    assert list((tmp_path / "temporary").iterdir()) == []
    here = list(enumerate(find([str(tmp_path / "fleet")], tmp_path)))
    assert made == overlaps_on(["*q_proj", "*v_proj"], here, None, lambda *_: None)
