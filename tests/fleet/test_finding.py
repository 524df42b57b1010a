"""Adapters are found wherever they lie, once each, and what is none is passed over."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from loradiag.core.errors import InputError
from loradiag.fleet.finding import Found, brought, find
from tests.conftest import FIXTURES, SHARED
from tests.fleet.making import write_adapter, write_fleet


def names(paths: list[str], tmp: Path, **options: bool) -> list[str]:
    """Paths of what is found."""
    return [found.path for found in find(paths, tmp / "cache", **options)]


def test_directories_are_searched_through(tmp_path: Path) -> None:
    """In order, once each, past files and empty folders; patterns and single adapters too."""
    root = write_fleet(tmp_path / "fleet", 4)
    expected = [str(root / f"team{n % 2}" / f"a{n:02d}") for n in (0, 2, 1, 3)]
    assert names([str(root)], tmp_path) == expected
    assert names([str(root), str(root / "team1"), f"{root}/*/a02"], tmp_path) == expected
    assert names([f"{root}/team?/*"], tmp_path) == expected
    assert names([f"{root}/**/a0[13]"], tmp_path) == expected[2:]
    assert names([expected[1], expected[0]], tmp_path) == [expected[1], expected[0]]


def test_a_run_counts_once_or_checkpoint_by_checkpoint(tmp_path: Path) -> None:
    """By its last checkpoint that is whole, unless all are asked for."""
    series = FIXTURES / "adapters" / "series"
    assert names([str(series)], tmp_path) == [str(series / "checkpoint-180")]
    assert len(names([str(series)], tmp_path, checkpoints=True)) == 6
    shutil.copytree(series, tmp_path / "series")
    for file in (tmp_path / "series" / "checkpoint-180").iterdir():
        file.unlink()
    assert names([str(tmp_path / "series")], tmp_path) == [str(tmp_path / "series" / "checkpoint-150")]


@pytest.mark.parametrize("pattern", ["checkpoint_{}", "step-{}", "epoch{}", "ckpt-{}"])
def test_a_run_is_one_however_its_checkpoints_are_named(tmp_path: Path, pattern: str) -> None:
    """As `inspect` takes them: the last one stands for the run."""
    for step in (1, 2):
        write_adapter(tmp_path / "run" / pattern.format(step))
    assert names([str(tmp_path)], tmp_path / "elsewhere") == [str(tmp_path / "run" / pattern.format(2))]


def test_what_has_no_adapter_is_said(tmp_path: Path) -> None:
    """A name that names nothing is an error; a named folder without any is told of."""
    with pytest.raises(InputError, match="names nothing"):
        names([str(tmp_path / "none*")], tmp_path)
    (tmp_path / "bare").mkdir()
    assert [found.problem for found in find([str(tmp_path / "bare")], tmp_path)] == ["holds no adapter"]


def test_bases_and_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    """A base model is no adapter, nor are a cache, a link in a circle, or an archive's leftovers."""
    root = write_fleet(tmp_path / "fleet", 2)
    shutil.copytree(FIXTURES / "base", root / "base")
    write_adapter(root / ".cache" / "hidden")
    write_adapter(root / "__MACOSX" / "left")
    (root / "team0" / "round").symlink_to(root)
    assert len(names([str(root)], tmp_path)) == 2


def test_the_key_stands_for_the_state_of_the_files(tmp_path: Path) -> None:
    """It changes with weights, configuration and stamp, and with nothing else."""

    def key() -> str:
        return next(iter(find([str(folder)], tmp_path))).key

    folder = write_adapter(tmp_path / "one")
    first = key()
    (folder / "README.md").write_text("x")
    assert key() == first
    for name in ("adapter_config.json", "adapter_model.safetensors", "loradiag-stamp.json"):
        before = key()
        path = folder / name
        path.write_bytes((path.read_bytes() if path.exists() else b"{}") + b" ")
        assert key() != before, name
    assert key() == key()


def test_behind_a_url(tmp_path: Path) -> None:
    """Listed without being fetched; brought for as long as it is read, without a trainer's state."""
    root = write_fleet(tmp_path / "there", 3)
    (root / "team0" / "a00" / "optimizer.pt").write_bytes(b"x" * 100)
    (root / "team0" / "a00" / "notes.md").write_text("x")
    found = list(find([f"file://{root}"], tmp_path / "cache"))
    assert [one.name for one in found] == ["team0/a00", "team0/a02", "team1/a01"]
    assert not any((tmp_path / "cache").rglob("*.safetensors"))
    with brought(found[0]) as path:
        assert {file.name for file in path.iterdir()} >= {"adapter_config.json", "adapter_model.safetensors"}
        assert not (path / "notes.md").exists()
    assert not path.exists()
    before = found[1].key
    os.utime(root / "team0" / "a02" / "adapter_config.json", (1, 1))
    again = {one.name: one.key for one in find([f"file://{root}"], tmp_path / "cache")}
    assert again["team0/a00"] == found[0].key
    assert again["team0/a02"] != before
    (tmp_path / "bare").mkdir()
    with pytest.raises(InputError, match="holds no adapter"):
        list(find([f"file://{tmp_path}/bare"], tmp_path / "cache"))


def test_what_lies_here_is_read_where_it_lies(tmp_path: Path) -> None:
    """Nothing is copied."""
    with brought(Found(str(tmp_path))) as path:
        assert path == tmp_path


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "wild").is_dir(), reason="adapters of others are not here")
def test_adapters_of_others(tmp_path: Path) -> None:
    """All of the public ones are found, whatever their layout."""
    found = list(find([str(SHARED / "wild")], tmp_path))
    folders = {path.name for path in (SHARED / "wild").iterdir() if path.is_dir()}
    assert {Path(one.path).relative_to(SHARED / "wild").parts[0] for one in found} == folders
    assert all(one.problem is None for one in found)
