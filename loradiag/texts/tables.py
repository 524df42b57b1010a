"""Tables: CSV and TSV with a header, and Parquet."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from loradiag.core.errors import reason_of
from loradiag.core.lazy import require
from loradiag.core.text import plural, printable, quoted, shorten
from loradiag.texts.fields import MAX_SAMPLE
from loradiag.texts.flaws import TextsError
from loradiag.texts.lines import lines
from loradiag.texts.source import Source

Row = tuple[int, dict[str, Any]]

_ROWS = 32
"""Rows of a Parquet file in memory at once: each may be as large as a sample is allowed to be."""

_LIMIT = Lock()


def read_csv(source: Source, delimiter: str) -> Generator[Row]:
    """Yield rows by the names in the header, each with the number of the line in which it begins.

    Raises:
        TextsError: A quote is never closed, a name stands twice in the header, or a row is longer or shorter than it.
    """
    with _long_fields():
        reader = csv.reader((line for _, line in lines(source)), delimiter=delimiter, strict=True)
        header: list[str] | None = None
        for number, cells in _rows(reader):
            if header is None:
                header = _unique(cells)
            elif len(cells) == len(header):
                yield number, dict(zip(header, cells, strict=True))
            else:
                problem = f"line {number:,}: has {plural(len(cells), 'field')} where the header has {len(header):,}"
                raise TextsError(problem, "quote fields that hold the delimiter")


def read_parquet(source: Source, columns: Callable[[dict[str, None]], Sequence[str]]) -> Generator[Row]:
    """Yield rows, numbered from 1, a few in memory at a time.

    Args:
        source: The file.
        columns: Says by the names of all columns which to read.

    Raises:
        TextsError: It is damaged or no Parquet, or has no such columns.
        MissingExtraError: pyarrow is not installed.
    """
    parquet = require("pyarrow.parquet", "parquet")
    number = 0
    try:
        with parquet.ParquetFile(source.stream) as file:
            names = _unique(file.schema_arrow.names)
            wanted = [name for name in columns(dict.fromkeys(names)) if name in names]
            for batch in file.iter_batches(_ROWS, columns=wanted):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except TextsError:
        raise
    except Exception as error:  # pyarrow raises its own errors, those of the system, and Python's about bad UTF-8
        place = f"after row {number:,} " if number else ""
        raise TextsError(
            f"{place}is not readable Parquet ({reason_of(error)})", "fetch or save it again", kind="truncated"
        ) from error


def _unique(names: list[str]) -> list[str]:
    twice = [name for name, count in Counter(names).items() if count > 1 and name]  # spreadsheets leave names empty
    if twice:
        raise TextsError(f"has two columns {quoted(twice[0])}", "rename one", kind="duplicate-key")
    return names


def _rows(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank lines, with the line in which each begins."""
    begins = 1
    try:
        for cells in reader:
            if cells:
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        reason = shorten(printable(str(error).partition(" - ")[0]), 120)
        raise TextsError(
            f"line {begins:,}: begins a row that cannot be read ({reason})", "quote fields as RFC 4180 has it"
        ) from error


@contextmanager
def _long_fields() -> Iterator[None]:
    """The csv module's limit is one for the whole process: it is put back, and by one thread at a time."""
    with _LIMIT:
        before = csv.field_size_limit()
        csv.field_size_limit(max(before, MAX_SAMPLE))
        try:
            yield
        finally:
            csv.field_size_limit(before)
