"""How long commands take before they do anything: whole processes, against Python with the two packages that any of them needs.

``python benchmarks/start.py``
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.processes import measure
from benchmarks.rounds import interleave
from benchmarks.suites import Bench
from benchmarks.tables import costs, met

CONTROL, HELP = "python, argparse and rich", "loradiag --help"
TARGET = 2.0
"""``loradiag --help`` may take so many times what the control takes."""

COMMANDS = (
    "inspect",
    "merge-drift",
    "forgetting",
    "drift check",
    "drift watch",
    "traffic ingest",
    "dashboard",
    "demo",
    "compare",
    "fleet",
    "registry ls",
    "rule",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table and whether the target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=15, help="runs of each process (default: 15)")
    default = Path(sys.executable).parent / "loradiag"
    parser.add_argument("--loradiag", type=Path, default=default, help=f"the program under test (default: {default})")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="loradiag-bench-") as cache:
        bench = Bench(Path(cache), options.loradiag)
        told = {CONTROL: [sys.executable, "-c", "import argparse, rich"], HELP: [str(options.loradiag), "--help"]}
        told |= {f"loradiag {name} --help": [str(options.loradiag), *name.split(), "--help"] for name in COMMANDS}
        runs = {
            name: lambda command=command: measure(command, environment=bench.environment)
            for name, command in told.items()
        }
        series = interleave(runs, options.repeat)
    print(f"# Starting, {options.repeat} runs\n")
    print(costs(series.values(), series[CONTROL]), "\n")
    print(met("loradiag --help over the control, wall", series[HELP].wall / series[CONTROL].wall, TARGET, "×"))
    print(met("the same, least of each", series[HELP].best / series[CONTROL].best, TARGET, "×"))


if __name__ == "__main__":
    main()
