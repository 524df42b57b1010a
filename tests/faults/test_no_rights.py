"""Folders and files that may only be read, or not even that: one line that names them, and nothing changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.commands import QUICK, refused, run
from tests.fleet.making import write_adapter


@pytest.fixture(scope="module")
def bound() -> tuple[str, ...]:
    """What a command is run below, so that modes of files bind it: nothing, unless the tests are root's."""
    if os.geteuid():
        return ()
    rights = "-dac_override,-dac_read_search"
    below = ("setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}")
    if shutil.which("setpriv") is None or subprocess.run([*below, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root may read and write everything, and cannot give that up here")
    return below


def _closed(folder: Path, mode: int) -> list[Path]:
    """Take rights from a folder and all that is in it."""
    every = [folder, *folder.rglob("*")]
    for path in every:
        path.chmod(mode | 0o111 if path.is_dir() else mode)
    return every


def _opened(paths: list[Path]) -> None:
    for path in paths:
        if path.exists():
            path.chmod(0o755)


@pytest.mark.parametrize("name", ["compact", "ingest", "inspect", "registry", "resize", "stamp", "watch"])
def test_read_only(tmp_path: Path, bound: tuple[str, ...], name: str) -> None:
    """Nothing is written, nor lost, and with the rights given back it does its work."""
    command = QUICK[name]
    place = tmp_path / "place"
    place.mkdir()
    words = command.prepare(place)
    before = command.left(place)
    closed = _closed(place, 0o444)
    try:
        refused(run(words, tmp_path, *bound))
    finally:
        _opened(closed)
    assert command.left(place) == before
    done = run(words, tmp_path, *bound)
    assert done.returncode == 0, done.stderr
    assert command.left(place) != before or name == "compact"


@pytest.mark.parametrize(("file", "code"), [("adapter_model.safetensors", 1), ("adapter_config.json", 1)])
def test_files_that_may_not_be_read(tmp_path: Path, bound: tuple[str, ...], file: str, code: int) -> None:
    """Of an adapter: a verdict that fails and names the file."""
    folder = write_adapter(tmp_path / "adapter")
    (folder / file).chmod(0)
    done = run(["inspect", folder], tmp_path, *bound)
    assert done.returncode in (code, 3), done.stderr
    assert "Permission denied" in done.stdout + done.stderr
    assert "internal error" not in done.stderr
    assert file in (done.stdout + done.stderr).replace("\n", "").replace(" ", "")


def test_a_watch_that_may_only_be_looked_at(tmp_path: Path, bound: tuple[str, ...]) -> None:
    """As a dashboard or a colleague does: its alarms are listed, and who would settle one is told where that could be."""
    place = tmp_path / "place"
    place.mkdir()
    words = QUICK["watch"].prepare(place)
    assert run(words, tmp_path).returncode == 0
    lake = ["--lake", place / "lake"]
    closed = _closed(place, 0o444)
    try:
        done = run(["drift", "alarms", *lake], tmp_path, *bound)
        assert (done.returncode, done.stderr) == (0, "")
        assert "cannot be written" in refused(
            run(["drift", "alarms", *lake, "--resolve", "1", "--why", "x"], tmp_path, *bound)
        )
    finally:
        _opened(closed)


def test_a_cache_that_cannot_be_written_costs_time_alone(tmp_path: Path, bound: tuple[str, ...]) -> None:
    """Fleet and fingerprints work without one."""
    words = QUICK["fleet"].prepare(tmp_path)
    (tmp_path / "cache").mkdir(mode=0o555)
    done = run(words, tmp_path, *bound)
    assert (done.returncode, done.stderr) == (0, "")
    assert not any((tmp_path / "cache").iterdir())
