"""The directory that is written: where it may lie, and that it appears whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loradiag.core.errors import UsageError
from loradiag.resizing import prove, write
from loradiag.resizing.resize import resize
from loradiag.storage import directories
from tests.conftest import MakeAdapter
from tests.resizing.making import config_of


def test_places_that_are_refused(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """The adapter itself, what holds it, files, full directories, missing parents, and no place at all."""
    old = make_adapter()
    full, file = tmp_path / "full", tmp_path / "file"
    full.mkdir()
    (full / "x").touch()
    file.touch()
    for place, force, said in [
        (old, True, "is, or holds, the adapter itself"),
        (tmp_path, True, "is, or holds, the adapter itself"),
        (full, False, "--force replaces it"),
        (full, True, "no adapter's directory"),
        (file, True, "is no directory"),
        (tmp_path / "a" / "b", False, "parent directory does not exist"),
        (tmp_path / "a\0b", False, "cannot be written"),
        (None, False, "--output"),
    ]:
        with pytest.raises(UsageError, match=said):
            resize(old, place, rank=2, force=force)
    with pytest.raises(UsageError, match="the adapter itself"):
        resize(old / "adapter_model.safetensors", old, rank=2, force=True)


def test_force_replaces_an_adapter(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """All of it, and an empty directory needs no force."""
    old, place = make_adapter(), tmp_path / "new"
    place.mkdir()
    resize(old, place, rank=2)
    (place / "left").touch()
    resize(old, place, rank=3, force=True)
    assert config_of(place)["r"] == 3
    assert sorted(os.listdir(place)) == ["adapter_config.json", "adapter_model.safetensors"]
    assert sorted(os.listdir(tmp_path)) == ["adapter", "new"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError(28, "No space left on device")])
def test_an_interrupt_leaves_nothing(
    error: Any, make_adapter: MakeAdapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a new directory nor a change to the one that was there, whenever it comes."""
    old, place = make_adapter(), tmp_path / "new"
    resize(old, place, rank=2)

    def fail(*arguments: object) -> None:
        raise error

    for target, name in ((write, "blocks"), (prove, "_compare"), (directories, "_move")):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, fail)
            with pytest.raises(UsageError if isinstance(error, OSError) else error):
                resize(old, tmp_path / "other", rank=3)
            with pytest.raises(UsageError if isinstance(error, OSError) else error):
                resize(old, place, rank=3, force=True)
        assert sorted(os.listdir(tmp_path)) == ["adapter", "new"]
        assert config_of(place)["r"] == 2


def test_a_kill_leaves_no_output(make_adapter: MakeAdapter, tmp_path: Path) -> None:
    """Nothing can be tidied up then, but what has the name that was asked for is whole or not there."""
    code = (
        "import os, signal, sys\nfrom loradiag.resizing import resize as module\n"
        "module.prove = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "module.resize(sys.argv[1], sys.argv[2], rank=2)"
    )
    place = tmp_path / "new"
    done = subprocess.run([sys.executable, "-c", code, str(make_adapter()), str(place)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not place.exists()


def test_a_failed_rename_brings_the_old_directory_back(
    make_adapter: MakeAdapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of the two renames of --force."""
    old, place = make_adapter(), tmp_path / "new"
    resize(old, place, rank=2)
    rename, calls = os.replace, []

    def second_fails(source: Any, target: Any) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "replace", second_fails)
    with pytest.raises(UsageError, match="Input/output error"):
        resize(old, place, rank=3, force=True)
    monkeypatch.undo()
    assert config_of(place)["r"] == 2
    assert sorted(os.listdir(tmp_path)) == ["adapter", "new"]
