"""What ``loradiag compare`` of two adapters costs beside inspecting both, and how it grows with their number.

python benchmarks/compare.py [--shape 8b] [--repeat N] [--adapters 8] [--cache DIR]
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402 - the path comes first
import subprocess  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks.processes import Sample, measure  # noqa: E402
from benchmarks.rounds import interleave  # noqa: E402
from benchmarks.suites import INSPECTED, ROOT, WEIGHTS, Bench, modules  # noqa: E402
from benchmarks.tables import costs, met  # noqa: E402

TARGET = 2.0
"""Comparing two may take so many times what inspecting both takes, in one process each."""

BOTH, TWO = "inspect both", "compare two"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table and whether the target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shape", default="8b", help="of the adapters (default: 8b)")
    parser.add_argument("--repeat", type=int, default=7, help="runs of each process (default: 7)")
    parser.add_argument("--adapters", type=int, default=8, help="how many are compared all with all (default: 8)")
    parser.add_argument("--cache", type=Path, help="keep the generated adapters here (default: a temporary folder)")
    default = Path(sys.executable).parent / "loradiag"
    parser.add_argument("--loradiag", type=Path, default=default, help=f"the program under test (default: {default})")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="loradiag-bench-") as temporary:
        cache = options.cache or Path(temporary)
        bench = Bench(cache, options.loradiag)
        folders = [_adapter(cache, options.shape, number) for number in range(options.adapters)]
        runs = {
            BOTH: lambda: _run(bench, "inspect", folders[:2]),
            TWO: lambda: _run(bench, "compare", folders[:2]),
            f"inspect {len(folders)}": lambda: _run(bench, "inspect", folders),
            f"compare {len(folders)}": lambda: _run(bench, "compare", folders),
        }
        series = interleave(runs, options.repeat)
        pairs = len(folders) * (len(folders) - 1) // 2
        print(f"# loradiag compare, {modules(options.shape):,} modules each, {options.repeat} runs\n")
        print(costs(series.values(), series[BOTH]), "\n")
        print(met("wall of two over inspecting both", series[TWO].wall / series[BOTH].wall, TARGET, "×"))
        print(met("CPU of two over inspecting both", series[TWO].cpu / series[BOTH].cpu, TARGET, "×"))
        many = series[f"compare {len(folders)}"].wall / series[f"inspect {len(folders)}"].wall
        print(f"- {len(folders)} adapters, {pairs} pairs: {many:.2f} × inspecting all of them")


def _adapter(cache: Path, shape: str, seed: int) -> Path:
    """An adapter of the shape from a seed, made by a process of its own: the runner must stay small."""
    folder = cache / f"{shape}-{seed}"
    if not (folder / WEIGHTS).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        code = (
            "import sys; from pathlib import Path; from benchmarks.generate import write; from benchmarks.shapes import SHAPES;"
            "write(SHAPES[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3]))"
        )
        subprocess.run([sys.executable, "-c", code, shape, str(folder.resolve()), str(seed)], cwd=ROOT, check=True)
    return folder


def _run(bench: Bench, command: str, folders: Sequence[Path]) -> Sample:
    told = [str(bench.loradiag), command, *map(str, folders), "--format", "json"]
    return measure(told, environment=bench.environment, accepted=INSPECTED)


if __name__ == "__main__":
    main()
