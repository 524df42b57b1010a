"""The month that a demonstration tells of: it ends today, whenever that is."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from loradiag.core.times import now
from loradiag.storage.writing import write_whole

_DAY = 86_400
_CLOCK = "SOURCE_DATE_EPOCH"
"""What every report, alarm and acknowledgement takes its time from, where it is set."""


class Month:
    """Days up to today.

    Args:
        today: The present moment; the clock's if None.
    """

    def __init__(self, today: datetime | None = None) -> None:
        self.today = today or datetime.fromisoformat(now())

    def ago(self, days: float) -> datetime:
        """The moment so many days before the present one."""
        return self.today - timedelta(days=days)

    def evening(self, date: str) -> datetime:
        """The last minute of a day, as ``2026-11-19``, or the present moment if that comes first."""
        return min(datetime.fromisoformat(f"{date}T23:59:00+00:00"), self.today)

    def shift(self, newest: int) -> int:
        """The seconds by which a log moves: whole days, so that its newest request lies within the last one."""
        return (int(self.today.timestamp()) - newest) // _DAY * _DAY


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Let what happens within have happened at that moment."""
    before = os.environ.get(_CLOCK)
    os.environ[_CLOCK] = str(int(moment.timestamp()))
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CLOCK]
        else:
            os.environ[_CLOCK] = before


def moved(records: Iterable[Mapping[str, Any]], month: Month) -> dict[str, list[dict[str, Any]]]:
    """Records of a server's log in a month that ends today, by their day.

    Args:
        records: As vLLM's OpenAI-compatible server has them; the time is the response's ``created``.
        month: The one to move them into.
    """
    found = list(records)
    shift = month.shift(max(record["response"]["created"] for record in found))
    days: dict[str, list[dict[str, Any]]] = {}
    for record in found:
        created = record["response"]["created"] + shift
        day = f"{datetime.fromtimestamp(created, UTC):%Y-%m-%d}"
        days.setdefault(day, []).append({**record, "response": {**record["response"], "created": created}})
    return dict(sorted(days.items()))


def write_logs(log: Path, folder: Path, month: Month) -> list[str]:
    """Write a log anew, moved into a month and a file a day, as a server rotates them; return the days."""
    with gzip.open(log, "rb") as stream:
        days = moved((msgspec.json.decode(line) for line in stream), month)
    encoder = msgspec.json.Encoder()
    for day, records in days.items():
        write_whole(folder / f"{day}.jsonl", encoder.encode_lines(records))
    return list(days)
