"""JSON: a value a line, or one document."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

from loradiag.core.text import printable, shorten
from loradiag.storage import strict_json
from loradiag.texts.flaws import TextsError, a_kind
from loradiag.texts.lines import bare, decoded, lines
from loradiag.texts.source import Source

MAX_DOCUMENT = 256 << 20
"""Bytes. A document has to be in memory as a whole, as objects many times its size."""

_LISTS = ("data", "samples", "examples", "rows", "records", "items", "instances", "prompts", "texts", "train", "test")
"""Where an object has its list of samples."""

_BY_LINE = "write one JSON value a line, as .jsonl"


def read_lines(source: Source) -> Generator[tuple[int, Any]]:
    """Yield the value of every line that is not blank, with the number of the line.

    Raises:
        TextsError: A line is no JSON, or has a key twice.
    """
    return ((number, _parsed(bare(line).encode(), number)) for number, line in lines(source) if line.strip())


def read_document(source: Source) -> Generator[tuple[int, Any]]:
    """Yield the entries of a list, or of the one list that an object has under a usual name, or the object itself.

    Raises:
        TextsError: It is no JSON, has a key twice, or is too large to be one document.
    """
    source.stream.seek(0)
    data = source.stream.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise TextsError(f"is one JSON document of more than {MAX_DOCUMENT:,} bytes", _BY_LINE, kind="large")
    decoded(data)
    document = _parsed(data, 1) if data.strip(b"\xef\xbb\xbf \t\r\n") else []
    return ((number, entry) for number, entry in enumerate(_entries(document), 1))


def has_a_value_a_line(source: Source) -> bool:
    """Whether the first line is JSON by itself and others follow, which no document can have."""
    filled = ((number, line) for number, line in lines(source) if line.strip())
    try:
        _parsed(next(filled, (1, ""))[1].encode(), 1)
        return next(filled, None) is not None
    except TextsError:
        return False  # said where it is read


def _entries(document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        raise TextsError(f"is {a_kind(document)}, not a list of samples", "give a list of objects or of texts")
    found = [name for name in _LISTS if isinstance(document.get(name), list)]
    if len(found) > 1:
        raise TextsError(f"has lists under {' and '.join(found)}", "keep the one with the samples", kind="ambiguous")
    return document[found[0]] if found else [document]


def _parsed(data: bytes, number: int) -> Any:
    try:
        return strict_json.loads(data)
    except strict_json.RepeatedKeyError as error:
        raise TextsError(f"line {number:,}: has the key {error} twice", "keep one", kind="duplicate-key") from error
    except json.JSONDecodeError as error:
        place = f"line {number + error.lineno - 1:,}: is not JSON ({error.msg}, column {error.colno:,})"
        raise TextsError(place, "repair it") from error
    except ValueError as error:
        raise TextsError(
            f"line {number:,}: is not JSON ({shorten(printable(str(error)), 120)})", "repair it"
        ) from error
