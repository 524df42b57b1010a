"""Rows of CSV and TSV as records, by the names in the header."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from threading import Lock
from typing import IO

from loradiag.core.text import plural
from loradiag.traffic.records import MAX_LINE, Item

_LIMIT = Lock()


class _Text:
    """Lines of a table as text, and the bytes of those that the current row was made of."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._raw: list[bytes] = []
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(MAX_LINE + 1):
            self.number += 1
            self._raw.append(line)
            text = line.removeprefix(b"\xef\xbb\xbf") if self.number == 1 else line
            yield text.decode("utf-8", "replace")

    def taken(self) -> bytes:
        """The bytes since the last call."""
        found = b"".join(self._raw)
        self._raw.clear()
        return found


def table(stream: IO[bytes], delimiter: str) -> Iterator[Item]:
    """Read a table with a header; rows are numbered by the line in which they end.

    A row that has more or fewer cells than the header is not taken: nobody knows which of them moved.
    """
    source = _Text(stream)
    header: list[str] | None = None
    for cells in _rows(source, delimiter):
        data = source.taken()
        if cells is None:
            yield Item(source.number, reason="is no row of a table", data=data)
        elif not cells:
            continue
        elif header is None:
            header = cells
        elif len(cells) != len(header):
            reason = f"has {plural(len(cells), 'cell')} where the header has {len(header):,}"
            yield Item(source.number, reason=reason, data=data)
        else:
            yield Item(source.number, dict(zip(header, cells, strict=True)), data=data)


def _rows(source: _Text, delimiter: str) -> Iterator[list[str] | None]:
    """Rows, and None for each that the csv module refuses: after it, reading begins anew."""
    reader = csv.reader(iter(source), delimiter=delimiter)
    while True:
        try:
            row = _next(reader)
        except csv.Error:
            yield None
            reader = csv.reader(iter(source), delimiter=delimiter)
            continue
        if row is None:
            return
        yield row


def _next(reader: Iterator[list[str]]) -> list[str] | None:
    """The next row. The csv module's limit is one for the whole process, so it is put back."""
    with _LIMIT:
        before = csv.field_size_limit()
        csv.field_size_limit(max(before, MAX_LINE))
        try:
            return next(reader, None)
        finally:
            csv.field_size_limit(before)
