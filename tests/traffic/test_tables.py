"""CSV and TSV: what a row says, and rows that nobody can read."""

from __future__ import annotations

import csv
import gzip
import hashlib
from pathlib import Path

import pytest

from loradiag.traffic.records import Item, records


def read(path: Path) -> list[Item]:
    """All items."""
    return list(records(str(path)))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_table_as_spreadsheets_save_it(tmp_path: Path, name: str) -> None:
    """With a byte order mark, CRLF, blank lines, and line breaks in quotes."""
    data = '\ufefftext,adapter\r\n"one\r\ntwo",a\r\n\r\nthree,b\r\n'.encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert [item.record for item in read(path)] == [
        {"text": "one\r\ntwo", "adapter": "a"},
        {"text": "three", "adapter": "b"},
    ]


def test_rows_of_another_length_than_the_header(tmp_path: Path) -> None:
    """Are not taken: a comma that is not quoted would make a word the adapter. Their bytes are told."""
    path = tmp_path / "a.csv"
    path.write_text("text,adapter\nhello, you,a\nshort\nfine,b\n")
    found = read(path)
    assert [item.reason for item in found] == [
        "has 3 cells where the header has 2",
        "has 1 cell where the header has 2",
        None,
    ]
    assert hashlib.sha256(found[0].data).hexdigest() == hashlib.sha256(b"hello, you,a\n").hexdigest()
    assert [item.number for item in found] == [2, 3, 4]


def test_a_quote_that_is_never_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It swallows what fits into a row, and reading goes on after that; the limit of the process is as before."""
    monkeypatch.setattr("loradiag.traffic.tables.MAX_LINE", 200_000)
    before = csv.field_size_limit()
    path = tmp_path / "a.csv"
    path.write_text('text,adapter\n"open,a\n' + "x,y\n" * 100_000)
    found = read(path)
    assert found[0].reason == "is no row of a table"
    assert found[-1].record == {"text": "x", "adapter": "y"}
    assert csv.field_size_limit() == before
    assert len(found[0].data) < 300_000


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is read a part at a time, none of them as a row."""
    monkeypatch.setattr("loradiag.traffic.tables.MAX_LINE", 1000)
    path = tmp_path / "a.csv"
    path.write_text("text,adapter\n" + "x" * 500_000 + "\nfine,b\n")
    found = read(path)
    assert found[-1].record == {"text": "fine", "adapter": "b"}
    assert all(item.reason for item in found[:-1])


def test_json_a_line_in_a_large_file_called_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is read by its lines however large it is, also where the first is torn; a broken document is one flaw."""
    monkeypatch.setattr("loradiag.traffic.records.MAX_DOCUMENT", 1000)
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}\n' * 500)
    assert len([item for item in read(path) if item.record]) == 500
    path.write_text('"a": 0}\n' + '{"a": 1}\n' * 500)
    assert [item.reason for item in read(path)] == ["is not JSON", *[None] * 500]
    path.write_text("[\n" + '  {"a": 1},\n' * 20 + '  {"a": 2\n]')
    assert [item.reason for item in read(path)] == ["is not JSON"]
    path.write_text("[\n" + '{"a": 1}\n,\n' * 20 + '{"a": 2}\n]')
    assert len(read(path)) == 21
