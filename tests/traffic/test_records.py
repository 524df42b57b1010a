"""Records out of files, whatever the files are like."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loradiag.core.errors import InputError
from loradiag.traffic.records import MAX_LINE, records, sources_of


def read(path: Path) -> list[Any]:
    """Records, or reasons in their places."""
    return [item.record if item.reason is None else item.reason for item in records(str(path))]


def test_bad_lines_stand_between_good_ones(tmp_path: Path) -> None:
    """No JSON, no UTF-8, too deep, cut: each with its reason, and the rest is read. NaN is taken for nothing."""
    path = tmp_path / "log.jsonl"
    deep = b"[" * 100_000 + b"]" * 100_000
    path.write_bytes(b'{"a": 1}\nnot json\n\n{"a": "\xff"}\n' + deep + b'\n{"a": NaN}\n{"a": 2')
    assert read(path) == [{"a": 1}, "is not JSON", "is not UTF-8", "is nested too deeply", {"a": None}, "is not JSON"]


def test_a_line_that_is_too_long(tmp_path: Path) -> None:
    """It is passed over without being held in memory, and what follows is read."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"a": "' + b"x" * (MAX_LINE + 3_000_000) + b'"}\n{"a": 2}\n')
    assert read(path) == [f"is longer than {MAX_LINE:,} bytes", {"a": 2}]


@pytest.mark.parametrize("name", ["log.jsonl.gz", "log.ndjson.gz", "log.log", "log.jsonl", "log"])
def test_lines_under_many_names(tmp_path: Path, name: str) -> None:
    """Gzip is told by its content."""
    path = tmp_path / name
    data = b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}'
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert read(path) == [{"a": 1}, {"a": 2}]


def test_a_gzip_file_that_is_cut(tmp_path: Path) -> None:
    """What comes before the cut is read, and the cut is named."""
    path = tmp_path / "log.jsonl.gz"
    lines = "".join(json.dumps({"a": number, "pad": f"{number * 7919}" * 9}) + "\n" for number in range(3000))
    path.write_bytes(gzip.compress(lines.encode())[:-2000])
    found = read(path)
    assert found[0]["a"] == 0
    assert len(found) > 500
    assert found[-1] == "the file is cut or damaged from here on"


def test_documents(tmp_path: Path) -> None:
    """A list, a list under a usual name, one object, and lines in a file that is called .json."""
    path = tmp_path / "export.json"
    for document, expected in (([{"a": 1}, {"a": 2}], 2), ({"data": [{"a": 1}]}, 1), ({"a": 1}, 1)):
        path.write_text(json.dumps(document))
        assert len(read(path)) == expected
    path.write_text('{"a": 1}\n{"a": 2}\nbroken\n')
    assert read(path) == [{"a": 1}, {"a": 2}, "is not JSON"]


def test_tables(tmp_path: Path) -> None:
    """CSV with a quoted line break, TSV, and Parquet with a column of vectors."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "a.csv"
    path.write_text('prompt,time\n"two\nlines",3\n')
    assert read(path) == [{"prompt": "two\nlines", "time": "3"}]
    (tmp_path / "a.tsv").write_text("prompt\ttime\nx\t1\n")
    assert read(tmp_path / "a.tsv") == [{"prompt": "x", "time": "1"}]
    pq.write_table(pa.table({"text": ["a"], "embedding": [[0.5, 0.5]]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == [{"text": "a", "embedding": [0.5, 0.5]}]
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(data[: len(data) // 2])
    assert read(tmp_path / "b.parquet") == ["the file is no Parquet, or damaged from here on"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".parquet", ".jsonl.gz"]))
def test_no_bytes_raise(tmp_path: Path, data: bytes, suffix: str) -> None:
    """Whatever lies in a file, reading it ends, with records or reasons."""
    path = tmp_path / f"log{suffix}"
    path.write_bytes(data)
    for item in records(str(path)):
        assert item.number >= 1


def test_sources(tmp_path: Path) -> None:
    """Files once each, patterns, directories with all logs below; the lake's own files are none, and no name without any."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "lake").mkdir()
    for name in ("b.jsonl", "a.jsonl.gz", "sub/c.csv", ".hidden.jsonl", "notes.txt", "lake/x.parquet"):
        (tmp_path / name).touch()
    found = [Path(name).relative_to(tmp_path).as_posix() for name in sources_of([str(tmp_path)], tmp_path / "lake")]
    assert found == ["a.jsonl.gz", "b.jsonl", "sub/c.csv"]
    assert sources_of([str(tmp_path / "b.jsonl"), str(tmp_path / "*.jsonl")], tmp_path / "lake") == [
        str(tmp_path / "b.jsonl")
    ]
    with pytest.raises(InputError, match="names no log"):
        sources_of([str(tmp_path / "none*")], tmp_path / "lake")
    part = tmp_path / "lake" / "date=2026-11-01" / "bucket=03"
    part.mkdir(parents=True)
    (part / "y.parquet").touch()
    inside = [str(tmp_path / "lake"), str(part.parent), str(part)]
    assert [sources_of(inside[:1], tmp_path / "lake")] == [[str(tmp_path / "lake" / "x.parquet")]]
    for path in inside[1:]:
        with pytest.raises(InputError, match="names no log"):
            sources_of([path], tmp_path / "lake")
    with pytest.raises(InputError, match="does not exist"):
        list(records(str(tmp_path / "none.jsonl")))
