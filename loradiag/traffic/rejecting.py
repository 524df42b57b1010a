"""What could not be taken, kept aside with the reason: never the text itself, unless texts are kept."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from loradiag.core.decoding import UNDECODABLE
from loradiag.core.errors import UsageError
from loradiag.core.text import printable
from loradiag.storage.writing import write_whole
from loradiag.traffic.records import Item

FOLDER = "_rejected"
MOST = 10_000
"""Records of one run that are kept aside; the others are counted."""

BEYOND = "beyond the first 10,000 of a run"

_LINE = 64_000
_HELD = 16_000_000
"""Bytes of records that are in memory at once."""


class Rejects:
    """Collects what is rejected in one run: a file for each time that it is written, so that nothing is written twice.

    Args:
        lake: The lake.
        keep_text: Whether the records themselves are kept, cut to 64 kB.
    """

    def __init__(self, lake: Path, *, keep_text: bool) -> None:
        self._folder = lake / FOLDER
        self._keep = keep_text
        self._rows: list[bytes] = []
        self._size = self._kept = self._beyond = 0
        self.counts: dict[str, int] = {}

    def add(self, source: str, item: Item, reason: str) -> None:
        """Note a record: where it stood, why, how long it was and its hash."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        if self._kept >= MOST:
            self._beyond += 1
            return
        row: dict[str, Any] = {"source": source, "number": item.number, "reason": reason}
        data = item.data or (_bytes(item.record) if item.record is not None else b"")
        if data:
            row["bytes"] = len(data) if item.size is None else item.size
            row["sha256"] = item.sha256 or hashlib.sha256(data).hexdigest()
        if data and self._keep:
            row["data"] = data[:_LINE].decode("utf-8", "replace")
        self._rows.append(msgspec.json.encode(row) + b"\n")
        self._kept += 1
        self._size += len(self._rows[-1])

    @property
    def is_full(self) -> bool:
        """Whether it is time to write."""
        return self._size >= _HELD

    def write(self) -> None:
        """Write what was collected since the last time.

        Raises:
            UsageError: The lake cannot be written.
        """
        rows = [*self._rows]
        if self._beyond:
            rows.append(msgspec.json.encode({"reason": BEYOND, "count": self._beyond}) + b"\n")
        if rows:
            try:
                self._folder.mkdir(exist_ok=True)
            except OSError as error:
                raise UsageError(f"{printable(str(self._folder))}: cannot be written ({error.strerror})") from error
            write_whole(self._folder / f"{uuid.uuid4().hex}.jsonl", b"".join(rows))
        self._rows.clear()
        self._size = self._beyond = 0


def count_rejected(lake: Path) -> dict[str, int]:
    """Return how many records lie aside, by reason, most first; each run counts those that it rejected."""
    counts: dict[str, int] = {}
    for path in sorted((lake / FOLDER).glob("[!.]*.jsonl")):
        for row in _read(path):
            counts[row.reason] = counts.get(row.reason, 0) + row.count
    return dict(sorted(counts.items(), key=lambda row: -row[1]))


class _Row(msgspec.Struct):
    reason: str
    count: int = 1


def _read(path: Path) -> Iterator[_Row]:
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    yield msgspec.json.decode(line, type=_Row)
                except UNDECODABLE:
                    continue
    except OSError:
        return  # it tells of what was left out, and is left out itself


def _bytes(record: object) -> bytes:
    try:
        return msgspec.json.encode(record)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return repr(type(record)).encode()
