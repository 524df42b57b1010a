"""What could not be taken, kept aside with the reason: never the text itself, unless texts are kept."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import msgspec

from loradiag.storage.writing import write_whole

FOLDER = "_rejected"
MOST = 10_000
"""Records of one run that are kept aside; the others are counted."""

_LINE = 64_000


class Rejects:
    """Collects what is rejected in one run.

    Args:
        lake: The lake.
        keep_text: Whether the records themselves are kept, cut to 64 kB.
    """

    def __init__(self, lake: Path, *, keep_text: bool) -> None:
        self._folder = lake / FOLDER
        self._keep = keep_text
        self._rows: list[dict[str, Any]] = []
        self._name = f"{uuid.uuid4().hex}.jsonl"
        self._written = 0
        self.counts: dict[str, int] = {}

    def add(self, source: str, number: int, reason: str, data: bytes) -> None:
        """Note a record: where it stood, why, how long it was and its hash."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        if len(self._rows) < MOST:
            row: dict[str, Any] = {"source": source, "number": number, "reason": reason}
            if data:
                row |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            if data and self._keep:
                row["data"] = data[:_LINE].decode("utf-8", "replace")
            self._rows.append(row)

    def write(self) -> None:
        """Write what was collected so far into a file of this run's own."""
        if len(self._rows) > self._written:
            self._folder.mkdir(exist_ok=True)
            write_whole(self._folder / self._name, b"".join(msgspec.json.encode(row) + b"\n" for row in self._rows))
            self._written = len(self._rows)


def count_rejected(lake: Path) -> dict[str, int]:
    """Return how many records lie aside, by reason, most first."""
    counts: dict[str, int] = {}
    for path in sorted((lake / FOLDER).glob("[!.]*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                reason = msgspec.json.decode(line, type=_Reason).reason
            except msgspec.DecodeError:
                continue
            counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda row: -row[1]))


class _Reason(msgspec.Struct):
    reason: str
