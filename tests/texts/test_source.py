"""Where bytes come from: files, pipes, standard input, gzip; and what cannot be opened."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from loradiag.core.errors import InputError
from loradiag.texts.reading import read_texts
from tests.adapters.checks import assert_plain
from tests.texts.checks import assert_refused, contents, read

DATA = b'{"text": "a"}\n{"text": "b"}\n'


def in_a_process(data: bytes, redirect: str = "") -> str:
    """What reading standard input prints in a process of its own."""
    code = (
        "from loradiag.texts.reading import read_texts\nfrom loradiag.core.errors import InputError\n"
        "try: t = read_texts('-'); print(t.path, t.field, [s.text for s in t.samples], t.sha256)\n"
        "except InputError as error: print(error)"
    )
    command = f'exec "$0" -W error -c "$1" {redirect}'
    done = subprocess.run(["sh", "-c", command, sys.executable, code], input=data, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout.decode().strip()


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input(tmp_path: Path, packed: bool) -> None:
    """A pipe and a redirected file are read to their end, told by their content, and hashed as they came."""
    data = gzip.compress(DATA) if packed else DATA
    expected = f"standard input text ['a', 'b'] {hashlib.sha256(data).hexdigest()}"
    assert in_a_process(data) == expected
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    assert in_a_process(b"", f"< '{path}'") == expected


def test_standard_input_without_anything() -> None:
    """Empty and closed are two things."""
    assert in_a_process(b"") == "standard input: is an empty file; give at least one text"
    assert in_a_process(b"", "<&-") == "standard input: is closed; name a file"


def test_a_named_pipe(tmp_path: Path) -> None:
    """What ``<(command)`` gives can be read only once, and has a hash nevertheless."""
    path = tmp_path / "pipe.jsonl"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(DATA,))
    writer.start()
    texts = read_texts(path, limit=1)
    writer.join()
    assert contents(texts) == ["a"]
    assert texts.sha256 == hashlib.sha256(DATA).hexdigest()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero")
def test_a_pipe_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not fill the disk."""
    monkeypatch.setattr("loradiag.texts.source.MAX_UNPACKED", 1_000_000)
    with pytest.raises(InputError, match="/dev/zero: gives more than 1,000,000 bytes"):
        read_texts("/dev/zero")


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.JSONL.GZ", "a.gz", "a.jsonl", "a"])
def test_gzip(name: str) -> None:
    """It is unpacked by its suffix or by its first bytes; the hash is that of the file. Members may follow each other."""
    assert contents(read(gzip.compress(DATA), name)) == ["a", "b"]
    assert contents(read(gzip.compress(DATA) + gzip.compress(b'{"text": "c"}'), name)) == ["a", "b", "c"]


PACKED = gzip.compress(b'{"text": "a sample of some length"}\n' * 100)
DAMAGED = {
    "no gzip": b"plain",
    "a byte short": PACKED[:-1],
    "no sum": PACKED[:-9],
    "half": PACKED[: len(PACKED) // 2],
    "cut in the header": PACKED[:3],
    "a wrong sum": PACKED[:-6] + bytes(6),
}


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.gz", "a.txt.gz", "a.csv.gz"])
@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_gzip(damage: str, name: str) -> None:
    """Cut anywhere, with a wrong sum, or no gzip at all."""
    assert_refused(DAMAGED[damage], "is damaged or cut, or no gzip file", name, "truncated")


@pytest.mark.parametrize("suffix", ["jsonl", "json", "txt", "csv", "tsv", "md", "parquet", "gz", "jsonl.gz", ""])
def test_empty_files(suffix: str) -> None:
    """Nothing, white space and nothing in a gzip file."""
    name = f"a.{suffix}".rstrip(".")
    assert_refused(b"", "is an empty file", name, "empty")
    assert_refused(gzip.compress(b""), "is an empty file", name, "empty")
    if suffix not in ("parquet", "gz", "jsonl.gz"):
        assert_refused(b"\r\n \n\n", "has no text", name, "empty")


def test_what_is_no_file(tmp_path: Path) -> None:
    """Each has its remedy."""
    for path, says, kind in (
        (tmp_path / "none.jsonl", "does not exist; check the path of the texts", "missing"),
        (tmp_path, "is a directory; name a file of texts in it", "unreadable"),
        (tmp_path / "a\0b", "does not exist", "missing"),
        (tmp_path / "a\ud800\x1b[2J", "does not exist", "missing"),
        (tmp_path / ("a" * 300), "cannot be read (File name too long)", "unreadable"),
    ):
        with pytest.raises(InputError) as caught:
            read_texts(path)
        assert says in str(caught.value)
        assert caught.value.kind == kind
        assert_plain(caught.value)


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    """A report can hold the path."""
    path = tmp_path / os.fsdecode(b"a\xff.txt")
    path.write_text("a")
    assert read_texts(path).path == str(tmp_path / "a\\udcff.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permissions(tmp_path: Path) -> None:
    """A file of someone else's."""
    path = tmp_path / "a.txt"
    path.write_text("a")
    path.chmod(0)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\); check its permissions"):
        read_texts(path)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="there is no /proc")
def test_an_error_while_reading() -> None:
    """A disk that fails after the file was opened: the first page of a process's memory is never there."""
    with pytest.raises(InputError, match=r"/proc/self/mem: cannot be read \(Input/output error\)"):
        read_texts("/proc/self/mem")
