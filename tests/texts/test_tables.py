"""CSV, TSV and Parquet."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from loradiag.core.errors import InputError
from loradiag.texts.fields import MAX_SAMPLE
from loradiag.texts.reading import read_texts
from tests.texts.checks import assert_refused, contents, read


def parquet_of(columns: dict[str, Any], **options: Any) -> bytes:
    """A Parquet file of these columns."""
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer, **options)
    return buffer.getvalue()


def test_csv() -> None:
    """Fields are found by the header; the number is that of the line in which a row begins."""
    data = 'id,question,answer\n1,"a\n""b""","c, d"\n\n2,e,f\n3,,\n'
    texts = read(data, "a.csv")
    assert texts.field == "question + answer"
    assert [(sample.number, sample.text) for sample in texts.samples] == [(2, 'a\n"b"\nc, d'), (5, "e\nf")]
    assert texts.skipped_empty == 1
    assert contents(read(data, "a.csv", field="answer")) == ["c, d", "f"]
    assert contents(read(",text,,\n0,x,,\n", "a.csv")) == ["x"]
    assert contents(read("a.b,text\nx,y", "a.csv", field="a.b")) == ["x"]


def test_tsv() -> None:
    """Tabs separate; commas, and quotes within, are text."""
    assert contents(read('text\tn\na, "b"\t1\n"c\td"\t2\n', "a.tsv")) == ['a, "b"', "c\td"]


@pytest.mark.parametrize(
    ("data", "says", "kind"),
    [
        ("text,n\na,1\nb\n", "line 3: has 1 field where the header has 2; quote", "text"),
        ("text,n\na,b,1\n", "line 2: has 3 fields where the header has 2; quote", "text"),
        ('text,n\na,1\n"b,2\nc,3\n', "line 3: begins a row that cannot be read (unexpected end of data)", "text"),
        ('text,n\n"a"b,1\n', "line 2: begins a row that cannot be read (',' expected after '\"')", "text"),
        (
            "text,n\ra,1\r",
            "line 1: begins a row that cannot be read (new-line character seen in unquoted field); q",
            "text",
        ),
        ("text,n,text\na,1,b\n", 'has two columns "text"; rename one', "duplicate-key"),
        ("Hello\nWorld\n", 'line 2: has no field of a known name; it has "Hello"; name', "text"),
        ("text;n\na;1\n", 'line 2: has no field of a known name; it has "text;n"; name', "text"),
        ("text,n\n", "has no text; give", "empty"),
    ],
)
def test_what_is_no_csv(data: str, says: str, kind: str) -> None:
    """A quote that is never closed would swallow the rest of the file in silence."""
    assert_refused(data, says, "a.csv", kind)


def test_a_field_that_is_too_long() -> None:
    """It is told by the parser, before the whole of it is in memory."""
    assert_refused(f"text\n{'a' * (MAX_SAMPLE + 1)}", "line 2: begins a row that cannot be read (field larger", "a.csv")


def test_a_tab_in_an_error_is_escaped() -> None:
    """Python's message has the delimiter in it."""
    assert_refused('text\tn\n"a"b\t1', "line 2: begins a row that cannot be read ('\\x09' expected", "a.tsv")


@pytest.fixture
def limit() -> Iterator[int]:
    """A limit of the csv module that nothing else sets."""
    before = csv.field_size_limit(1234)
    yield 1234
    csv.field_size_limit(before)


def test_long_fields_and_the_process_wide_limit(tmp_path: Path, limit: int) -> None:
    """Fields far beyond the csv module's limit are read, and the limit is as before: also after an error, and meanwhile."""
    long = "a" * 9_999_999
    assert contents(read(f"text\n{long}\n", "a.csv")) == [long]
    assert csv.field_size_limit() == limit
    path = tmp_path / "a.csv"
    path.write_text("text,n\na,1,2\n")
    with pytest.raises(InputError) as caught:
        read_texts(path)
    assert csv.field_size_limit() == limit
    assert contents(read("text,n\nb,1\nc", "a.csv", limit=1)) == ["b"]  # while that error and its frames are alive
    assert csv.field_size_limit() == limit
    assert caught.value.kind == "text"


USER = {"role": "user", "content": "hi"}
REPLY = {"role": "assistant", "content": "hello"}


def test_parquet() -> None:
    """Rows are numbered from 1, over all row groups."""
    data = parquet_of({"text": [f"t{i}" if i % 2 else None for i in range(100)], "n": range(100)}, row_group_size=7)
    texts = read(data, "a.parquet")
    assert [(sample.number, sample.text) for sample in texts.samples] == [(i + 1, f"t{i}") for i in range(1, 100, 2)]
    assert (texts.field, texts.skipped_empty) == ("text", 50)
    assert [sample.number for sample in read(data, "a.parquet", limit=3).samples] == [2, 4, 6]


def test_parquet_messages_and_paths() -> None:
    """Lists of structs are conversations; paths lead into structs."""
    columns = {"n": [1, 2], "messages": [[USER, REPLY], [USER]], "a": [{"b": "x", "c": 1}, None], "d.e": ["y", "z"]}
    data = parquet_of(columns)
    texts = read(data, "a.parquet")
    assert (texts.field, contents(texts)) == ("messages", [(USER, REPLY), (USER,)])
    nested = read(data, "a.parquet", field="a.b")
    assert (nested.field, nested.skipped_empty, contents(nested)) == ("a.b", 1, ["x"])
    assert contents(read(data, "a.parquet", field="d.e")) == ["y", "z"]
    pair = read(parquet_of({"prompt": [[USER]], "chosen": [[REPLY]]}), "a.parquet")
    assert (pair.field, contents(pair)) == ("prompt + chosen", [(USER, REPLY)])
    large = pa.array(["x", "y"], pa.large_string()).dictionary_encode()
    assert contents(read(parquet_of({"text": large}), "a.parquet")) == ["x", "y"]


def test_only_the_columns_that_are_needed(tmp_path: Path) -> None:
    """A column that is damaged does no harm unless it is asked for."""
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet_of({"image": ["x" * 1000, "y"], "text": ["a", "b"]}))
    chunk = parquet.read_metadata(path).row_group(0).column(0)
    assert chunk.path_in_schema == "image"
    data = bytearray(path.read_bytes())
    data[4 : 4 + chunk.total_compressed_size] = bytes(chunk.total_compressed_size)
    assert contents(read(bytes(data), "a.parquet")) == ["a", "b"]
    assert_refused(bytes(data), "is not readable Parquet (", "a.parquet", "truncated", field="image")


WHOLE = parquet_of({"text": ["a", "b"], "n": [1, 2]})
REFUSED: dict[str, tuple[bytes, str, str, str | None]] = {
    "no Parquet": (b"no Parquet", "is not readable Parquet (", "truncated", None),
    "a byte short": (WHOLE[:-1], "is not readable Parquet (", "truncated", None),
    "half": (WHOLE[: len(WHOLE) // 2], "is not readable Parquet (", "truncated", None),
    "packed": (gzip.compress(WHOLE), "is compressed Parquet; unpack it", "header", None),
    "no such field": (WHOLE, 'has no field "x.y"; it has "text", "n"; name', "text", "x.y"),
    "numbers": (WHOLE, 'row 1: "n" is a number, not text', "text", "n"),
    "unknown names": (parquet_of({"a": ["b"]}), 'has no field of a known name; it has "a"; name', "text", None),
    "bytes": (parquet_of({"text": [b"a"]}), 'row 1: "text" is of type bytes, not text', "text", None),
    "no rows": (parquet_of({"text": pa.array([], pa.string())}), "has no text; give", "empty", None),
    "no columns": (parquet_of({}), "has no field of a known name; it has none; name", "text", None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_parquet(name: str) -> None:
    """Damaged, packed, or without texts."""
    data, says, kind, field = REFUSED[name]
    assert_refused(data, says, "a.parquet", kind, field=field)


def test_parquet_strings_that_are_not_utf8() -> None:
    """Arrow does not check them when it reads."""
    data = parquet_of({"text": ["abcdefgh"]}, compression="none").replace(b"abcdefgh", b"abc\xff\xfefgh")
    assert_refused(data, "is not readable Parquet ('utf-8' codec can't decode byte 0xff", "a.parquet", "truncated")
