"""Commands that write, each with what it begins from and what it leaves."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from loradiag.adapters.stamps import read_stamp
from loradiag.baselines.reading import open_baseline
from loradiag.core.errors import InputError
from loradiag.registry.queries import listed
from loradiag.registry.store import open_store
from loradiag.traffic.reading import Lake
from tests.conftest import FIXTURES, ROOT
from tests.fleet.making import write_adapter, write_fleet
from tests.traffic.filling import plain, write_log
from tests.traffic.logs import NOON
from tests.watching.making import write, write_baseline

BASE, HEALTHY = FIXTURES / "base", FIXTURES / "adapters" / "healthy"


class Command(msgspec.Struct, frozen=True):
    """A command under test.

    Attributes:
        prepare: Fills a folder and returns the words of the command.
        left: What the folder holds, without what differs from run to run; fails at anything that is half there.
    """

    prepare: Callable[[Path], Sequence[object]]
    left: Callable[[Path], Any]


def run(
    words: Sequence[object], folder: Path, *before: object, seconds: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run a command with a cache of its own in the folder, maybe below another program."""
    command = [*before, sys.executable, "-m", "loradiag", *words]
    return _done(command, folder, seconds)


def run_to(point: int, words: Sequence[object], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that is killed where it touches the folder for the so-many-th time."""
    return _done([sys.executable, "-m", "tests.faults.mortal", folder, point, *words], folder, 300)


def _done(command: Sequence[object], folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LORADIAG_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    return subprocess.run(
        list(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a command said when it ended with 2."""
    assert done.returncode == 2, (done.returncode, done.stderr)
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("loradiag: "), done.stderr
    assert "internal error" not in lines[0], done.stderr
    return lines[0]


def visible(folder: Path) -> list[str]:
    """Names that a user sees."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def _ingest(folder: Path) -> Sequence[object]:
    lines = [plain(number, time=NOON + 4000 * number) for number in range(200)]
    log = write_log(folder / "log.jsonl", [*lines, "no JSON"])
    return ["traffic", "ingest", log, "--lake", folder / "lake", "-q"]


def _compact(folder: Path) -> Sequence[object]:
    from tests.traffic.filling import ingest

    for part in range(4):
        lines = [plain(number, time=NOON + 20_000 * (number % 9)) for number in range(10 * part, 10 * part + 10)]
        ingest(folder / "lake", write_log(folder / "log.jsonl", lines))
    return ["traffic", "compact", "--lake", folder / "lake", "-q"]


def _lake(folder: Path) -> Any:
    if not (folder / "lake").is_dir() or not any((folder / "lake").iterdir()):
        return {}
    lake = Lake(folder / "lake")
    assert lake.flawed == []
    for file in lake.files:
        pq.read_table(file.path)
    ids = [row[0] for row in lake.ask("SELECT request_id FROM requests", lake.files)]
    return {} if not ids else {"once": sorted(set(ids)), "counted": lake.adapters()}


def _fleet(folder: Path) -> Sequence[object]:
    write_fleet(folder / "adapters", 12)
    return [
        "fleet",
        folder / "adapters",
        "--workers",
        "1",
        "-q",
        "--fail-on",
        "never",
        "--table",
        folder / "t.csv",
        "-o",
        folder / "f.json",
    ]


def _table(folder: Path) -> Any:
    if (folder / "f.json").exists():
        json.loads((folder / "f.json").read_text())
    if not (folder / "t.csv").exists():
        return None
    with (folder / "t.csv").open() as file:
        return {Path(row["path"]).name: (row["sha256"], row["verdict"]) for row in csv.DictReader(file)}


def _stamp(folder: Path) -> Sequence[object]:
    shutil.copytree(HEALTHY, folder / "adapter", ignore=shutil.ignore_patterns("*stamp*"))
    return ["stamp", folder / "adapter", "--base", BASE, "--notes", "n" * 3000, "-q"]


def _stamped(folder: Path) -> Any:
    path = folder / "adapter" / "loradiag-stamp.json"
    return msgspec.structs.replace(read_stamp(path), created="") if path.exists() else None


def _resize(folder: Path) -> Sequence[object]:
    write_adapter(folder / "adapter")
    return ["resize", folder / "adapter", "--rank", "2", "-o", folder / "small", "-q"]


def _resized(folder: Path) -> Any:
    place = folder / "small"
    return {path.name: path.read_bytes() for path in place.iterdir()} if place.exists() else None


def _registry(folder: Path) -> Sequence[object]:
    write_fleet(folder / "adapters", 6)
    return ["registry", "add", folder / "adapters", "--registry", folder / "r.sqlite", "-q"]


def _registered(folder: Path) -> Any:
    if not (folder / "r.sqlite").exists():
        return None
    try:
        with open_store(str(folder / "r.sqlite"), read_only=True) as store, store.reading() as session:
            return sorted(row.sha256 for row in listed(session))
    except InputError as error:
        if "holds no registry" not in str(error):
            raise
        return None


def _inspect(folder: Path) -> Sequence[object]:
    write_adapter(folder / "adapter")
    (folder / "out").mkdir()
    return [
        "inspect",
        folder / "adapter",
        "-q",
        "--fail-on",
        "never",
        "-o",
        folder / "out" / "r.json",
        "-o",
        folder / "out" / "r.html",
    ]


def _reports(folder: Path) -> Any:
    found = {}
    for name in visible(folder / "out"):
        text = (folder / "out" / name).read_text()
        assert text.endswith(("}\n", "</html>\n"))
        found[name] = json.loads(text)["verdict"] if name.endswith("json") else True
    return found or None


def _watch(folder: Path) -> Sequence[object]:
    write_baseline(folder / "baselines" / "support")
    for day in range(2):
        write(folder / "lake", 60, seed=day, day=day)
    return [
        "drift",
        "watch",
        "--once",
        "--baseline",
        folder / "baselines",
        "--lake",
        folder / "lake",
        "-q",
        "--fail-on",
        "never",
    ]


def _watched(folder: Path) -> Any:
    from loradiag.watching.state import State

    path = folder / "lake" / "_state" / "watch.sqlite"
    if not path.exists() or not path.stat().st_size:
        return None
    episodes = State(path, read_only=True).episodes()
    return {name: (one.requests, one.counted, one.novelty.n) for name, one in episodes.items()}


def _baseline(folder: Path) -> Sequence[object]:
    shutil.copy(FIXTURES / "traffic" / "ledger_train.jsonl", folder / "train.jsonl")
    words = ["drift", "baseline", HEALTHY, "--name", "ledger", "--data", folder / "train.jsonl", "--keep-text", "-q"]
    return [*words, "--encoder", FIXTURES / "encoder", "-o", folder / "baseline"]


def _opened(folder: Path) -> Any:
    return (
        msgspec.structs.replace(open_baseline(folder / "baseline").manifest, created="", data=None)
        if (folder / "baseline").exists()
        else None
    )  # type: ignore[arg-type]


def _forgetting(folder: Path) -> Sequence[object]:
    tasks = ["--tasks", "toy_facts,toy_arithmetic", "--include-path", FIXTURES / "tasks", "--limit", "6"]
    words = ["forgetting", BASE, FIXTURES / "adapters" / "narrow_forgetting", *tasks, "-q", "--fail-on", "never"]
    return [*words, "-o", folder / "f.json"]


def _forgot(folder: Path) -> Any:
    if not (folder / "f.json").exists():
        return None
    return json.loads((folder / "f.json").read_text())["measurements"]["forgetting"]["tasks"]


QUICK = {
    "ingest": Command(_ingest, _lake),
    "compact": Command(_compact, _lake),
    "fleet": Command(_fleet, _table),
    "stamp": Command(_stamp, _stamped),
    "resize": Command(_resize, _resized),
    "registry": Command(_registry, _registered),
    "inspect": Command(_inspect, _reports),
    "watch": Command(_watch, _watched),
}
MODELS = {"baseline": Command(_baseline, _opened), "forgetting": Command(_forgetting, _forgot)}
