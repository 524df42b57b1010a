"""JSON lines and JSON documents."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from loradiag.core.errors import InputError
from loradiag.texts.documents import MAX_DOCUMENT
from loradiag.texts.reading import read_texts
from tests.texts.checks import assert_refused, contents, read

ROWS = [{"text": "a"}, {"text": "b\nc"}]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["a.json", "a"])
@pytest.mark.parametrize("key", ["", "data", "samples", "examples", "rows"])
def test_documents(indent: int | None, name: str, key: str) -> None:
    """A list, or an object that has one under a usual name."""
    texts = read(json.dumps({"version": [1], key: ROWS} if key else ROWS, indent=indent), name)
    assert contents(texts) == ["a", "b\nc"]
    assert [sample.number for sample in texts.samples] == [1, 2]


def test_lists_of_texts_and_single_records() -> None:
    """Strings are texts; an object without a list is a record."""
    texts = read('["a", "b"]', "a.json")
    assert (texts.field, contents(texts)) == ("strings", ["a", "b"])
    assert contents(read('{\n"prompt": "p",\n"data": 1\n}', "a.json")) == ["p"]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson", "a"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n \n"])
def test_a_value_a_line(name: str, end: str) -> None:
    """Also in files named .json, as many are; blank lines are nothing."""
    texts = read(end.join(map(json.dumps, ROWS)) + end, name)
    assert contents(texts) == ["a", "b\nc"]
    assert texts.samples[1].number == 1 + end.count("\n")
    assert texts.skipped_empty == 0


@pytest.mark.parametrize(
    ("data", "name", "says", "kind"),
    [
        ('{"text": "a"}\n{"text": "b}', "a.jsonl", "line 2: is not JSON (Unterminated string", "text"),
        ('{"text": "a"}\n{"text": "b}', "a.json", "line 2: is not JSON (Unterminated string", "text"),
        ('[\n"a",\n]', "a.json", "line 3: is not JSON (", "text"),
        ('[{"text": "a"}', "a", "line 1: is not JSON (", "text"),
        ('[\n"a"\n]', "a.jsonl", "line 1: is not JSON (", "text"),
        ('{"text": "a",\n\n "text": "b"}', "a.json", 'line 1: has the key "text" twice; keep one', "duplicate-key"),
        ('"a"\n{"a\\u001b": 1, "a\\u001b": 2}', "a.jsonl", 'line 2: has the key "a\\x1b" twice', "duplicate-key"),
        ('{"text": "a", "score": NaN}', "a.jsonl", "line 1: is not JSON (NaN is not JSON)", "text"),
        ("3", "a.json", "is a number, not a list of samples", "text"),
        ("3", "a.jsonl", "line 1: is a number, neither an object nor text", "text"),
        ('[{"text": "a"}, 3]', "a.json", "entry 2: is a number, which has no field", "text"),
        ('{"train": ["a"], "test": ["b"]}', "a.json", "has lists under train and test; keep the one", "ambiguous"),
        ("[]", "a.json", "has no text; give", "empty"),
        ('{"data": []}', "a.json", "has no text; give", "empty"),
        ('[""]', "a.json", "has no text, only 1 sample without any; give", "empty"),
    ],
)
def test_what_is_no_json(data: str, name: str, says: str, kind: str) -> None:
    """The line, what is wrong in it, and what to do."""
    assert_refused(data, says, name, kind)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_json_beyond_reason(name: str) -> None:
    """Python's own limits make one line, too."""
    assert_refused("[" * 200_000, "line 1: is not JSON (nested too deeply)", name)
    assert_refused(f'{{"text": {"1" * 5000}}}', "line 1: is not JSON (Exceeds the limit", name)


def test_a_document_too_large_for_memory(tmp_path: Path) -> None:
    """Lines are the way out."""
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.write(b"[\n")
        file.truncate(MAX_DOCUMENT + 1)
    with pytest.raises(InputError, match="is one JSON document of more than 268,435,456 bytes; write one JSON value"):
        read_texts(path)


def test_lines_are_not_kept(tmp_path: Path) -> None:
    """Of thirty megabytes in lines no more is held than a few lines and the texts."""
    path = tmp_path / "a.jsonl"
    with path.open("w") as file:
        for number in range(300):
            print(json.dumps({"text": f"text {number}", "embedding": "x" * 100_000}), file=file)
    tracemalloc.start()
    try:
        texts = read_texts(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(texts.samples) == 300
    assert peak < 3_000_000
