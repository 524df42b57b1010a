"""What must outlast a power cut is on the disk before it gets its name, and its name is there before we go on."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from loradiag.core.errors import UsageError
from loradiag.storage.directories import Kind, installed
from loradiag.storage.syncing import make_folder, sync, sync_below
from loradiag.storage.writing import write_whole

Event = tuple[str, int]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What is synced, renamed and removed, in order, each by its inode. All of it is really done."""
    seen: list[Event] = []
    fsync, replace, rmtree = os.fsync, os.replace, shutil.rmtree

    def synced(descriptor: int) -> None:
        seen.append(("sync", os.fstat(descriptor).st_ino))
        fsync(descriptor)

    def renamed(source: Path, target: Path) -> None:
        moved = os.stat(source).st_ino
        replace(source, target)
        seen.append(("rename", moved))

    def removed(path: Path, **options: bool) -> None:
        seen.append(("remove", os.stat(path).st_ino))
        rmtree(path, **options)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    monkeypatch.setattr(shutil, "rmtree", removed)
    return seen


def inode(path: Path) -> int:
    """What stays the same when a file is renamed."""
    return path.stat().st_ino


def test_a_file_is_on_the_disk_before_its_name(tmp_path: Path, events: list[Event]) -> None:
    """Else a power cut leaves an empty file in the place of a whole one."""
    write_whole(tmp_path / "report.json", b"{}")
    file = inode(tmp_path / "report.json")
    assert events == [("sync", file), ("rename", file), ("sync", inode(tmp_path))]


def test_a_cache_is_not_waited_for(tmp_path: Path, events: list[Event]) -> None:
    """What is lost with it is computed again."""
    write_whole(tmp_path / "hashes.json", b"{}", lasting=False)
    assert events == [("rename", inode(tmp_path / "hashes.json"))]


def test_a_directory_is_on_the_disk_before_its_name_and_what_it_replaces_goes_last(
    tmp_path: Path, events: list[Event]
) -> None:
    """With all that is in it, folders within it too."""
    place = tmp_path / "merged"
    with installed(place) as folder:
        (folder / "model.safetensors").write_bytes(b"1")
    before = inode(place)
    events.clear()
    with installed(place, Kind("checkpoint", "model.safetensors")) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "model.safetensors").write_bytes(b"2")
    inner, weights, now = place / "inner", place / "inner" / "model.safetensors", inode(place)
    assert set(events[:3]) == {("sync", inode(weights)), ("sync", inode(inner)), ("sync", now)}
    assert events[3:] == [("rename", before), ("rename", now), ("sync", inode(tmp_path)), ("remove", before)]


def test_folders_that_are_made_have_lasting_names(tmp_path: Path, events: list[Event]) -> None:
    """Each is written down in the one that it lies in; those that were there are left alone."""
    make_folder(tmp_path / "a" / "b")
    assert events == [("sync", inode(tmp_path)), ("sync", inode(tmp_path / "a"))]
    events.clear()
    make_folder(tmp_path / "a" / "b")
    assert events == []


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_file_systems_that_sync_nothing(refusal: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Network shares and FUSE: what is written is written all the same."""

    def refuse(_: int) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(os, "fsync", refuse)
    write_whole(tmp_path / "file", b"1")
    with installed(tmp_path / "folder") as folder:
        (folder / "inside").write_bytes(b"2")
    assert (tmp_path / "file").read_bytes() + (tmp_path / "folder" / "inside").read_bytes() == b"12"


def test_a_disk_that_is_full_only_when_it_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Network file systems say so late: the old file stays, and nothing is left beside it."""
    write_whole(tmp_path / "file", b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        write_whole(tmp_path / "file", b"new")
    with pytest.raises(UsageError, match="No space left"), installed(tmp_path / "folder") as folder:
        (folder / "inside").write_bytes(b"2")
    assert (os.listdir(tmp_path), (tmp_path / "file").read_bytes()) == (["file"], b"old")


def test_a_folder_that_may_be_written_and_not_listed(tmp_path: Path) -> None:
    """Cannot be opened to be synced; files appear in it all the same."""
    place = tmp_path / "drop"
    place.mkdir()
    place.chmod(0o333)
    try:
        write_whole(place / "file", b"1")
    finally:
        place.chmod(0o755)
    assert (place / "file").read_bytes() == b"1"


def test_what_is_no_file_is_passed_over(tmp_path: Path) -> None:
    """Opening a pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "none")
    sync_below(tmp_path)
    sync(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]
