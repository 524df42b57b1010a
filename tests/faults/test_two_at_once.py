"""Two processes on one store, where no other test has them: memories of fleets and dashboards, a watch, a lake's merges."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

from loradiag.overview.shelf import Shelf
from loradiag.traffic.compacting import compact
from loradiag.traffic.reading import Lake
from tests.conftest import ROOT
from tests.faults.commands import QUICK, refused, run
from tests.fleet.making import write_adapter
from tests.traffic.filling import ingest, plain, write_log
from tests.watching.making import watcher, write, write_baseline


def test_two_scans_of_one_fleet(tmp_path: Path) -> None:
    """Both find all, and what they remembered is whole: a third measures nothing again."""
    command = QUICK["fleet"]
    words = list(map(str, command.prepare(tmp_path)))
    environment = {**os.environ, "LORADIAG_CACHE": str(tmp_path / "cache")}
    outputs = [tmp_path / f"{name}.json" for name in "ab"]
    plain_words = words[: words.index("--table")]
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "loradiag", *plain_words, "-o", str(output)],
            cwd=ROOT,
            env=environment,
            stderr=subprocess.PIPE,
        )
        for output in outputs
    ]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert ([process.returncode for process in both], said) == ([0, 0], [b"", b""])
    fleets = [json.loads(output.read_text())["measurements"]["fleet"] for output in outputs]
    assert [len(found["adapters"]) for found in fleets] == [12, 12]
    assert run(words, tmp_path).returncode == 0
    third = json.loads((tmp_path / "f.json").read_text())["measurements"]["fleet"]
    hashes = [[row["sha256"] for row in found["adapters"]] for found in (*fleets, third)]
    assert hashes[0] == hashes[1] == hashes[2]
    assert third["read"] == 0


def test_two_watches_of_one_state(tmp_path: Path) -> None:
    """The second is told so: two would count every request twice."""
    write_baseline(tmp_path / "baselines" / "support")
    write(tmp_path / "lake", 60)
    run_ = watcher(tmp_path)
    words = ["drift", "watch", "--once", "--baseline", tmp_path / "baselines", "--lake", tmp_path / "lake"]
    state = ["--state", tmp_path / "watch.sqlite"]
    with run_.state.watching():
        run_.poll()
        assert "another 'loradiag drift watch' is at work" in refused(run([*words, *state], tmp_path))
    assert run_.episodes["support"].counted == 60


def test_two_who_acknowledge_one_alarm(tmp_path: Path) -> None:
    """By the command line, at one moment: one does, and the other is told who it was, in a line."""
    write_baseline(tmp_path / "baselines" / "support")
    write(tmp_path / "lake", 80, domain=3)
    run_ = watcher(tmp_path)
    assert len(run_.poll().raised) == 1
    run_.state.close()
    state = tmp_path / "watch.sqlite"
    words = [
        sys.executable,
        "-m",
        "loradiag",
        "drift",
        "alarms",
        "--state",
        str(state),
        "--acknowledge",
        "1",
        "--why",
        "mine",
    ]
    both = {
        name: subprocess.Popen(
            [*words, "--by", name], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name in ("ann", "bob")
    }
    said = {name: process.communicate(timeout=300) for name, process in both.items()}
    assert sorted(process.returncode for process in both.values()) == [0, 3]
    winner, loser = sorted(both, key=lambda name: both[name].returncode)
    assert said[winner] == ("alarm 1 of support is acknowledged\n", "")
    refusal = f"loradiag: {state}: alarm 1 is acknowledged already, by {winner}: mine; resolve it when it is over\n"
    assert said[loser] == ("", refusal)


def _shelve(folder: Path, memory: Path, times: int) -> int:
    for _ in range(times):
        shelf = Shelf(folder, memory)
        shelf.refresh()
    return len(shelf.cards)


def test_two_dashboards_of_one_folder(tmp_path: Path) -> None:
    """Each sees every report, also where both write the memory at once; and a third reads it without opening a report."""
    folder, memory = tmp_path / "reports", tmp_path / "memory.sqlite"
    folder.mkdir()
    write_adapter(tmp_path / "adapter")
    assert (
        run(["inspect", tmp_path / "adapter", "-q", "--fail-on", "never", "-o", folder / "0.json"], tmp_path).returncode
        == 0
    )
    for number in range(1, 60):
        (folder / f"{number}.json").write_bytes((folder / "0.json").read_bytes())
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.starmap(_shelve, [(folder, memory, 5)] * 2) == [60, 60]
    assert _shelve(folder, memory, 1) == 60


def _merge(lake: Path, times: int) -> None:
    for _ in range(times):
        compact(lake, lambda *_: None, grace=0.0)


def test_merges_beside_each_other_and_a_writer(tmp_path: Path) -> None:
    """Two that merge and remove at once, and one that writes: every request is there, and counted once."""
    lake = tmp_path / "lake"
    ingest(lake, write_log(tmp_path / "a.jsonl", [plain(0)]))
    context = multiprocessing.get_context("spawn")
    merging = [context.Process(target=_merge, args=(lake, 12)) for _ in range(2)]
    for process in merging:
        process.start()
    for part in range(1, 15):
        ingest(lake, write_log(tmp_path / "a.jsonl", [plain(5 * part + number) for number in range(5)]))
    for process in merging:
        process.join()
    assert [process.exitcode for process in merging] == [0, 0]
    _merge(lake, 2)
    found = Lake(lake)
    assert (found.adapters(), found.flawed) == ({"support": 71}, [])
