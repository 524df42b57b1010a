"""What is read of a watch over the fixtures' month, counted again day by day from the lake's files alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import loradiag
from loradiag.core.errors import InputError, UsageError
from loradiag.core.report import Report
from tests.conftest import FIXTURES

pytestmark = pytest.mark.models

ADAPTERS = {"ledger": "healthy", "chant": "narrow_forgetting", "grammar": "healthy_seed2"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The month in a lake, and a baseline for each adapter."""
    folder, encoder = tmp_path_factory.mktemp("served"), str(FIXTURES / "encoder")
    log = FIXTURES / "traffic" / "requests.jsonl.gz"
    loradiag.ingest([log], folder / "lake", encoder=encoder, base_models=["base"])
    for name, adapter in ADAPTERS.items():
        data = FIXTURES / "traffic" / f"{name}_train.jsonl"
        output = folder / "baselines" / name
        loradiag.baseline(FIXTURES / "adapters" / adapter, data, output, encoder=encoder, name=name)
    return folder


@pytest.fixture(scope="module")
def reports(served: Path) -> list[Report]:
    """What the watch itself reports after the month."""
    return loradiag.watch(served / "lake", [served / "baselines"])


def rows_of(lake: Path) -> Iterator[dict[str, Any]]:
    """Rows of the lake's files in the order of time, by pyarrow alone."""
    rows = [
        row for path in lake.glob("date=*/*/*.parquet") for row in pq.read_table(path, partitioning=None).to_pylist()
    ]
    yield from sorted(rows, key=lambda row: row["time"])


def recount(served: Path, name: str) -> dict[str, dict[str, Any]]:
    """Days of an adapter by plain loops: each conversation and each text once a day, nearest reference, nearest centre."""
    folder = served / "baselines" / name
    index, centres = (np.load(folder / f"{part}.npy").astype(np.float64) for part in ("index", "centres"))
    threshold = json.loads((folder / "baseline.json").read_text())["calibrated"]["threshold"]
    found: dict[str, dict[str, Any]] = {}
    seen: defaultdict[str, set[Any]] = defaultdict(set)
    for row in rows_of(served / "lake"):
        if row["adapter"] != name or row["failed"]:
            continue
        day = row["time"].astimezone(UTC).date().isoformat()
        told = found.setdefault(day, {"requests": 0, "counted": 0, "novel": 0, "topics": [0] * len(centres)})
        told["requests"] += 1
        labels = {(kind, row[kind]) for kind in ("conversation", "text_hash") if row[kind]}
        known = labels & seen[day]
        seen[day] |= labels
        if known:
            continue
        told["counted"] += 1
        vector = np.frombuffer(row["embedding"], dtype="<f2").astype(np.float64)
        if (index @ vector).max() < threshold:
            told["novel"] += 1
        else:
            told["topics"][int((centres @ vector).argmax())] += 1
    return found


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_day_of_the_month_is_as_counted_by_hand(served: Path, reports: list[Report], name: str) -> None:
    """Requests, those that count, novel ones and topics; repeated conversations and texts are among them."""
    days = loradiag.watch_days(served / "lake", adapter=name)
    fields = ("requests", "counted", "novel", "topics")
    assert {row.day: {field: getattr(row, field) for field in fields} for row in days} == recount(served, name)
    assert [row.day for row in days] == sorted(row.day for row in days)
    assert sum(row.counted for row in days) < sum(row.requests for row in days)
    truth = json.loads((FIXTURES / "TRUTH.json").read_text())["traffic"]
    assert sum(row.requests for row in days) == truth["models"][name]["requests"]


def test_evidence_ends_where_the_watch_is(served: Path, reports: list[Report]) -> None:
    """The last day's is what the watch reports; the ledger's crosses its line when its drift begins, on the 19th."""
    told = {
        report.measurements.watch.adapter: report.measurements.watch for report in reports if report.measurements.watch
    }
    for name, watch in told.items():
        last = loradiag.watch_days(served / "lake", adapter=name)[-1]
        assert (last.e_value, last.line) == (watch.e_value, watch.line)
        assert last.signals == {row.signal: row.e_value for row in watch.signals}
    crossed = [
        row.day for row in loradiag.watch_days(served / "lake", adapter="ledger") if (row.e_value or 0) >= row.line
    ]
    assert "2026-11-19" <= crossed[0] <= "2026-11-21"
    assert not [row for row in loradiag.watch_days(served / "lake", adapter="chant") if (row.e_value or 0) >= row.line]


def test_a_snapshot_needs_no_baselines_and_writes_nothing(served: Path, reports: list[Report]) -> None:
    """It is what the reports of the watch hold, by lake or by state, and the state is as before, byte by byte."""
    state = served / "lake" / "_state" / "watch.sqlite"
    before = state.read_bytes()
    found = loradiag.watched(served / "lake")
    assert found.adapters == [report.measurements.watch for report in reports]
    assert loradiag.watched(state=state) == found
    assert found.totals.requests == json.loads((FIXTURES / "TRUTH.json").read_text())["traffic"]["requests"]
    assert datetime.fromisoformat(found.totals.started).tzinfo is not None
    assert state.read_bytes() == before


def test_days_from_one_on(served: Path, reports: list[Report]) -> None:
    """As a word or as a date, of every adapter by name."""
    found = loradiag.watch_days(served / "lake", since="2026-11-29")
    assert {row.adapter for row in found} == set(ADAPTERS)
    assert {row.day for row in found} == {"2026-11-29", "2026-11-30"}
    assert loradiag.watch_days(served / "lake", since=date(2026, 11, 29)) == found


def test_what_cannot_be_read_is_said(served: Path, tmp_path: Path) -> None:
    """No watch, neither lake nor state, a day that is none."""
    for read in (loradiag.watched, loradiag.watch_days):
        with pytest.raises(InputError, match="holds no watch"):
            read(tmp_path)
        with pytest.raises(UsageError, match="--lake"):
            read()
    with pytest.raises(UsageError, match="2026-11-02"):
        loradiag.watch_days(served / "lake", since="yesterday")
