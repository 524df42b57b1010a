"""What holds of every format: texts come back as they were written, and no bytes make anything but texts or one line."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from loradiag.core.errors import UsageError
from loradiag.texts.reading import read_texts
from tests.conftest import SHARED
from tests.texts.checks import assert_refused, contents, read, survives

SUFFIXES = ["jsonl", "ndjson", "json", "txt", "md", "csv", "tsv", "parquet", "jsonl.gz", "csv.gz", "gz", "dat"]

Texts = list[str]


def _lines(texts: Texts, end: str) -> bytes:
    return end.join(json.dumps({"text": text}, ensure_ascii=False) for text in texts).encode()


def _table(delimiter: str) -> Callable[[Texts, str], bytes]:
    def write(texts: Texts, end: str) -> bytes:
        file = io.StringIO(newline="")
        writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerows([("id", "text"), *enumerate(texts)])
        return file.getvalue().encode()

    return write


WRITERS: dict[str, Callable[[Texts, str], bytes]] = {
    "jsonl": _lines,
    "json": lambda texts, end: json.dumps(texts, indent=1).replace("\n", end).encode(),
    "csv": _table(","),
    "tsv": _table("\t"),
    "dat": _lines,
}

texts_ = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(str.strip), min_size=1, max_size=8
)


@pytest.mark.parametrize("suffix", WRITERS)
@settings(max_examples=60, deadline=None)
@given(texts_, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_round_trips(suffix: str, texts: Texts, end: str, mark: bool, packed: bool) -> None:
    """Every text that a format can hold, with either line ending, with and without a byte order mark, packed or not."""
    data = (b"\xef\xbb\xbf" if mark else b"") + WRITERS[suffix](texts, end)
    found = read(gzip.compress(data) if packed else data, f"a.{suffix}{'.gz' if packed else ''}")
    assert contents(found) == texts
    assert found.skipped_empty == 0


@settings(max_examples=60, deadline=None)
@given(texts_, st.integers(1, 9))
def test_parquet_round_trips(texts: Texts, group: int) -> None:
    """In row groups of any size, and as contents of messages."""
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"text": texts, "n": range(len(texts))}), buffer, row_group_size=group)
    assert contents(read(buffer.getvalue(), "a.parquet")) == texts
    messages = [{"role": "user", "content": text} for text in texts]
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"conversation": [messages]}), buffer)
    assert contents(read(buffer.getvalue(), "a.parquet")) == [tuple(messages)]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff"), min_size=1).filter(
                str.strip
            ),
            min_size=1,
            max_size=3,
        ),
        min_size=2,
        max_size=5,
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_plain_round_trips(paragraphs: list[Texts], end: str) -> None:
    """Paragraphs keep their lines; without blank lines each line is a text."""
    data = (end * 2).join(end.join(lines) for lines in paragraphs)
    assert contents(read(data, "a.txt")) == ["\n".join(lines) for lines in paragraphs]
    flat = [line for lines in paragraphs for line in lines]
    assert contents(read(end.join(flat), "a.txt")) == flat
    assert contents(read(data, "a.txt", field="lines")) == flat


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(categories=["Cs", "L", "So", "Cc"]), min_size=1).filter(str.strip))
def test_halves_of_characters(text: str) -> None:
    """Lone surrogates become U+FFFD, as a decoder of UTF-16 has it; whole pairs become the character that they write."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    record = {"text": text, "messages": [{"role": "user", "content": text}]}
    assert contents(read(json.dumps(record), field="text")) == [whole]
    assert contents(read(json.dumps(record))) == [({"role": "user", "content": whole},)]


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\ \n\ratex1u\t', max_size=60).map(str.encode))
def test_any_bytes(suffix: str, data: bytes) -> None:
    """Texts or one line, whatever it is called."""
    survives(data, f"a.{suffix}")
    survives(b"\x1f\x8b" + data, f"a.{suffix}")
    survives(gzip.compress(data), f"a.{suffix}", field="a", limit=1)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", "type", "text", "prompt", "messages", "a", "data"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(values, min_size=1, max_size=3), st.sampled_from([None, "a", "a.text", "messages", "", "."]))
def test_any_json(rows: list[Any], field: str | None) -> None:
    """Any values in any places."""
    survives("\n".join(map(json.dumps, rows)).encode(), "a.jsonl", field=field)
    survives(json.dumps(rows).encode(), "a.json", field=field)


def _parquet() -> bytes:
    buffer = io.BytesIO()
    messages = [[{"role": "user", "content": "x"}]] * 3
    parquet.write_table(pa.table({"text": ["a", "b", "c"], "messages": messages, "n": [1, 2, 3]}), buffer)
    return buffer.getvalue()


VALID = {
    "parquet": _parquet(),
    "jsonl": _lines(["a", "é"], "\n"),
    "csv": _table(",")(["a", '"b"\n,'], "\r\n"),
    "json": b'{"data": [{"text": "a"}, {"text": "b"}]}',
    "txt": "a\n\né\r\nc".encode(),
    "jsonl.gz": gzip.compress(_lines(["a", "b"] * 50, "\n")),
}


@pytest.mark.parametrize("suffix", VALID)
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_and_cut_files(suffix: str, data: st.DataObject) -> None:
    """A few bytes changed anywhere, or the end missing: read or refused."""
    whole = VALID[suffix]
    assert survives(whole, f"a.{suffix}") is not None
    position = data.draw(st.integers(0, len(whole) - 1))
    patch = data.draw(st.binary(min_size=1, max_size=3))
    survives(whole[:position] + patch + whole[position + len(patch) :], f"a.{suffix}")
    cut = survives(whole[:position], f"a.{suffix}")
    assert cut is None or suffix not in ("parquet", "json", "jsonl.gz")


def test_limit() -> None:
    """That many texts that are not empty; what comes later is in the hash only, so that it may be broken."""
    data = '{"text": ""}\n{"text": "a"}\n{"text": "b"}\n{broken\n'
    texts = read(data, limit=2)
    assert (contents(texts), texts.skipped_empty) == (["a", "b"], 1)
    assert_refused(data, "line 4: is not JSON", limit=3)
    assert contents(read('text\na\n"b', "a.csv", limit=1)) == ["a"]
    assert contents(read("a\nb\nc", "a.txt", limit=2)) == ["a", "b"]
    assert contents(read('["a", "b"]', "a.json", limit=1)) == ["a"]
    assert len(read(data.replace("{broken", '"'), limit=2).samples) == 2
    with pytest.raises(UsageError, match="at least one"):
        read_texts("none", limit=0)


def test_more_text_than_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small Parquet file can hold one text a million times."""
    monkeypatch.setattr("loradiag.texts.reading.MAX_UNPACKED", 1_000_000)
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"text": ["x" * 10_000] * 1000}), buffer)
    assert len(buffer.getvalue()) < 20_000
    assert_refused(buffer.getvalue(), "has over 1,000,000 bytes of text; read fewer", "a.parquet", "large")
    assert len(read(buffer.getvalue(), "a.parquet", limit=100).samples) == 100


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "data" / "text").is_dir(), reason="the shared texts are not here")
def test_shared_texts() -> None:
    """Files that people evaluate on are read whole."""
    for path in sorted((SHARED / "data" / "text").glob("*.jsonl")):
        texts = read_texts(path)
        expected = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").split("\n") if line]
        assert (texts.field, texts.skipped_empty) == ("text", 0)
        assert contents(texts) == expected
        assert len(expected) == 400
