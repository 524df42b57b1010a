"""What a demonstration holds, made for real."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import loradiag
from loradiag.api import alarms, read_reports
from loradiag.cli.demo import demo
from loradiag.core.report import Report
from loradiag.core.text import name_of
from loradiag.demo.records import REGISTRY, WAYS
from tests.conftest import FIXTURES

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def reports(made: Path) -> list[Report]:
    """All reports, in the order of their files."""
    return [one for path in sorted((made / "reports").iterdir()) for one in read_reports(path)]


def test_every_kind_of_report_is_there(reports: list[Report]) -> None:
    """What commands measure is there, under names of adapters that hang together, and with all verdicts."""
    kinds = Counter(key for one in reports for key, value in measured(one) if value is not None)
    for kind in ("spectrum", "relative", "merge", "forgetting", "comparison", "trajectory", "fleet", "drift", "watch"):
        assert kinds[kind], kind
    assert {one.verdict.status.value for one in reports} == {"pass", "fail", "inconclusive"}
    ledger = Counter(key for one in reports if name_of(one.subject.path) == "ledger" for key, _ in measured(one))
    assert {"spectrum", "merge", "forgetting", "drift", "watch"} <= set(ledger)
    assert not any("fixtures/" in one.subject.path for one in reports)


def measured(report: Report) -> list[tuple[str, object]]:
    """What a report measures, by name."""
    fields = report.measurements.__struct_fields__
    return [(name, value) for name in fields if (value := getattr(report.measurements, name)) is not None]


def test_what_is_known_of_an_adapter_is_of_one_file(reports: list[Report]) -> None:
    """The ledger's merge, forgetting, drift and newest inspection are of the same weights; earlier ones are of others."""
    hashes = defaultdict(set)
    for one in reports:
        if name_of(one.subject.path) == "ledger":
            for kind, _ in measured(one):
                hashes[kind].add(one.subject.sha256)
    (served,) = hashes["merge"]
    assert hashes["forgetting"] == hashes["drift"] == hashes["watch"] == {served}
    assert served in hashes["spectrum"]
    assert len(hashes["spectrum"]) == 4


def test_reports_are_of_the_last_month(reports: list[Report]) -> None:
    """None is of the future, and some adapters have a history."""
    now = datetime.now(UTC)
    made = defaultdict(set)
    for one in reports:
        created = datetime.fromisoformat(one.created)
        assert timedelta(0) <= now - created < timedelta(days=32)
        made[name_of(one.subject.path)].add(created)
    assert len(made["ledger"]) >= 10


def test_traffic_ends_today(made: Path) -> None:
    """The lake has every request of the fixtures' month, and the newest is less than a day old."""
    times = [
        moment
        for path in (made / "lake").glob("date=*/bucket=*/*.parquet")
        for moment in pq.read_table(path, columns=["time"])["time"].to_pylist()
    ]
    assert len(times) == json.loads((FIXTURES / "TRUTH.json").read_text())["traffic"]["requests"]
    newest = max(times)
    moment = newest if isinstance(newest, datetime) else datetime.fromtimestamp(newest / 1e6, UTC)
    assert timedelta(0) <= datetime.now(UTC) - moment < timedelta(days=1, minutes=10)


def test_alarms_are_in_every_state(made: Path) -> None:
    """The ledger's is open, after one that somebody took for mended; grammar's is acknowledged by somebody, with a reason."""
    found = {(alarm.adapter, alarm.status): alarm for alarm in alarms(made / "lake", every=True)}
    assert set(found) == {("ledger", "open"), ("ledger", "resolved"), ("grammar", "acknowledged")}
    acknowledged = found["grammar", "acknowledged"]
    assert acknowledged.by
    assert acknowledged.why
    assert found["ledger", "resolved"].raised < found["ledger", "open"].raised


def test_alarms_are_raised_when_requests_went_astray(made: Path) -> None:
    """The first comes on the day on which the ledger drifts, the twelfth last of the month, and not today."""
    days = sorted(path.name.removesuffix(".jsonl") for path in (made / "logs").iterdir())
    assert len(days) == 30
    first = min(alarm.raised for alarm in alarms(made / "lake", every=True))
    assert days[18] <= first[:10] <= days[20]


def test_novelty_over_time_is_there(reports: list[Report]) -> None:
    """The daily check has windows of the whole month, of which novelty rises, with texts of novel requests."""
    (daily,) = [
        drift
        for one in reports
        if (drift := one.measurements.drift) is not None and drift.adapter == "ledger" and len(drift.windows) > 5
    ]
    shares = [window.novelty_share for window in daily.windows if window.novelty_share is not None]
    assert len(shares) >= 15
    assert max(shares[:5]) < 0.15 < 0.2 < min(shares[-5:])
    assert any(exemplar.text for exemplar in daily.windows[-1].exemplars)


def test_a_finished_one_is_left_as_it_is(made: Path) -> None:
    """Called again, it changes no file, and says so."""
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    result = CliRunner().invoke(demo, ["--folder", str(made), "--only-data"])
    assert result.exit_code == 0
    assert "remove the folder to make it anew" in result.stderr
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_nothing_is_left_behind(made: Path) -> None:
    """The clock runs again, and what was remembered lies in the folder."""
    assert "SOURCE_DATE_EPOCH" not in os.environ
    assert not str(os.environ["LORADIAG_CACHE"]).startswith(str(made))
    assert (made / "cache" / "fleet.sqlite").exists()


def test_the_registry_tells_whose_adapters_are(made: Path) -> None:
    """Every ledger took the last one's place, on the way that stages have; what others measured is stored."""
    with loradiag.open_registry(made / REGISTRY, create=False, read_only=True) as registry:
        rows = registry.ls()
        ledgers = [row for row in rows if row.owner == WAYS["ledger"].owner and row.stage in ("live", "retired")]
        assert Counter(row.stage for row in ledgers) == {"live": 1, "retired": 3}
        live = next(row for row in ledgers if row.stage == "live")
        assert set(live.verdicts) == {"inspect", "merge-drift", "forgetting"}
        steps = [event.after for event in registry.show(live.sha256).history if event.what == "stage"]
        assert steps == ["staging", "canary", "live"]
        started = min(registry.show(live.sha256).history, key=lambda event: event.at).at
        ended = [event.at for row in ledgers for event in registry.show(row.sha256).history if event.after == "retired"]
    assert len(set(ended)) == 3
    assert max(ended) > started
    assert max(ended) <= datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
