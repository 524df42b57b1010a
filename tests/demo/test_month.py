"""A month that ends today."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loradiag.core.times import now
from loradiag.demo.month import Month, at, moved, write_logs

moments = st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
times = st.lists(st.integers(900_000_000, 1_900_000_000), min_size=1, max_size=30)


@given(moments, times)
def test_the_newest_is_of_the_last_day(today: datetime, created: list[int]) -> None:
    """All move by the same whole days, none into the future, and nothing else of a record changes."""
    records = [{"latency_ms": place, "response": {"id": str(place), "created": at}} for place, at in enumerate(created)]
    days = moved(records, Month(today))
    found = {record["latency_ms"]: record["response"] for day in days.values() for record in day}
    shifts = {found[place]["created"] - at for place, at in enumerate(created)}
    assert len(shifts) == 1
    assert shifts.pop() % 86_400 == 0
    assert 0 <= int(today.timestamp()) - max(one["created"] for one in found.values()) < 86_400
    assert all(found[place]["id"] == str(place) for place in range(len(created)))
    assert list(days) == sorted(days)
    for day, rows in days.items():
        assert {datetime.fromtimestamp(row["response"]["created"], UTC).date().isoformat() for row in rows} == {day}


def test_logs_are_written_a_file_a_day(tmp_path: Path) -> None:
    """A log in the format of the fixtures comes out with new times and the same requests, in their order."""
    rows = [
        {"request": {"prompt": "é\u2028"}, "response": {"created": 1793494289 + 50_000 * place}, "latency_ms": 0.5}
        for place in range(4)
    ]
    log = tmp_path / "log.gz"
    log.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    (tmp_path / "logs").mkdir()
    days = write_logs(log, tmp_path / "logs", Month(datetime(2030, 5, 17, 12, tzinfo=UTC)))
    assert days == ["2030-05-15", "2030-05-16"]  # the newest is of 18:31: on the 17th that is still to come
    lines = [
        json.loads(line)
        for day in days
        for line in (tmp_path / "logs" / f"{day}.jsonl").read_bytes().split(b"\n")
        if line
    ]
    assert [line["request"] for line in lines] == [row["request"] for row in rows]
    gaps = {line["response"]["created"] - row["response"]["created"] for line, row in zip(lines, rows, strict=True)}
    assert len(gaps) == 1


def test_evenings_are_never_in_the_future() -> None:
    """Of today it is the present moment; of other days the last minute."""
    month = Month(datetime(2026, 11, 30, 5, 30, tzinfo=UTC))
    assert month.evening("2026-11-30") == month.today
    assert month.evening("2026-11-29") == datetime(2026, 11, 29, 23, 59, tzinfo=UTC)


def test_a_clock_is_set_and_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made within is of that moment, also where a user's own clock was set; an error sets it back too."""
    moment = datetime(2026, 11, 3, 4, 5, 6, tzinfo=UTC)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    with at(moment):
        assert now() == "2026-11-03T04:05:06Z"
    assert "SOURCE_DATE_EPOCH" not in os.environ
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    with pytest.raises(ValueError, match="x"), at(moment):
        raise ValueError("x")
    assert now() == "1970-01-02T00:00:00Z"
    assert Month().today == datetime(1970, 1, 2, tzinfo=UTC)
