"""Formats are told by suffix, and else by content."""

from __future__ import annotations

import io

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.texts.checks import contents, read


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"text": "x"}', "text"),
        (' \n{ "text": "x"}', "text"),
        ('["x"]', "strings"),
        ('[\n  {"text": "x"}]', "text"),
        ("[INST] x [/INST]", "lines"),
        ("[[link]] x", "lines"),
        ("{{ user }} says", "lines"),
        ('"x," she said', "lines"),
        ("3", "lines"),
        ("text,label\nx,1", "lines"),
    ],
)
@pytest.mark.parametrize("name", ["texts", "texts.dat", "texts.v1.2"])
def test_by_content(text: str, field: str, name: str) -> None:
    """Only what can be nothing else is JSON."""
    texts = read(text, name)
    assert texts.field == field
    assert contents(texts)[0] == (text.split("\n")[0] if field == "lines" else "x")


def test_parquet_by_content() -> None:
    """Its first bytes say so."""
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"text": ["x"]}), buffer)
    assert contents(read(buffer.getvalue(), "texts")) == ["x"]


@pytest.mark.parametrize("name", ["a.TXT", "A.JSONL", "a.b.Csv"])
def test_capital_suffixes(name: str) -> None:
    """Old systems write them so."""
    data = {"a.TXT": "x", "A.JSONL": '"x"', "a.b.Csv": "text\nx"}[name]
    assert contents(read(data, name)) == ["x"]
