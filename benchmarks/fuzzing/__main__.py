"""Fuzz the readers: ``python -m benchmarks.fuzzing``. Prints a table; exit code 1 if an input ended as none should."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.fuzzing.targets import MODULES, NAMES

_FASTEST = ("strict-json", "safetensors", "shards", "stamp", "policy", "trainer-state", "urls", "environment")
_FAST = ("sources", "map", "gguf", "log-files", "jsonl", "json", "csv", "plain", "baseline", "report", "models-list")
_SLOW = (
    "lake",
    "counted",
    "drift",
    "folded",
    "tokenizer",
    "mlflow",
    "wire",
    "registry-file",
    "named",
    "recorded",
    "scanned",
)

SHARES = {
    **dict.fromkeys(NAMES, 1.0),
    **dict.fromkeys(_FASTEST, 4.0),
    **dict.fromkeys(_FAST, 2.0),
    **dict.fromkeys(_SLOW, 0.2),
}
"""What each target gets of all inputs, by how fast it is."""


def main() -> int:
    """Run the targets one after another, each in a process of its own, and again where one ended the process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzzing", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*NAMES, []], help=f"default: all of {', '.join(MODULES)}")
    parser.add_argument("--inputs", type=int, default=100_000, help="over all targets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=("atheris", "seeded"), help="default: atheris where it is installed")
    parser.add_argument("--output", type=Path, help="where to leave inputs that ended as none should")
    given = parser.parse_args()
    engine = given.engine or ("atheris" if importlib.util.find_spec("atheris") else "seeded")
    names = given.targets or NAMES
    total = sum(SHARES[name] for name in names)
    output = given.output or Path(tempfile.mkdtemp(prefix="loradiag-fuzzing-", dir=_memory()))
    print(f"engine {engine}, seed {given.seed}, inputs that ended as none should: {output}\n")
    print("| target | inputs | results | refusals | escaped | ended the process | slowest, s | memory grown, MB | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    rows = []
    for name in names:
        row = _run(name, round(given.inputs * SHARES[name] / total), given.seed, engine, output / name)
        rows.append(row)
        _show(name, row)
    _show("all", _summed(rows))
    found = [f"{name}: {what}" for name, row in zip(names, rows, strict=True) for what in row["escaped"]]
    print("\n" + "\n".join(found or ["No input ended as none should."]))
    return 1 if found or any(row["ended"] for row in rows) else 0


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # files are written for every input


def _run(name: str, inputs: int, seed: int, engine: str, place: Path) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    while (left := inputs - sum(row["done"] for row in rows)) > 0 and len(rows) < 5:
        folder = place / str(len(rows))
        folder.mkdir(parents=True, exist_ok=True)
        words = (name, str(left), str(seed + 1000 * len(rows)), engine, str(folder))
        with (folder / "log").open("w") as log:
            code = subprocess.run(
                [sys.executable, "-m", "benchmarks.fuzzing.child", *words], stdout=log, stderr=log, check=False
            ).returncode
        rows.append({**json.loads((folder / "tally.json").read_text()), "ended": int(code != 0)})
        for used in ("work", "corpus"):
            shutil.rmtree(folder / used, ignore_errors=True)
        if code == 0:
            break
    return _summed(rows)


def _summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {
        key: sum(row[key] for row in rows) for key in ("done", "results", "refusals", "ended", "seconds")
    }
    whole |= {key: max(row[key] for row in rows) for key in ("slowest_s", "grown_mb")}
    return whole | {"escaped": {what: count for row in rows for what, count in row["escaped"].items()}}


def _show(name: str, row: dict[str, Any]) -> None:
    numbers = (f"{row['done']:,}", f"{row['results']:,}", f"{row['refusals']:,}", len(row["escaped"]), row["ended"])
    print(
        f"| {name} | {' | '.join(map(str, numbers))} | {row['slowest_s']:.2f} | {row['grown_mb']:.0f} | {row['seconds']:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
