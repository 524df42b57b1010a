"""A disk that is full: one line and exit code 2, nothing destroyed, and it goes on when there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loradiag.core.errors import UsageError
from loradiag.storage.remote import RemoteFolder
from tests.conftest import FIXTURES, ROOT
from tests.faults.commands import MODELS, QUICK, Command, refused, run
from tests.watching.making import write

WRITERS = [name for name in sorted(QUICK) if name != "fleet"]
"""A fleet's memory is no more than that, and its table has a test of its own."""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    place = tmp_path / "small"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=24m,mode=0777", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("only root may make a small disk, and not everywhere")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(place: Path) -> Path:
    """Leave not one block."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2
    return filler


def _fills_up(command: Command, small: Path, alone: Path) -> str:
    """Run it beside a full disk, then with room; what it leaves is what it leaves anywhere. Returns what it said."""
    alone.mkdir()
    assert run(command.prepare(alone), alone).returncode == 0
    words = command.prepare(small)
    before = command.left(small)
    filler = _fill(small)
    said = refused(run(words, small))
    assert command.left(small) in (before, None, {}, [])
    filler.unlink()
    again = run(words, small)
    assert again.returncode == 0, again.stderr
    assert command.left(small) == command.left(alone)
    return said


@pytest.mark.parametrize("name", WRITERS)
def test_no_room(tmp_path: Path, small: Path, name: str) -> None:
    """Of all commands that write, whatever they write with: files, Parquet, SQLite."""
    said = _fills_up(QUICK[name], small, tmp_path / "alone")
    assert "No space left" in said or "full" in said


@pytest.mark.models
def test_no_room_for_a_baseline(tmp_path: Path, small: Path) -> None:
    """It is the baseline that cannot be written, not the data that cannot be read."""
    said = _fills_up(MODELS["baseline"], small, tmp_path / "alone")
    assert f"{small / 'baseline'}: cannot be written (No space left on device)" in said


def test_a_fleet_without_room_for_its_memory(small: Path) -> None:
    """It costs time alone; a table that cannot be written is said, and the one that is there stays."""
    command = QUICK["fleet"]
    words = command.prepare(small)
    assert run(words, small).returncode == 0
    table = command.left(small)
    _fill(small)
    remembered = run([*words[: words.index("--table")], "--fresh"], small)
    assert (remembered.returncode, remembered.stderr) == (0, "")
    refused(run([*words, "--fresh"], small))
    assert command.left(small) == table


@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_standard_output_without_room(form: str) -> None:
    """/dev/full is a disk that is always full."""
    command = [sys.executable, "-m", "loradiag", "inspect", str(FIXTURES / "adapters" / "tiny"), "-f", form]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert "standard output cannot be written (No space left on device)" in refused(done)


def test_a_watch_whose_disk_fills_up_on_the_way(small: Path) -> None:
    """What was counted stays counted, and what came meanwhile is counted once there is room."""
    command = QUICK["watch"]
    words = command.prepare(small)
    assert run(words, small).returncode == 0
    counted = command.left(small)
    write(small / "lake", 500, seed=9, day=5)
    filler = _fill(small)
    refused(run(words, small))
    assert command.left(small) == counted
    filler.unlink()
    assert run(words, small).returncode == 0
    assert command.left(small) == {"support": (620, 620, 620)}


def test_no_room_for_a_copy_is_no_fault_of_the_url(small: Path, tmp_path: Path) -> None:
    """The line names the disk that is full and what to set, and no part of a file stays behind."""
    there = tmp_path / "there"
    there.mkdir()
    (there / "large.parquet").write_bytes(bytes(30_000_000))
    with pytest.raises(UsageError, match=r"small.*: no room for a copy of large\.parquet .*LORADIAG_CACHE"):
        RemoteFolder(f"file://{there}", small / "cache").fetch()
    assert not [path for path in (small / "cache").rglob("*") if "large" in path.name]
