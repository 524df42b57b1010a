"""Files of the cache that are damaged: none of them is an error, what they held is done again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loradiag.analyzers.forgetting.remember import BASES, Memory
from loradiag.analyzers.merge.keep import Kept
from loradiag.bases.cache import Entry
from loradiag.models.harness.answers import Scored
from loradiag.overview.shelf import Shelf
from loradiag.storage.cache import folder
from loradiag.storage.remembered import items
from loradiag.storage.remote import RemoteFolder

NONSENSE = [b"", b"{", b'{"a": "\xff"}', b'"\xff"', b'{"about": {"\xff": "x"}}', b'{"a": ' + b"[" * 5000, b"\x9f\0"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("data", NONSENSE)
def test_hashes_of_a_base(tmp_path: Path, data: bytes) -> None:
    """They are computed again."""
    (tmp_path / "hashes.json").write_bytes(data)
    assert Entry(tmp_path, tmp_path / "hashes.json").read() is None


@pytest.mark.parametrize("data", NONSENSE)
def test_answers_of_a_base(data: bytes) -> None:
    """The question is asked again; the list of what is remembered has the file."""
    memory = Memory(BASES, {}, {"model": "x"}, enabled=True)
    memory.write("q", Scored("toy", "1", [], []), {})
    (file,) = (folder() / BASES).iterdir()
    file.write_bytes(data)
    assert memory.read("q", Scored) is None
    assert [item.path for item in items()] == [file]


@pytest.mark.parametrize("data", NONSENSE)
def test_finished_work_of_a_merge(data: bytes) -> None:
    """It is done again."""
    kept = Kept({})
    (place,) = (folder() / "merge").iterdir()
    (place / "weights.jsonl").write_bytes(data)
    (place / "fp16.json").write_bytes(data)
    assert kept.survivals() == {}
    assert kept.outputs("fp16") is None


@pytest.mark.parametrize("data", NONSENSE)
def test_what_is_here_of_a_folder_elsewhere(tmp_path: Path, data: bytes) -> None:
    """It is fetched again."""
    pytest.importorskip("fsspec")
    remote = RemoteFolder(f"memory://caches-damaged/{tmp_path.name}", tmp_path)
    (remote.local / "a").write_bytes(b"a")
    remote.send()
    (memory,) = remote.local.parent.glob("*.json")
    memory.write_bytes(data)
    assert (remote.fetch() / "a").read_bytes() == b"a"


def test_names_that_lead_out_of_the_copy(tmp_path: Path) -> None:
    """What lies elsewhere is no part of it, and stays, whatever the memory says."""
    pytest.importorskip("fsspec")
    remote = RemoteFolder(f"memory://caches-damaged/{tmp_path.name}", tmp_path)
    (remote.local / "a").write_bytes(b"a")
    remote.send()
    (memory,) = remote.local.parent.glob("*.json")
    outside = tmp_path / "outside"
    outside.write_text("kept")
    names = ["../../outside", str(outside), "..", "", "a" * 3000, "b\0"]
    memory.write_text(json.dumps({name: ["1", 1, 1] for name in names}))
    assert (remote.fetch() / "a").read_bytes() == b"a"
    assert outside.read_text() == "kept"


def test_what_is_known_of_reports(tmp_path: Path) -> None:
    """Whatever a byte of it becomes, the folder is read anew."""
    reports, memory = tmp_path / "reports", tmp_path / "shelf.sqlite"
    reports.mkdir()
    Shelf(reports, memory).refresh()
    whole = memory.read_bytes()
    for number in range(0, len(whole), 61):
        memory.write_bytes(whole[:number] + b"\xf4" + whole[number + 1 :])
        for ending in ("-wal", "-shm"):
            memory.with_name(memory.name + ending).unlink(missing_ok=True)
        assert Shelf(reports, memory).cards == ()
