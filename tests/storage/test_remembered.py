"""What lies in the cache, listed and removed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from loradiag.storage.copies import Copy
from loradiag.storage.remembered import KINDS, items, remove
from loradiag.storage.remote import RemoteFolder
from loradiag.storage.versions import Known


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with something of every kind."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path))
    for kind in KINDS:
        (tmp_path / kind).mkdir()
    (tmp_path / "scores" / "a.json").write_text('{"about": {"task": "toy", "base": "b"}, "scored": {}}')
    (tmp_path / "scores" / "broken.json").write_text('{"about": {"task"')
    (tmp_path / "merge" / "run").mkdir()
    (tmp_path / "merge" / "run" / "weights.jsonl").write_text("12345")
    old = tmp_path / "fingerprints" / "x.json"
    old.write_text("{}")
    month = time.time() - 30 * 86400
    os.utime(old, (month, month))
    return tmp_path


def test_everything_is_listed(cache: Path) -> None:
    """With size, age, and what it is where it says so; what cannot be read is listed all the same."""
    found = {item.path.name: item for item in items()}
    assert set(found) == {"a.json", "broken.json", "run", "x.json"}
    assert found["a.json"].about == {"task": "toy", "base": "b"}
    assert found["broken.json"].about == {}
    assert found["run"].bytes == 5
    assert found["x.json"].days == pytest.approx(30, abs=0.01)
    assert cache in found["run"].path.parents


def test_one_kind_alone(cache: Path) -> None:
    """Others are left out."""
    assert {item.kind for item in items(("merge",))} == {"merge"}


def test_removal(cache: Path) -> None:
    """Of files and of whole runs; a second time does no harm."""
    for item in list(items()):
        assert remove(item)
        assert not item.path.exists()
    assert list(items()) == []


def test_a_link_is_removed_and_not_what_it_points_to(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing outside the cache is touched."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "precious").write_text("x")
    (cache / "merge" / "link").symlink_to(outside)
    for item in list(items(("merge",))):
        remove(item)
    assert (outside / "precious").read_text() == "x"


def test_databases_with_what_lies_beside_them(cache: Path) -> None:
    """A fleet's file and the dashboard's, each as one thing; another database is left alone."""
    for name in ("fleet.sqlite", "overview/reports.sqlite"):
        for ending, size in (("", 10), ("-wal", 200), ("-shm", 3000)):
            (cache / f"{name}{ending}").write_bytes(b"x" * size)
    (cache / "traffic" / "lake.parquet").write_bytes(b"1234567")
    (cache / "other.sqlite").write_text("x")
    found = list(items(("fleet", "overview", "traffic")))
    assert [(item.kind, item.path.name, item.bytes) for item in found] == [
        ("fleet", "fleet.sqlite", 3210),
        ("overview", "reports.sqlite", 3210),
        ("traffic", "lake.parquet", 7),
    ]
    assert all(remove(item) for item in found)
    assert sorted(path.name for path in cache.iterdir() if path.name not in KINDS) == ["other.sqlite"]
    assert not any((cache / "overview").iterdir())


def test_a_copy_that_somebody_brings_up_to_date_is_left_alone(cache: Path) -> None:
    """And goes, with what is remembered of it, when nobody does."""
    (cache / "there" / "inner").mkdir(parents=True)
    (cache / "there" / "inner" / "a.txt").write_text("a")
    folder = RemoteFolder(f"file://{cache}/there", cache)
    folder.fetch()
    (found,) = items(("remote",))
    with Copy(folder.local).alone():
        assert not remove(found)
    assert (folder.local / "inner" / "a.txt").read_text() == "a"
    assert remove(found)
    assert [path.suffix for path in (cache / "remote").iterdir()] == [".lock"]
    assert list(items(("remote",))) == []


def test_what_killed_processes_left_in_a_copy_goes(cache: Path) -> None:
    """Half a file of an hour ago; one that is being written stays."""
    copy = cache / "remote" / "0123"
    copy.mkdir()
    for name in (".old.part", ".new.part", "sent"):
        (copy / name).write_text(name)
    status = (copy / "sent").stat()
    Copy(copy).remember({"sent": Known("there", status.st_size, status.st_mtime_ns)})
    os.utime(copy / ".old.part", (time.time() - 4000,) * 2)
    assert Copy(copy).drop()
    assert os.listdir(copy) == [".new.part"]


def test_no_cache_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is empty."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "nowhere"))
    assert list(items()) == []
