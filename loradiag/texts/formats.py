"""Which format a file of texts has, by its suffix or else by how it begins."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

import msgspec

from loradiag.texts.documents import has_a_value_a_line, read_document, read_lines
from loradiag.texts.fields import WHOLE, Rules, choose
from loradiag.texts.flaws import TextsError
from loradiag.texts.plain import read_plain
from loradiag.texts.source import Source
from loradiag.texts.tables import read_csv, read_parquet

_BY_SUFFIX = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".txt": "plain",
    ".md": "plain",
}
_JSON = re.compile(rb'(\xef\xbb\xbf)?\s*(\{\s*["}]|\[\s*(\[\s*)?[{"]|\[\s*\]\s*$)')
"""How objects and lists begin; "[INST]", "[[link]]" and "{{ user }}" begin texts."""


class Records(msgspec.Struct, frozen=True):
    """What a file holds, not yet looked into.

    Attributes:
        unit: What the numbers count: ``line``, ``row`` or ``entry``.
        rows: Numbers and records, read as they are asked for. To be closed, since CSV holds a lock.
        called: What texts are taken from where records are plain text; "" elsewhere.
    """

    unit: str
    rows: Generator[tuple[int, Any]]
    called: str = ""


def records(source: Source, field: str | None, rules: Rules = WHOLE) -> Records:
    """Begin to read a file.

    Args:
        source: The file.
        field: What the user wants to have read of each record.
        rules: Where it is to be looked for without a field.

    Raises:
        TextsError: It cannot be read in its format.
    """
    name = _format(source)
    if name == "plain":
        called, rows = read_plain(source, field)
        return Records("line", rows, called)
    if name == "jsonl":
        return Records("line", read_lines(source))
    if name == "json":
        return Records("entry", read_document(source))
    if name == "parquet":
        return Records("row", read_parquet(source, lambda names: _columns(names, field, rules)))
    return Records("line", read_csv(source, "\t" if name == "tsv" else ","))


def _format(source: Source) -> str:
    head = source.stream.read(4096)
    if not head:
        raise TextsError("is an empty file", "give at least one text", kind="empty")
    name = _BY_SUFFIX.get(source.suffix) or _told(head)
    if name == "parquet" and source.packed:
        raise TextsError("is compressed Parquet", "unpack it", kind="header")
    # Many files named .json have a value a line.
    return "jsonl" if name == "json" and has_a_value_a_line(source) else name


def _told(head: bytes) -> str:
    if head.startswith(b"PAR1"):
        return "parquet"
    return "json" if _JSON.match(head) else "plain"


def _columns(names: dict[str, None], field: str | None, rules: Rules) -> tuple[str, ...]:
    """The columns that a choice needs: of a path its first part, unless a column has the path for its name."""
    return tuple(key if key in names else key.partition(".")[0] for key in choose(names, field, rules).keys)
