"""Where a fetched adapter is put, by several processes at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loradiag.registry.mlflow import _put


def made(place: Path, name: str) -> Path:
    """A folder of some files that all say who wrote them."""
    folder = place / f".{name}" / "adapter"
    folder.mkdir(parents=True)
    for number in range(10):
        (folder / f"{number}.txt").write_text(name)
    return folder


@pytest.mark.parametrize("over", [True, False])
def test_many_put_the_same_at_once(tmp_path: Path, over: bool) -> None:
    """All succeed, and what stays is one of them, whole."""
    target = tmp_path / "adapter"
    with ThreadPoolExecutor(8) as pool:
        for turn in range(10):
            folders = [made(tmp_path, f"{turn}-{number}") for number in range(8)]
            list(pool.map(lambda folder: _put(folder, target, over=over), folders))
            assert len(os.listdir(target)) == 10
            assert len({file.read_text() for file in target.iterdir()}) == 1


def test_a_file_in_the_way(tmp_path: Path) -> None:
    """It is not removed: nobody of ours put it there."""
    (tmp_path / "adapter").write_text("x")
    with pytest.raises(NotADirectoryError):
        _put(made(tmp_path, "a"), tmp_path / "adapter", over=True)
    assert (tmp_path / "adapter").read_text() == "x"
