"""How many requests a second a watch of many adapters counts, embedding aside, and how soon it is back after a kill.

python benchmarks/serving.py [--adapters N] [--rate N] [--polls N] [--references N] [--dimension N]

A lake grows by ten seconds' worth of requests at a time: half of them spread evenly over the adapters, half of them on a few.
The watch looks after each. Then a watch in a process of its own is killed with SIGKILL in the middle of its work, and the next
must find the state of what was counted.
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402 - the path comes first
import hashlib  # noqa: E402
import resource  # noqa: E402
import signal  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks.suites import ROOT  # noqa: E402
from loradiag.baselines import manifest as parts  # noqa: E402
from loradiag.baselines.manifest import AdapterPart, Calibrated, DataPart, File, Manifest, encode  # noqa: E402
from loradiag.baselines.topics import assign, find_centres, nearest_to  # noqa: E402
from loradiag.embeddings.encoder import Identity, unit  # noqa: E402
from loradiag.linalg.nearest import search_over  # noqa: E402
from loradiag.statistics.mmd import Closeness  # noqa: E402
from loradiag.statistics.tails import rank_of  # noqa: E402
from loradiag.traffic.request import Request  # noqa: E402
from loradiag.traffic.rows import row_of  # noqa: E402
from loradiag.traffic.writing import make_lake, write_new  # noqa: E402
from loradiag.watching.state import State  # noqa: E402
from loradiag.watching.watcher import Plan, Watcher  # noqa: E402

ENCODER = "e" * 64
START = 1_793_491_200_000_000
SECONDS = 10
_KILLED = """
import sys, time
from pathlib import Path
began = time.time()
from loradiag.watching.state import State
from loradiag.watching.watcher import Plan, Watcher
folder = Path(sys.argv[1])
state = State(folder / "watch.sqlite")
with state.watching():
    run = Watcher(Plan(lake=folder / "lake", baselines=[folder / "baselines"]), state)
    print(f"{time.time() - began:.3f} {run.totals.requests} {sum(e.counted for e in run.episodes.values())}", flush=True)
    run.poll()
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill, watch, kill and start again."""
    options = _parser().parse_args(arguments)
    generator = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pool = _baselines(folder / "baselines", options, generator)
        lake = folder / "lake"
        make_lake(lake)
        state = State(folder / "watch.sqlite")
        run = Watcher(Plan(lake=lake, baselines=[folder / "baselines"]), state)
        count = options.rate * SECONDS
        taken = []
        for number in range(options.polls):
            _log(lake, number, count, pool, options.adapters, generator)
            began = time.perf_counter()
            run.poll()
            taken.append(time.perf_counter() - began)
        rates = count / np.array(taken)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"# {options.adapters} adapters, {options.references:,} references of {options.dimension} dimensions each\n"
        )
        print(
            "| requests a look | requests/s, median | slowest | share of two cores at the rate | memory, GB | state, MB |"
        )
        print("|---|---|---|---|---|---|")
        size = sum(path.stat().st_size for path in folder.glob("watch.sqlite*")) / 1e6
        busy = options.rate / float(np.median(rates))
        print(f"| {count:,} | {np.median(rates):,.0f} | {rates.min():,.0f} | {busy:.2f} | {memory:.2f} | {size:.1f} |")
        state.close()
        _log(lake, options.polls, 4 * count, pool, options.adapters, generator)
        _restarts(folder, options)


def _restarts(folder: Path, options: argparse.Namespace) -> None:
    print("\n| start | seconds until it knows its state | requests counted before |")
    print("|---|---|---|")
    pauses = np.random.default_rng(options.seed).uniform(1.0, 6.0, 3)
    for number in range(4):
        command = [sys.executable, "-c", _KILLED, str(folder)]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        _, requests, counted = str(process.stdout.readline() if process.stdout else "").split()
        whole = time.perf_counter() - began
        if number < 3:
            time.sleep(float(pauses[number]))
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        print(f"| {number + 1} | {whole:.2f} | {int(requests):,} ({int(counted):,} as evidence) |")
    state = State(folder / "watch.sqlite")
    run = Watcher(Plan(lake=folder / "lake", baselines=[folder / "baselines"]), state)
    expected = options.rate * SECONDS * (options.polls + 4)
    print(f"\nrequests logged: {expected:,}; counted in the end: {run.totals.requests:,}")


def _baselines(folder: Path, options: argparse.Namespace, generator: np.random.Generator) -> Any:
    """Write a baseline for each adapter, and return vectors to be asked."""
    middles = generator.normal(size=(20, options.dimension))

    def vectors(number: int) -> Any:
        return unit(
            middles[generator.integers(0, 20, number)] + 0.8 * generator.normal(size=(number, options.dimension))
        )

    index, held = vectors(options.references), vectors(500)
    scores, _ = search_over(index).nearest(held)
    centres = find_centres(index, 20, 0)
    arrays = {
        parts.INDEX: index,
        parts.INDEX_RECORDS: np.arange(len(index)),
        parts.CALIBRATION: held,
        parts.SCORES: scores,
        parts.TOPICS: assign(held, centres).astype(np.int16),
        parts.CENTRES: centres.astype(np.float32),
        parts.EXAMPLES: nearest_to(centres, index),
    }
    rank = rank_of(0.05, len(held))
    calibrated = Calibrated(
        references=len(index),
        calibration=len(held),
        conversations=len(index) + len(held),
        topics=len(centres),
        rank=rank,
        novel_rate=rank / (len(held) + 1),
        threshold=float(np.sort(scores)[rank - 1]),
        mean_nn_cosine=float(scores.mean()),
        gamma=1.0,
        closeness=Closeness(0.0, 0.0),
        seed=0,
    )
    for number in range(options.adapters):
        _write_baseline(folder / f"a{number}", f"a{number}", arrays, calibrated, options.dimension)
    return vectors(20_000)


def _write_baseline(folder: Path, name: str, arrays: dict[str, Any], calibrated: Calibrated, dimension: int) -> None:
    folder.mkdir(parents=True)
    files = {}
    for file, array in arrays.items():
        np.save(folder / file, array)
        data = (folder / file).read_bytes()
        files[file] = File(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    told = Manifest(
        version=parts.VERSION,
        tool="benchmark",
        created="2026-11-01T00:00:00Z",
        adapter=AdapterPart(name=name, path="", sha256=""),
        encoder=Identity("synthetic", ENCODER, dimension),
        data=DataPart(path="", sha256="", field="text", records=1, requests=1, repeated=0, unencodable=0),
        calibrated=calibrated,
        files=files,
    )
    (folder / parts.NAME).write_bytes(encode(told))


def _log(lake: Path, number: int, count: int, pool: Any, adapters: int, generator: np.random.Generator) -> None:
    few = np.minimum((generator.pareto(1.0, count) * adapters / 25).astype(int), adapters - 1)
    who = np.where(generator.random(count) < 0.5, generator.integers(0, adapters, count), few)
    asked, texts = generator.integers(len(pool), size=count), generator.integers(1, 2**63, size=count)
    rows = []
    for place in range(count):
        moment = START + (number * SECONDS + place * SECONDS // count) * 1_000_000
        request = Request(id=f"{number}-{place}", adapter=f"a{who[place]}", time=moment)
        row = row_of(request, "benchmark", keep_text=False)
        row["encoder"], row["embedding"] = ENCODER, pool[asked[place]].astype("<f2").tobytes()
        row["text_hash"], row["nll"], row["response_tokens"] = int(texts[place]), 1.0, 20
        rows.append(row)
    write_new(lake, rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapters", type=int, default=500)
    parser.add_argument("--rate", type=int, default=1000, help="requests a second, over all adapters")
    parser.add_argument("--polls", type=int, default=12)
    parser.add_argument("--references", type=int, default=2000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()
