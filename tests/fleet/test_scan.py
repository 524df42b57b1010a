"""A whole scan: every row beside an inspection, what is remembered, kills, copies, and what lies behind URLs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loradiag
from loradiag.api.scanning import InterruptedScanError
from loradiag.core.errors import InputError
from loradiag.core.fleet import Fleet
from loradiag.core.report import Report
from loradiag.fleet import local_engine
from tests.conftest import FIXTURES, ROOT, SHARED, peft_arrays
from tests.fleet.making import write_adapter, write_fleet


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is remembered from test to test."""
    monkeypatch.setenv("LORADIAG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def scanned(*paths: Path | str, **options: Any) -> Fleet:
    """The fleet below some paths."""
    found = loradiag.scan_fleet(paths, **options).measurements.fleet
    assert found is not None
    return found


def told(found: Fleet) -> list[dict[str, Any]]:
    """Rows less what may differ from scan to scan."""
    rows = [{name: getattr(row, name) for name in row.__struct_fields__} for row in found.adapters]
    return sorted(({**row, "remembered": None} for row in rows), key=lambda row: row["path"])


def test_every_row_is_what_inspecting_says() -> None:
    """Verdict, codes, sizes and spectral measures of the fixtures."""
    for row in scanned(FIXTURES / "adapters").adapters:
        report = loradiag.inspect(row.path)
        assert row.verdict == report.verdict.status.value
        assert (row.sha256, row.modules, row.parameters) == (
            report.subject.sha256,
            report.subject.modules,
            report.subject.parameters,
        )
        live = [one for one in (report.measurements.spectrum or _Nothing).modules if one.spectral_norm]
        if live:
            assert row.frobenius_norm == pytest.approx(np.sqrt(sum((one.frobenius_norm or 0) ** 2 for one in live)))
            assert row.spectral_norm == max(one.spectral_norm or 0 for one in live)
            shares = [one.sigma[0] ** 2 / sum(sigma**2 for sigma in one.sigma) for one in live]
            assert row.energy_concentration == pytest.approx(np.median(shares))
        expected = {finding.code for finding in report.findings if finding.severity.value != "info"}
        assert set(row.codes) == expected


class _Nothing:
    modules: tuple[Any, ...] = ()


def test_the_second_time_nothing_is_read(tmp_path: Path) -> None:
    """And what changed is, alone."""
    root = write_fleet(tmp_path / "fleet")
    first = scanned(root)
    again = scanned(root)
    assert (first.read, again.read) == (14, 0)
    assert told(first) == told(again)
    write_adapter(root / "team0" / "a00", seed=99)
    write_adapter(root / "team0" / "new", seed=100)
    shutil.rmtree(root / "team1" / "a13")
    third = scanned(root)
    assert (third.read, len(third.adapters)) == (2, 14)
    assert scanned(root, fresh=True).read == 14


def test_another_policy_judges_again(tmp_path: Path) -> None:
    """What was judged by other rules is not known."""
    root = write_fleet(tmp_path / "fleet", 6)
    scanned(root)
    policy = tmp_path / "policy.toml"
    policy.write_text('select = ["LD1"]\n')
    assert scanned(root, policy=loradiag.read_policy(str(policy))).read == 6
    assert scanned(root, policy=loradiag.read_policy(str(policy))).read == 0


def test_engines_find_the_same(tmp_path: Path) -> None:
    """One process or several."""
    root = write_fleet(tmp_path / "fleet", 8)
    assert told(scanned(root, workers=1, fresh=True)) == told(scanned(root, workers=2, fresh=True))


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_ray_finds_the_same(tmp_path: Path) -> None:
    """A local cluster of two workers, in any order."""
    pytest.importorskip("ray", reason="Ray is not installed")
    root = write_fleet(tmp_path / "fleet", 10)
    local = scanned(root, fresh=True)
    assert told(scanned(root, engine="ray", workers=2, fresh=True)) == told(local)


def test_a_bad_adapter_costs_its_own_row(tmp_path: Path) -> None:
    """What is broken in any way is told, and the others are measured."""
    found = scanned(FIXTURES / "broken", FIXTURES / "adapters" / "healthy")
    problems = {Path(row.path).name: row.problem for row in found.adapters if row.problem}
    assert {"truncated", "header_overrun", "huge_header", "lfs_pointer", "duplicate_key"} <= set(problems)
    assert found.adapters[-1].verdict == "pass"
    (tmp_path / "bare").mkdir()
    with pytest.raises(InputError, match="holds no adapter"):
        scanned(tmp_path / "bare")


def test_relatives_are_found(tmp_path: Path) -> None:
    """Copies by their bytes, the same update in another form, one start, one recipe; strangers are not proposed."""
    names = ("healthy", "bf16", "no_replay", "healthy_seed2", "narrow_forgetting", "undertrained")
    found = scanned(*(FIXTURES / "adapters" / name for name in names))
    called = {pair.relation: [] for pair in found.pairs}
    for pair in found.pairs:
        called[pair.relation].append((names[pair.a], names[pair.b]))
    assert called["same"] == [("healthy", "bf16")]
    assert ("healthy", "no_replay") in called["one-start"]
    assert ("healthy", "healthy_seed2") in called["alike"]
    shutil.copytree(FIXTURES / "adapters" / "healthy", tmp_path / "copy")
    twice = scanned(FIXTURES / "adapters" / "healthy", tmp_path / "copy")
    assert [(pair.a, pair.b, pair.relation, pair.distance) for pair in twice.pairs] == [(0, 1, "same", 0.0)]


def test_the_same_weights_at_another_scale_are_no_copy(tmp_path: Path) -> None:
    """Another α is another update."""
    arrays = peft_arrays()
    for name, alpha in (("one", 16), ("two", 64)):
        write_adapter(tmp_path / name, arrays=arrays, lora_alpha=alpha)
    (pair,) = scanned(tmp_path).pairs
    assert pair.relation == "one-start"
    assert pair.distance == pytest.approx(0.75)


def test_outliers_orphans_and_bases(tmp_path: Path) -> None:
    """The rules over a fleet, on one that deserves them."""
    root = write_fleet(tmp_path / "fleet", 16)
    write_adapter(root / "loud", seed=50, factor=40.0)
    write_adapter(root / "lost", seed=51, base_model_name_or_path=None)
    report = loradiag.scan_fleet([root])
    found = {finding.code: finding for finding in report.findings}
    assert found["LD527"].modules == [str(root / "loud")]
    assert found["LD525"].modules == [str(root / "lost")]
    assert report.verdict.status.value == "pass"


def test_each_report_is_told(tmp_path: Path) -> None:
    """Those that are remembered too."""
    root = write_fleet(tmp_path / "fleet", 6)
    for _ in range(2):
        told: list[Report] = []
        scanned(root, each=told.append)
        assert sorted(report.subject.path for report in told) == sorted(
            str(path.parent) for path in root.rglob("*.json")
        )


def test_an_interrupt_keeps_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report is of what is known, and the same call goes on."""
    root = write_fleet(tmp_path / "fleet", 12)
    monkeypatch.setattr(local_engine, "_FEW", 100)
    done = []

    def stop(stage: str, count: int, total: int) -> None:
        done.append(count)
        if stage == "adapters" and count == 5:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedScanError) as caught:
        scanned(root, progress=stop)
    found = caught.value.report
    assert found.measurements.fleet is not None
    assert (len(found.measurements.fleet.adapters), found.measurements.fleet.incomplete) == (5, True)
    assert found.verdict.decided_by == ["LD528"]
    assert scanned(root).read == 7


def test_a_kill_in_the_middle_loses_nothing(tmp_path: Path, cache: Path) -> None:
    """After kill -9 the next scan measures only what was not kept."""
    root = write_fleet(tmp_path / "fleet", 160)
    command = [sys.executable, "-m", "loradiag", "fleet", str(root), "--workers", "2", "-q", "-f", "json"]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running.poll() is None and not _kept(cache):
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    kept = _kept(cache)
    found = scanned(root, related=False)
    assert len(found.adapters) == 160
    assert found.read == 160 - kept
    assert kept >= 50


def _kept(cache: Path) -> int:
    """How many adapters are remembered."""
    import sqlite3

    if not (cache / "fleet.sqlite").is_file():
        return 0
    database = sqlite3.connect(cache / "fleet.sqlite", timeout=10)
    try:
        return int(database.execute("SELECT count(*) FROM adapters").fetchone()[0])
    except sqlite3.Error:
        return 0
    finally:
        database.close()


def test_a_memory_that_cannot_be_used_costs_time_alone(tmp_path: Path, cache: Path) -> None:
    """A file that is no database, or a cache that cannot be written."""
    root = write_fleet(tmp_path / "fleet", 6)
    cache.mkdir()
    (cache / "fleet.sqlite").write_bytes(b"no database" * 1000)
    assert scanned(root).read == 6
    assert scanned(root).read == 6


def test_behind_a_url(tmp_path: Path) -> None:
    """The same rows as here, and the second time nothing is fetched."""
    root = write_fleet(tmp_path / "fleet", 6)
    here, there = scanned(root), scanned(f"file://{root}")
    assert [row.sha256 for row in there.adapters] == [row.sha256 for row in here.adapters]
    assert [row.frobenius_norm for row in there.adapters] == [row.frobenius_norm for row in here.adapters]
    assert there.adapters[0].path == f"file://{root}/team0/a00"
    assert scanned(f"file://{root}").read == 0


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "wild").is_dir(), reason="adapters of others are not here")
def test_adapters_of_others() -> None:
    """All are read but those that are pickles, which only the user may allow."""
    found = scanned(SHARED / "wild", SHARED / "zoo" / "adapters")
    assert len(found.adapters) >= 33
    for row in found.adapters:
        assert row.problem is None or "pickle" in row.problem, row
    assert json.loads(json.dumps([base.base for base in found.bases]))
