"""What ``loradiag inspect`` costs beside reading the file, and beside its peers.

python benchmarks/inspect.py [--only 8b,70b,moe,peers] [--repeat N] [--json OUT] [--cache DIR] [--peers-python PATH]
"""

from __future__ import annotations

import os
import sys

# Run as a script, this folder is where Python looks first, and this file would be taken for the standard library's
# inspect. The folder above takes its place.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402 - the path comes first
import contextlib  # noqa: E402
import dataclasses  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Iterator, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from benchmarks.peers import compare_peers  # noqa: E402
from benchmarks.rounds import Series, interleave, per_module  # noqa: E402
from benchmarks.shapes import SHAPES  # noqa: E402
from benchmarks.suites import CONTROL, INSPECT, REPEATS, TARGETS, WEIGHTS, Bench, modules  # noqa: E402
from benchmarks.tables import costs, met  # noqa: E402

SUITES = tuple(REPEATS)
LINEAR_WITHIN = 1.3
"""A module of the full mixture may cost this many times what one of the quarter does: noise, and no more."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the suites that were asked for, print their tables and write the samples."""
    options = _parser().parse_args(arguments)
    chosen = [name for name in SUITES if name in options.only.split(",")]
    results: dict[str, Any] = {"machine": machine(), "suites": {}}
    print(f"# loradiag inspect, whole processes\n\n{_one_line(results['machine'])}\n")
    with _folder(options.cache) as cache:
        bench = Bench(cache, options.loradiag)
        for name in chosen:
            repeat = options.repeat or REPEATS[name]
            if name == "peers":
                results["suites"][name] = compare_peers(bench, options.peers_python, repeat)
            else:
                results["suites"][name] = _mixture(bench, repeat) if name == "moe" else _single(bench, name, repeat)
            _keep(results, options.json)
        _keep(results, options.json)


def _keep(results: dict[str, Any], file: Path | None) -> None:
    """Write what there is so far: a run of an hour that is cut short keeps its finished suites."""
    if file is not None:
        file.write_text(json.dumps(results, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default=",".join(SUITES), help="suites, joined by commas (default: all)")
    parser.add_argument("--repeat", type=int, help="runs of each process (default: by suite)")
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    parser.add_argument("--cache", type=Path, help="keep the generated adapters here (default: a temporary folder)")
    default = Path(sys.executable).parent / "loradiag"
    parser.add_argument("--loradiag", type=Path, default=default, help=f"the program under test (default: {default})")
    parser.add_argument("--peers-python", type=Path, help="interpreter of an environment with the peers")
    return parser


@contextlib.contextmanager
def _folder(cache: Path | None) -> Iterator[Path]:
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        yield cache
        return
    with tempfile.TemporaryDirectory(prefix="loradiag-bench-") as folder:
        yield Path(folder)


def _single(bench: Bench, key: str, repeat: int) -> dict[str, Any]:
    """One shape against the control and against its targets."""
    series = interleave(bench.runs(key), repeat)
    control, inspect, target = series[CONTROL], series[INSPECT], TARGETS[key]
    _title(bench, key, repeat)
    print(costs(series.values(), control), "\n")
    print(met("wall over control", inspect.wall / control.wall, target.ratio, "×"))
    print(met("peak", inspect.peak, target.peak, " MB"), "\n", flush=True)
    return _kept(series)


def _mixture(bench: Bench, repeat: int) -> dict[str, Any]:
    """A mixture of experts and a quarter of it: is time linear in the number of modules?"""
    bench.adapter("tiny")
    runs = {f"{key}: {name}": run for key in ("moe", "moe-quarter") for name, run in bench.runs(key).items()}
    runs[f"tiny: {INSPECT}"] = lambda: bench.inspect("tiny")
    series = interleave(runs, repeat)
    empty = series[f"tiny: {INSPECT}"]
    _title(bench, "moe", repeat)
    print(costs(series.values(), series[f"moe: {CONTROL}"]), "\n")
    timed = {key: (series[f"{key}: {INSPECT}"].wall, modules(key)) for key in ("moe", "moe-quarter")}
    for key, (wall, count) in timed.items():
        print(
            f"- {key}: {1e3 * (wall - empty.wall) / count:.3f} ms for each of {count:,} modules, the empty process aside"
        )
    ratio = per_module(timed["moe"], timed["moe-quarter"], empty.wall)
    print(met("time a module, full over quarter", ratio, LINEAR_WITHIN, "×"), "\n", flush=True)
    return _kept(series)


def _title(bench: Bench, key: str, repeat: int) -> None:
    size = (bench.cache / key / WEIGHTS).stat().st_size / 1e6
    shape = SHAPES[key]
    print(f"## {key}: {len(shape.modules):,} modules, r={shape.rank}, BF16, {size:,.0f} MB, {repeat} runs each\n")


def _kept(series: dict[str, Series]) -> dict[str, Any]:
    return {name: [dataclasses.asdict(sample) for sample in found.samples] for name, found in series.items()}


def machine() -> dict[str, Any]:
    """What the numbers hang on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }


def _one_line(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


if __name__ == "__main__":
    main()
