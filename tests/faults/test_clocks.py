"""A clock that goes back: what is newer by it is older, and nothing is lost, doubled or believed that has changed."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from loradiag.bases.fingerprint import fingerprint
from loradiag.bases.opening import open_base
from loradiag.overview.shelf import Shelf
from loradiag.storage.hashing import content_sha256
from loradiag.traffic.compacting import compact
from loradiag.traffic.following import Follower
from loradiag.traffic.ingesting import Ingestion, Options
from loradiag.traffic.reading import Lake
from tests.analyzers.drift.making import DAY, START
from tests.conftest import MakeAdapter, peft_arrays, write_safetensors
from tests.faults.commands import run
from tests.fleet.making import write_fleet
from tests.traffic.filling import ingest, plain, write_log
from tests.watching.making import watcher, write, write_baseline

YEAR = 365 * 86_400


def _years_back(*paths: Path) -> None:
    """Give files the times that a clock would which has gone back a year."""
    for path in paths:
        then = path.stat().st_mtime - YEAR
        os.utime(path, (then, then))


def test_a_watch_counts_once_whatever_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes back a year between two looks and forward again; requests of all days come meanwhile."""
    write_baseline(tmp_path / "baselines" / "support")
    lake, clock = tmp_path / "lake", [(START + 3 * DAY) / 1e6]
    lake.mkdir()
    monkeypatch.setattr("loradiag.watching.watcher.time.time", lambda: clock[0])
    counted = 0
    for look, shift in enumerate((0.0, -YEAR, -YEAR + 60, 0.0, 86_400.0, -10 * YEAR, 86_400.0)):
        counted += write(lake, 40, seed=look, day=look % 3)
        clock[0] = (START + 3 * DAY) / 1e6 + shift
        run_ = watcher(tmp_path)
        run_.poll()
        run_.poll()
        told = run_.totals
        assert run_.episodes["support"].counted == told.requests == counted, look
        assert told.seconds >= 0 or shift < 0
        run_.state.close()
    assert run_.episodes["support"].novelty.n == counted == 280


def test_merged_files_stay_until_the_clock_has_caught_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that is back they were merged in the future: they are passed over, and removed later."""
    lake = tmp_path / "lake"
    for part in range(3):
        ingest(lake, write_log(tmp_path / "a.jsonl", [plain(5 * part + number) for number in range(5)]))
    compact(lake, lambda *_: None)
    now = [next(lake.glob("date=*/*/*.parquet")).stat().st_mtime - YEAR]
    monkeypatch.setattr("loradiag.traffic.compacting.time.time", lambda: now[0])
    assert compact(lake, lambda *_: None).removed == 0
    assert Lake(lake).adapters() == {"support": 15}
    now[0] += 2 * YEAR
    assert compact(lake, lambda *_: None).removed == 3
    assert Lake(lake).adapters() == {"support": 15}


def test_a_log_that_is_older_than_before_is_followed(tmp_path: Path) -> None:
    """What was appended is read, with whatever time the file has."""
    lake, log = tmp_path / "lake", write_log(tmp_path / "log.jsonl", [plain(0)])
    run_ = Ingestion(lake, None, Options(), lambda _: None)
    follower = Follower(run_, lake, [str(log)], 1.0)
    follower.look()
    write_log(tmp_path / "log.jsonl", [plain(0), plain(1)])
    _years_back(log)
    follower.look()
    follower.flush()
    assert run_.done.written == 2


def test_reports_that_are_older_than_before_are_read_again(tmp_path: Path, make_adapter: MakeAdapter) -> None:
    """A file of another time is another file, newer or not; from memory too."""
    import loradiag
    from loradiag.core.report import encode

    folder = tmp_path / "reports"
    folder.mkdir()
    report = loradiag.inspect(make_adapter())
    path, memory = folder / "r.json", tmp_path / "memory.sqlite"
    path.write_bytes(encode(report))
    Shelf(folder, memory).refresh()
    path.write_bytes(encode(report).replace(b'"created": "20', b'"created": "19'))
    _years_back(path)
    shelf = Shelf(folder, memory)
    shelf.refresh()
    assert [card.created[:2] for card in shelf.cards] == ["19"]


def test_weights_that_are_older_than_before_are_measured_again(tmp_path: Path) -> None:
    """Of a fleet whose weights were changed under a clock that was back, and of a base."""
    fleet = write_fleet(tmp_path / "fleet", 3)
    words = ["fleet", fleet, "-q", "--fail-on", "never", "--workers", "1", "--table", tmp_path / "t.csv"]
    assert run(words, tmp_path).returncode == 0
    before = _hashes(tmp_path / "t.csv")
    weights = fleet / "team0" / "a00" / "adapter_model.safetensors"
    write_safetensors(weights, {name: array + 1 for name, array in peft_arrays(layers=3).items()})
    _years_back(weights)
    assert run(words, tmp_path).returncode == 0
    after = _hashes(tmp_path / "t.csv")
    assert after["a00"] == content_sha256([weights]) != before["a00"]
    assert {name for name, digest in after.items() if digest != before[name]} == {"a00"}


def _hashes(table: Path) -> dict[str, str]:
    with table.open() as file:
        return {Path(row["path"]).name: row["sha256"] for row in csv.DictReader(file)}


def test_a_base_that_is_older_than_before_has_another_fingerprint(tmp_path: Path) -> None:
    """Its bytes are read again."""
    path = tmp_path / "model.safetensors"
    found = []
    for number in range(2):
        write_safetensors(
            path,
            {f"model.layers.{layer}.q.weight": array + number for layer, array in enumerate(peft_arrays().values())},
        )
        os.utime(path, (path.stat().st_mtime - (number + 1) * YEAR,) * 2)
        found.append(fingerprint(open_base(path), full=True).full)
    assert found[0] != found[1]
