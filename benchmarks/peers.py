"""loradiag beside what else measures an adapter, on a size that all of them can finish."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.processes import FailedError, Sample, measure
from benchmarks.rounds import Series, interleave
from benchmarks.shapes import SHAPES
from benchmarks.suites import CHILDREN, INSPECT, Bench
from benchmarks.tables import markdown

KEY = "peers"
REFERENCE = "dense SVD, numpy"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""In favour of the peers: their own default, a thread a core, costs more CPU, and on a busy machine far more time."""
Found = Mapping[str, list[float]]
"""Singular values of the update by module, largest first; some programs tell only the largest."""


@dataclasses.dataclass(frozen=True, slots=True)
class Peer:
    """A program beside loradiag.

    Attributes:
        name: What it is called in the table.
        script: What runs it, under ``children/``: takes the adapter, the file to write, and ``arguments``.
        arguments: What the script takes after those.
        needs: Modules that must be there.
        own_python: Whether it lives in the environment of the peers rather than in loradiag's.
    """

    name: str
    script: str
    arguments: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    own_python: bool = True


PEERS = (
    Peer(REFERENCE, "ask_dense.py", ("numpy",), ("numpy",), own_python=False),
    Peer("dense SVD, torch", "ask_dense.py", ("torch",), ("torch",)),
    Peer("WeightWatcher", "ask_weightwatcher.py", (), ("weightwatcher", "safetensors")),
    Peer("Gradience", "ask_gradience.py", (), ("gradience", "torch")),
)


def compare_peers(bench: Bench, python: Path | None, repeat: int) -> dict[str, Any]:
    """Run loradiag and every peer that is there, print what each cost and found, and return the samples.

    Args:
        bench: Where things are.
        python: Interpreter of an environment with the peers; None runs the dense reference only.
        repeat: Runs of each.
    """
    folder = bench.adapter(KEY)
    shape = SHAPES[KEY]
    size = f"{len(shape.modules)} modules of hidden size {shape.modules[0].d_in}, r={shape.rank}"
    print(f"## peers: {size}, {repeat} runs each\n")
    runs, skipped = _choose(bench, python, folder)
    series = interleave(runs, repeat)
    found = {name: _found(bench, name) for name in series}
    print(_table(series, found), "\n")
    for name, reason in skipped.items():
        print(f"- {name} was not run: {reason}")
    print(flush=True)
    samples = {name: [dataclasses.asdict(sample) for sample in each.samples] for name, each in series.items()}
    return {"samples": samples, "skipped": skipped}


def _choose(bench: Bench, python: Path | None, folder: Path) -> tuple[dict[str, Callable[[], Sample]], dict[str, str]]:
    """What can be run, loradiag first, and why the rest cannot."""
    runs: dict[str, Callable[[], Sample]] = {INSPECT: lambda: bench.inspect(KEY)}
    skipped: dict[str, str] = {}
    for peer in PEERS:
        interpreter = python if peer.own_python else Path(sys.executable)
        run = _runner(bench, peer, interpreter, folder)
        reason = _missing(interpreter, peer) or _fails(run)
        if reason is None:
            runs[peer.name] = run
        else:
            skipped[peer.name] = reason
    return runs, skipped


def _missing(python: Path | None, peer: Peer) -> str | None:
    """Say why a peer cannot be run; None if it can."""
    if python is None:
        return "no --peers-python was given"
    look = "import importlib.util, sys; print(*[n for n in sys.argv[1:] if importlib.util.find_spec(n) is None])"
    try:
        done = subprocess.run([python, "-c", look, *peer.needs], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"{python} cannot be run ({error})"
    return f"{python} has no {done.stdout.strip()}" if done.stdout.strip() else None


def _fails(run: Callable[[], Sample]) -> str | None:
    try:
        run()
    except FailedError as error:
        return str(error)
    return None


def _runner(bench: Bench, peer: Peer, python: Path | None, folder: Path) -> Callable[[], Sample]:
    command = [str(python), str(CHILDREN / peer.script), str(folder), str(_answer(bench, peer.name)), *peer.arguments]
    return lambda: measure(command, environment={**bench.environment, **ONE_THREAD})


def _answer(bench: Bench, name: str) -> Path:
    return bench.cache / f"answer-{name.replace(' ', '-').replace(',', '')}.json"


def _found(bench: Bench, name: str) -> Found:
    if name != INSPECT:
        answer: Found = json.loads(_answer(bench, name).read_text())
        return answer
    report = json.loads((bench.cache / f"{KEY}.report.json").read_text())
    return {row["name"]: row["sigma"] for row in report["measurements"]["spectrum"]["modules"]}


def _table(series: Mapping[str, Series], found: Mapping[str, Found]) -> str:
    head = (
        "program",
        "wall median",
        "wall min",
        "CPU",
        "peak",
        "CPU × loradiag",
        "modules",
        "values",
        "largest |Δσ|/σ₁",
    )
    own, reference = series[INSPECT], found.get(REFERENCE, {})
    return markdown(
        head,
        (
            [
                name,
                f"{each.wall:.2f} s",
                f"{each.best:.2f} s",
                f"{each.cpu:.2f} s",
                f"{each.peak:.0f} MB",
                f"{each.cpu / own.cpu:.1f}",
                f"{len(found[name])}",
                f"{sum(map(len, found[name].values()))}",
                agreement(found[name], reference),
            ]
            for name, each in series.items()
        ),
    )


def agreement(found: Found, reference: Found) -> str:
    """Return the largest difference of any value from the reference, over the module's largest; "–" without one."""
    worst = 0.0
    for module, values in reference.items():
        for value, wanted in zip(found.get(module, []), values, strict=False):
            worst = max(worst, abs(value - wanted) / values[0])
    shared = found.keys() & reference.keys()
    return f"{worst:.1e}" if shared else "–"
