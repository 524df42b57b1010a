"""Folders behind URLs, on fsspec's own file systems: this machine's, and one in memory."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.core.errors import InputError, UsageError
from loradiag.storage.remote import RemoteFolder, _unwritten
from loradiag.storage.urls import fetch_file, is_remote, remote_files, shown
from loradiag.storage.urls import told as told_of
from loradiag.storage.versions import version

URL = "https://user:SECRET@host/x.jsonl?sig=TOKEN"


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty folder behind a URL."""
    if request.param == "file":
        yield f"file://{tmp_path}/there"
        return
    system = fsspec.filesystem("memory")
    yield f"memory://{tmp_path.name}/there"
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def put(url: str, name: str, text: str) -> None:
    """Write a file there, as somebody else would."""
    system, root = fsspec.core.url_to_fs(url)
    system.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
    system.pipe_file(f"{root}/{name}", text.encode())


def there(url: str) -> dict[str, str]:
    """What lies there."""
    system, root = fsspec.core.url_to_fs(url)
    return {name.partition("/there/")[2]: system.cat_file(name).decode() for name in system.find(root)}


def here(folder: RemoteFolder) -> dict[str, str]:
    """What lies in the copy."""
    files = (path for path in folder.local.rglob("*") if path.is_file())
    return {path.relative_to(folder.local).as_posix(): path.read_text() for path in files}


def write(folder: RemoteFolder, name: str, text: str) -> None:
    """Write into the copy, at a time of change that differs from the last."""
    place = folder.local / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    time.sleep(0.005)


def test_only_what_is_new_is_fetched(url: str, tmp_path: Path) -> None:
    """What is there comes, changed files come again, removed ones go; nothing else moves."""
    folder = RemoteFolder(url, tmp_path / "cache")
    assert here(folder) == {}
    put(url, "date=1/a.parquet", "a")
    put(url, "date=2/b.parquet", "b")
    told: list[tuple[int, int]] = []
    assert folder.fetch(lambda *done: told.append(done)) == folder.local
    assert here(folder) == {"date=1/a.parquet": "a", "date=2/b.parquet": "b"}
    assert told == [(1, 2), (2, 2)]
    folder.fetch(lambda *done: pytest.fail(f"fetched again {done}"))
    put(url, "date=2/b.parquet", "longer")
    system, root = fsspec.core.url_to_fs(url)
    system.rm_file(f"{root}/date=1/a.parquet")
    RemoteFolder(url + "/", tmp_path / "cache").fetch()
    assert here(folder) == {"date=2/b.parquet": "longer"}


def test_only_what_changed_is_sent(url: str, tmp_path: Path) -> None:
    """New and changed files go there, those that were removed on purpose are removed, and others' files stay."""
    folder = RemoteFolder(url, tmp_path / "cache")
    put(url, "others.txt", "theirs")
    folder.fetch()
    write(folder, "z/first.txt", "1")
    write(folder, "a/second.txt", "2")
    assert folder.send() == 2
    assert there(url) == {"others.txt": "theirs", "z/first.txt": "1", "a/second.txt": "2"}
    assert folder.send() == 0
    put(url, "late.txt", "by another")
    write(folder, "a/second.txt", "changed")
    (folder.local / "z/first.txt").unlink()
    assert folder.send(removed=[folder.local / "z/first.txt"]) == 1
    assert there(url) == {"others.txt": "theirs", "a/second.txt": "changed", "late.txt": "by another"}
    folder.fetch()
    assert here(folder) == there(url)


def test_a_cache_that_was_emptied_loses_nothing_there(url: str, tmp_path: Path) -> None:
    """Whoever tidies caches while something is written meanwhile: only what is new is sent, and the rest comes back."""
    folder = RemoteFolder(url, tmp_path / "cache")
    put(url, "a/1.txt", "1")
    put(url, "a/2.txt", "2")
    folder.fetch()
    shutil.rmtree(folder.local)
    write(folder, "a/3.txt", "3")
    assert folder.send() == 1
    assert there(url) == {"a/1.txt": "1", "a/2.txt": "2", "a/3.txt": "3"}
    folder.fetch()
    assert here(folder) == there(url)


def test_files_that_vanish_while_they_are_listed_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process that uses the same copy has merged one with others."""
    folder = RemoteFolder(f"file://{tmp_path}/there", tmp_path / "cache")
    write(folder, "a.txt", "a")
    real = Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: [*real(self, pattern), self / "gone.txt"])
    assert folder.send() == 1


@pytest.mark.parametrize(
    "answers",
    [
        (
            {"size": 1, "ETag": '"x"', "LastModified": "10:00:00.123"},
            {"size": 1, "ETag": '"x"', "LastModified": "10:00:00"},
        ),
        ({"size": 1, "mtime": 5.0}, {"size": 1, "mtime": 5.0, "name": "else"}),
    ],
)
def test_a_version_is_the_same_in_every_answer_of_a_store(answers: tuple[dict[str, object], ...]) -> None:
    """Listings tell times to the millisecond, and single files to the second: a hash says more."""
    assert version(answers[0]) == version(answers[1])
    assert version(answers[0]) != version({**answers[0], "size": 2})


def test_what_one_machine_keeps_for_itself_is_not_sent(url: str, tmp_path: Path) -> None:
    """State, locks and files that are being written stay here, and such ones there stay there."""
    folder = RemoteFolder(url, tmp_path / "cache")
    put(url, "_state/watch.sqlite", "another machine's")
    put(url, ".half.parquet.part", "half")
    folder.fetch()
    assert here(folder) == {}
    write(folder, "_state/follow.json", "mine")
    write(folder, "date=1/.x.parquet.part", "half")
    assert folder.send() == 0


def test_what_was_not_sent_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that fails on the second file keeps the first; the next time, and another process, sends the rest."""
    url = f"file://{tmp_path}/there"
    folder = RemoteFolder(url, tmp_path / "cache")
    folder.fetch()
    for name in ("one.txt", "two.txt", "three.txt"):
        write(folder, name, name)
    real = type(folder._system).put_file

    def failing(self: object, here: str, there: str, **options: object) -> None:
        if "two" in there:
            raise PermissionError("quota\nof the bucket")
        real(self, here, there, **options)

    monkeypatch.setattr(type(folder._system), "put_file", failing)
    with pytest.raises(UsageError, match=r"there: cannot be written \(quota\)"):
        folder.send()
    assert set(there(url)) == {"one.txt"}
    monkeypatch.undo()
    other = RemoteFolder(url, tmp_path / "cache")
    other.fetch()
    assert other.send() == 2
    assert set(there(url)) == {"one.txt", "two.txt", "three.txt"}


def test_what_was_written_here_anew_waits_though_it_was_removed_there(url: str, tmp_path: Path) -> None:
    """A kill came between writing and sending, and somebody else removed the old file meanwhile."""
    folder = RemoteFolder(url, tmp_path / "cache")
    for name in ("again.txt", "gone.txt"):
        put(url, name, "old")
    folder.fetch()
    write(folder, "again.txt", "new one")
    system, root = fsspec.core.url_to_fs(url)
    for name in ("again.txt", "gone.txt"):
        system.rm_file(f"{root}/{name}")
    folder.fetch()
    assert here(folder) == {"again.txt": "new one"}
    folder.send()
    assert there(url) == {"again.txt": "new one"}


def test_a_memory_that_was_lost_costs_time_alone(url: str, tmp_path: Path) -> None:
    """Without what was remembered, all is fetched again, and nothing is doubled or lost."""
    folder = RemoteFolder(url, tmp_path / "cache")
    put(url, "a.txt", "a")
    folder.fetch()
    write(folder, "waits.txt", "w")
    folder.local.with_suffix(".json").write_text("{broken")
    folder.fetch()
    folder.send()
    assert there(url) == {"a.txt": "a", "waits.txt": "w"}


def test_one_file_or_folder_is_brought(url: str, tmp_path: Path) -> None:
    """A worker gets what it needs and no more, and does not ask again."""
    put(url, "date=1/a.parquet", "a")
    put(url, "date=10/b.parquet", "b")
    folder = RemoteFolder(url, tmp_path / "cache")
    assert folder.bring("date=1/a.parquet").read_text() == "a"
    assert here(folder) == {"date=1/a.parquet": "a"}
    system, root = fsspec.core.url_to_fs(url)
    system.rm_file(f"{root}/date=1/a.parquet")
    assert folder.bring("date=1/a.parquet").read_text() == "a"
    assert (folder.bring("date=10") / "b.parquet").read_text() == "b"


def test_files_vanish_while_they_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was merged between listing and reading is passed over."""
    url = f"file://{tmp_path}/there"
    put(url, "a.txt", "a")
    put(url, "b.txt", "b")
    folder = RemoteFolder(url, tmp_path / "cache")
    real = folder.listing
    monkeypatch.setattr(folder, "listing", lambda inside="": {**real(inside), "gone.txt": "[]"})
    folder.fetch()
    assert here(folder) == {"a.txt": "a", "b.txt": "b"}


def test_a_link_out_of_the_folder_is_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that names files outside the folder is not followed."""
    url = f"file://{tmp_path}/there"
    put(url, "a.txt", "a")
    folder = RemoteFolder(url, tmp_path / "cache")
    root = folder._root
    hostile = {
        f"{root}/../../x": {},
        "/etc/passwd": {},
        f"{root}/a/../../y": {},
        f"{root}/a.txt": {"size": 1},
        f"{root}/n\0ul": {},
    }
    monkeypatch.setattr(type(folder._system), "find", lambda *_, **__: hostile)
    assert set(folder.listing()) == {"a.txt"}


def test_errors_name_the_folder_and_no_credentials(tmp_path: Path) -> None:
    """One line, with what to do."""
    with pytest.raises(UsageError, match=r"nosuch://bucket/x: cannot be opened .*loradiag\[remote\]"):
        RemoteFolder("nosuch://user:secret@bucket/x", tmp_path)
    with pytest.raises(InputError, match="check the URL") as caught:
        fetch_file(f"file://{tmp_path}/none.jsonl", tmp_path)
    assert "\n" not in str(caught.value)
    if os.geteuid():
        (tmp_path / "shut").mkdir(mode=0o500)
        with pytest.raises(UsageError, match="cannot be written"):
            RemoteFolder("memory://x", tmp_path / "shut")


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("https://user:SECRET@host/x.jsonl?sig=TOKEN"),
        OSError("\n  \nInvalid bucket 'user:SECRET@host', password SECRET, signature TOKEN"),
        ValueError(""),
    ],
)
def test_no_credentials_in_what_a_client_says(error: Exception) -> None:
    """Neither user and password, nor the signature of an address, whatever the message of the error repeats."""
    for done, kind in (("read", InputError), ("written", _unwritten)):
        with pytest.raises((InputError, UsageError)) as caught, told_of(URL, done, kind):
            raise error
        assert "https://host/x.jsonl: cannot be" in str(caught.value)
        assert not any(word in str(caught.value) for word in ("SECRET", "TOKEN", "user", "\n"))


def test_logs_by_pattern_folder_and_name(url: str, tmp_path: Path) -> None:
    """What a URL of logs names."""
    for name in ("b/2.jsonl", "b/1.jsonl.gz", "b/notes.txt", "3.jsonl"):
        put(url, name, name)

    def wanted(name: str) -> bool:
        return "jsonl" in name

    def names(of: str) -> list[str]:
        return [found.partition("/there/")[2] for found in remote_files(of, wanted)]

    assert names(url) == ["3.jsonl", "b/1.jsonl.gz", "b/2.jsonl"]
    assert names(f"{url}/b/*.jsonl") == ["b/2.jsonl"]
    assert names(f"{url}/b/notes.txt") == ["b/notes.txt"]
    assert names(f"{url}/none") == []
    copy = fetch_file(remote_files(f"{url}/b/1*", wanted)[0], tmp_path)
    assert (copy.name, copy.read_text()) == ("1.jsonl.gz", "b/1.jsonl.gz")


@pytest.mark.parametrize(
    ("path", "remote"),
    [
        ("s3://bucket/lake", True),
        ("memory://x", True),
        ("s3+custom://x", True),
        ("lake/", False),
        ("/a/b://c", False),
        ("c://windows", False),
        ("", False),
        ("http:/x", False),
    ],
)
def test_what_a_url_is(path: str, remote: bool) -> None:
    """A scheme of letters and digits before ``://``."""
    assert is_remote(path) is remote


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_url_is_shown_without_credentials(user: str, rest: str) -> None:
    """Whatever stands before the @ of the host."""
    host = user.replace("/", "").replace("@", "")
    told = shown(f"s3://{host}SECRET@bucket/{rest}")
    assert "SECRET" not in told.partition("bucket/")[0]
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in told)
