"""The overview as a whole: reports, lake and watch together, and what happens where one of them cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import loradiag
from loradiag.api.overview import open_overview
from loradiag.core.errors import InputError, UsageError
from loradiag.core.report import encode
from tests.conftest import FIXTURES
from tests.traffic.filling import ingest, plain, write_log


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one report; the cache is the test's own."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "healthy.json").write_bytes(encode(loradiag.inspect(FIXTURES / "adapters" / "healthy")))
    return folder


def test_reports_alone(reports: Path) -> None:
    """Rows, a report again, no traffic, no watch; what is new appears with the next look."""
    found = open_overview(reports)
    [row] = found.rows
    assert (row.name, row.state) == ("healthy", "pass")
    assert found.report(row.newest["inspect"]).subject.sha256 == row.sha256
    assert (found.has_traffic, found.is_watched, found.watch, found.alarms(), found.days("healthy")) == (
        False,
        False,
        None,
        [],
        [],
    )
    assert found.traffic_by_day() is None
    version = found.version
    assert not found.refresh()
    assert found.version == version
    (reports / "dead.json").write_bytes(encode(loradiag.inspect(FIXTURES / "adapters" / "partly_dead")))
    assert found.refresh()
    assert [row.state for row in found.rows] == ["fail", "pass"]
    assert found.version == version + 1


def test_a_folder_that_is_gone_is_a_trouble_and_no_end(reports: Path, tmp_path: Path) -> None:
    """Rows stay, with the reason beside them, and the trouble ends with its cause."""
    found = open_overview(reports)
    reports.rename(tmp_path / "away")
    assert not found.refresh()
    assert [row.name for row in found.rows] == ["healthy"]
    assert found.troubles == {str(reports): "is no folder of reports"}
    (tmp_path / "away").rename(reports)
    found.refresh()
    assert found.troubles == {}


def test_nothing_to_show_is_an_error(tmp_path: Path) -> None:
    """Neither reports nor traffic, or a folder that is not there."""
    with pytest.raises(UsageError, match="--reports"):
        open_overview()
    with pytest.raises(InputError, match="no folder of reports"):
        open_overview(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no lake"):
        open_overview(None, tmp_path / "nowhere")


def test_a_watch_that_cannot_be_looked_at_is_a_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not as if there were none; it ends with its cause. Rights that are missing look the same as a link to itself."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    lake = tmp_path / "lake"
    ingest(lake, write_log(tmp_path / "log.jsonl", [plain(1)]))
    (lake / "_state").symlink_to("_state")
    found = open_overview(None, lake)
    state = lake / "_state" / "watch.sqlite"
    assert (found.is_watched, found.alarms(), found.watch) == (False, [], None)
    assert found.troubles == {"watch": f"{state}: cannot be read (Too many levels of symbolic links)"}
    (lake / "_state").unlink()
    found.refresh()
    assert found.troubles == {}


@pytest.mark.models
def test_everything_together(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traffic is that of the lake, alarms those of the watch; settling one changes its adapter's row at once."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    lake = Path(shutil.copytree(made / "lake", tmp_path / "lake"))
    found = open_overview(made / "reports", lake)
    stats = {row.adapter: row for row in loradiag.traffic_stats(lake).rows if row.adapter}
    rows = {row.served: row for row in found.rows if row.requests}
    assert {name: row.requests.total for name, row in rows.items() if row.requests} == {
        name: row.requests - row.failed for name, row in stats.items()
    }
    for row in rows.values():
        assert row.requests is not None
        assert len(row.requests.daily) == 30
        assert sum(row.requests.daily[-7:]) == row.requests.recent
    first = found.rows[0]
    assert (first.served, first.state) == ("ledger", "alarm")
    assert found.days("ledger") == loradiag.watch_days(lake, adapter="ledger")
    [alarm] = [one for one in found.alarms() if one.status == "open"]
    found.settle(alarm.id, "acknowledged", by="ada", why="seen")
    [row] = [row for row in found.rows if row.served == "ledger"]
    assert row.state != "alarm"
    shutil.rmtree(lake / "_state")
    assert found.refresh()
    assert found.watch is None
