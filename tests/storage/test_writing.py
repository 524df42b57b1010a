"""Files and directories that appear whole, under whatever name, with the permissions of new files."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loradiag.core.errors import UsageError
from loradiag.storage.directories import Kind, check_output, installed
from loradiag.storage.writing import write_whole

LONG = ["x" * 255, "ß" * 127, "適" * 85]
"""Names of 254 or 255 bytes, which is what a name may have."""


@pytest.fixture(params=[0o022, 0o077, 0o002])
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The permissions that new files lack."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    """Permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_has_the_permissions_of_new_files(
    mask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without asking for the umask, which sets it for every thread of the process meanwhile."""
    monkeypatch.setattr(os, "umask", lambda _mask: pytest.fail("the umask was set"))
    write_whole(tmp_path / "file", "é")
    with installed(tmp_path / "folder") as folder:
        (folder / "inside").touch()
    assert mode(tmp_path / "file") == 0o666 & ~mask
    assert mode(tmp_path / "folder") == 0o777 & ~mask
    assert (tmp_path / "file").read_bytes() == b"\xc3\xa9"
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.parametrize("name", LONG)
def test_long_names(name: str, tmp_path: Path) -> None:
    """The name that is written under meanwhile is no longer than what the system takes."""
    write_whole(tmp_path / name, b"1")
    write_whole(tmp_path / name, b"2")
    assert (tmp_path / name).read_bytes() == b"2"
    (tmp_path / name).unlink()
    for content in ("1", "2"):
        with installed(tmp_path / name, Kind("thing", "inside")) as folder:
            (folder / "inside").write_text(content)
    assert (tmp_path / name / "inside").read_text() == "2"
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("path", [".", "/", "a\0b", "none/file"])
def test_paths_that_no_file_can_have(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, and nothing is left."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="cannot be written") as caught:
        write_whole(Path(path), b"1")
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("force", [False, True])
def test_what_was_put_there_meanwhile_stays(tmp_path: Path, force: bool) -> None:
    """Another run, or a user, within the hours of this one; what was made is not lost either."""
    place, kind = tmp_path / "merged", Kind("checkpoint", "config.json")

    def both_write() -> None:
        with installed(place, kind if force else None) as folder:
            (folder / "config.json").write_text("ours")
            place.mkdir()
            (place / "notes.txt").write_text("theirs")

    with pytest.raises(UsageError, match="meanwhile") as caught:
        both_write()
    assert (place / "notes.txt").read_text() == "theirs"
    (beside,) = (path for path in tmp_path.iterdir() if path != place)
    assert str(beside) in str(caught.value)
    assert (beside / "config.json").read_text() == "ours"


KILLED = """
import os, pathlib, sys, time
from loradiag.storage.directories import installed
with installed(pathlib.Path(sys.argv[1])) as folder:
    (folder / "model.safetensors").write_bytes(b"1" * 1000)
    print(folder, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_run_left_goes_with_the_next(tmp_path: Path) -> None:
    """Hidden gigabytes; not those of a run that lives, however old, nor other people's."""
    place, other = tmp_path / "merged", tmp_path / ".merged.notes"
    other.mkdir()
    run = subprocess.Popen([sys.executable, "-c", KILLED, str(place)], stdout=subprocess.PIPE, text=True)
    try:
        assert run.stdout is not None
        left = Path(run.stdout.readline().strip())
        days_ago = time.time() - 200_000
        for path in (left, other):
            os.utime(path, (days_ago, days_ago))
        with installed(place) as folder:
            assert (left / "model.safetensors").exists()
            (folder / "config.json").touch()
    finally:
        run.kill()
        run.communicate()
    shutil.rmtree(place)
    os.utime(left, (days_ago, days_ago))
    with installed(place) as folder:
        assert not left.exists()
    assert sorted(os.listdir(tmp_path)) == [".merged.notes", "merged"]


def test_of_two_that_were_told_to_replace_the_last_stays(tmp_path: Path) -> None:
    """Whole, and nothing of the first."""
    place, kind = tmp_path / "merged", Kind("checkpoint", "config.json")
    with installed(place, kind) as first:
        with installed(place, kind) as second:
            (second / "config.json").write_text("second")
        (first / "config.json").write_text("first")
    assert (place / "config.json").read_text() == "first"
    assert os.listdir(tmp_path) == ["merged"]


def test_devices_and_pipes_are_written_into_and_stay(tmp_path: Path) -> None:
    """Root would else put a file in the place of /dev/null."""
    null, pipe = tmp_path / "null", tmp_path / "pipe"
    null.symlink_to("/dev/null")
    write_whole(null, b"1")
    assert os.readlink(null) == "/dev/null"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, b"two")
        assert os.read(reader, 10) == b"two"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["null", "pipe"]


def test_files_that_are_open_are_written_into(tmp_path: Path) -> None:
    """As /dev/stdout is where a shell sends it to a file: the link stays, and so does what the file has."""
    with (tmp_path / "out").open("w+b") as file:
        file.write(b"before ")
        file.flush()
        link = tmp_path / "stdout"
        link.symlink_to(f"/proc/self/fd/{file.fileno()}")
        for path in (link, Path(f"/dev/fd/{file.fileno()}")):
            write_whole(path, b"after ")
    assert link.is_symlink()
    assert (tmp_path / "out").read_bytes() == b"before after after "


def test_a_link_is_replaced_and_not_what_it_leads_to(tmp_path: Path) -> None:
    """Blobs of a hub's cache lie behind links, and are named by their hash."""
    (tmp_path / "blob").write_bytes(b"old")
    (tmp_path / "stamp").symlink_to("blob")
    (tmp_path / "nowhere").symlink_to("none")
    for name in ("stamp", "nowhere"):
        write_whole(tmp_path / name, b"new")
        assert not (tmp_path / name).is_symlink()
    assert ((tmp_path / "blob").read_bytes(), (tmp_path / "stamp").read_bytes()) == (b"old", b"new")


def test_a_directory_in_the_way(tmp_path: Path) -> None:
    """It stays, and what was written beside it goes."""
    (tmp_path / "file" / "inside").mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot be written"):
        write_whole(tmp_path / "file", b"1")
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_that_leads_back_to_itself(tmp_path: Path) -> None:
    """Is no place for a directory."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(UsageError, match="cannot be written"):
        check_output(tmp_path / "a", {}, Kind("adapter", "adapter_config.json"), force=True)
