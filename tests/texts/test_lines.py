"""Lines: bounded, UTF-8, and told where they are not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from loradiag.core.errors import InputError
from loradiag.texts.lines import MAX_LINE
from loradiag.texts.reading import read_texts
from tests.texts.checks import assert_refused, contents, read


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl", "a.json"])
def test_not_utf8(name: str) -> None:
    """The line and the byte are those that a hex editor shows."""
    data = '["é",\n"x\udcff"]'.encode(errors="surrogateescape")
    if name == "a.jsonl":
        data = data.replace(b"[", b"").replace(b",", b"").replace(b"]", b"")
    at = data.index(b"\xff")
    assert_refused(data, f"line 2: is not UTF-8 (byte {at}, counted from 0); save it as UTF-8", name, "encoding")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_other_encodings(encoding: str) -> None:
    """What Windows' editors write is not taken for text."""
    assert_refused("naïve\n".encode(encoding) + b"\xff\xfe", "line ", "a.txt", "encoding")


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    """At the start of the file it is left out; elsewhere it is a character of the text."""
    assert contents(read("\ufeffa\n\ufeffb", "a.txt")) == ["a", "\ufeffb"]
    assert contents(read('\ufefftext\n"\ufeffb"\n', "a.csv")) == ["\ufeffb"]
    assert contents(read('\ufeff{"text": "\ufeffa"}', "a")) == ["\ufeffa"]
    assert contents(read('\ufeff["a"]', "a.json")) == ["a"]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a"])
def test_a_line_without_end(tmp_path: Path, name: str) -> None:
    """No more of it is read than a line may have; a sparse file stands for a large one."""
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(2 * MAX_LINE)
    with pytest.raises(InputError, match=r"line 1: is longer than 64,000,000 bytes") as caught:
        read_texts(path)
    assert caught.value.kind == "large"


def test_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file that unpacks to a long line, or to many lines, is refused."""
    assert_refused(gzip.compress(bytes(MAX_LINE + 1)), "line 1: is longer than", "a.txt.gz", "large")
    monkeypatch.setattr("loradiag.texts.lines.MAX_UNPACKED", 100_000)
    data = b"a line\n" * 20_000
    assert_refused(gzip.compress(data), "unpacks to more than 100,000 bytes", "a.txt.gz", "large")
    assert len(read(data, "a.txt").samples) == 20_000  # on disk it is as large as it is
