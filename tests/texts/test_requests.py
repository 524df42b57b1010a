"""What was asked, out of training data."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from loradiag.core.errors import InputError
from loradiag.texts.requests import open_requests


def asked(tmp_path: Path, *records: Any, name: str = "data.jsonl", field: str | None = None) -> list[tuple[int, str]]:
    """Write records a line each and read what was asked."""
    path = tmp_path / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with open_requests(path, field) as (_, found):
        return [(one.record, one.text) for one in found]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"prompt": "why?", "completion": "so"}, "why?"),
        ({"instruction": "sum", "input": "1 2", "output": "3"}, "sum\n1 2"),
        ({"instruction": "sum", "output": "3"}, "sum"),
        ({"question": "who?", "answer": "he"}, "who?"),
        ({"text": "all of it"}, "all of it"),
        ({"query": "find", "label": 3}, "find"),
        ({"input": "x", "output": "y"}, "x"),
    ],
)
def test_prompts_without_answers(tmp_path: Path, record: dict[str, Any], expected: str) -> None:
    """Under every usual name the request is taken, and the answer is not."""
    assert asked(tmp_path, record) == [(1, expected)]


def test_every_turn_of_the_user(tmp_path: Path) -> None:
    """Of a conversation all that the user said, under the number of its record; system and assistant are left out."""
    chat = {
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "1"},
            {"role": "user", "content": "two"},
        ]
    }
    shared = {"messages": [{"from": "human", "value": "three"}, {"from": "gpt", "value": "3"}]}
    assert asked(tmp_path, chat, shared) == [(1, "one"), (1, "two"), (2, "three")]


def test_blank_requests_are_left_out_and_counted(tmp_path: Path) -> None:
    """A record without text is a record, and no request."""
    path = tmp_path / "data.jsonl"
    path.write_text('{"prompt": "a"}\n{"prompt": "  "}\n{"prompt": "b"}\n')
    with open_requests(path) as (told, found):
        assert [one.text for one in found] == ["a", "b"]
        assert (told.records, told.field) == (3, "prompt")
        assert len(told.sha256) == 64


def test_a_field_by_name(tmp_path: Path) -> None:
    """``--field`` reaches into objects."""
    assert asked(tmp_path, {"in": {"q": "deep"}, "prompt": "no"}, field="in.q") == [(1, "deep")]


def test_columns_of_parquet(tmp_path: Path) -> None:
    """Only the column of requests is read."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"prompt": ["a", "b"], "completion": ["x", "y"]}), path)
    with open_requests(path) as (_, found):
        assert [one.text for one in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"prompt": "a"}\n{"prompt": 3}\n', "line 2"),
        ('{"prompt": "a"}\n{"pro', "not JSON"),
        ('{"x": 1}\n', "no field"),
    ],
)
def test_bad_records_name_their_line(tmp_path: Path, content: str, problem: str) -> None:
    """Training data are the user's own: what is wrong in them is an error with its place."""
    path = tmp_path / "data.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=problem), open_requests(path) as (_, found):
        list(found)


def test_a_missing_file(tmp_path: Path) -> None:
    """One line that names it."""
    with pytest.raises(InputError, match="does not exist"), open_requests(tmp_path / "none.jsonl"):
        pass


def test_what_was_not_read_to_its_end_is_closed(tmp_path: Path) -> None:
    """Whoever still holds the iterator does not hold the csv module's limit, and others can read tables."""
    path = tmp_path / "data.csv"
    path.write_text("prompt,completion\na,x\nb,y\n")
    before = csv.field_size_limit()
    with open_requests(path) as (_, found):
        assert next(found).text == "a"
        assert csv.field_size_limit() > before
    assert csv.field_size_limit() == before
    assert list(found) == []
    with open_requests(path) as (_, again):
        assert [one.text for one in again] == ["a", "b"]
