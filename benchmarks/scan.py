"""What scanning a fleet costs: adapters a second, the second time, on one worker and on two, on Ray, and all against all.

python benchmarks/scan.py [--adapters 1000] [--ray] [--cache DIR]

Adapters are of 48 modules, r = 8, FP32, 3.2 MB each, of random numbers. The control reads the same bytes once.
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402 - the path comes first
import json  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks.processes import Sample, measure  # noqa: E402
from benchmarks.suites import CHILDREN, ROOT  # noqa: E402
from benchmarks.tables import markdown, met  # noqa: E402

LEAST_A_SECOND, LEAST_AGAIN, LEAST_RAY = 40.0, 20.0, 1.5


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table and whether the targets are met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--adapters", type=int, default=1000, help="default: 1000")
    parser.add_argument("--ray", action="store_true", help="one and two workers of a local Ray as well")
    parser.add_argument("--cache", type=Path, help="keep the generated adapters here (default: a temporary folder)")
    default = Path(sys.executable).parent / "loradiag"
    parser.add_argument("--loradiag", type=Path, default=default, help=f"the program under test (default: {default})")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="loradiag-bench-") as temporary:
        fleet = (options.cache or Path(temporary)) / "fleet"
        subprocess.run(
            [sys.executable, str(CHILDREN / "fill_fleet.py"), str(fleet), str(options.adapters)], cwd=ROOT, check=True
        )
        _suite(options.loradiag, fleet, Path(temporary), options.adapters, ray=options.ray)


def _suite(program: Path, fleet: Path, temporary: Path, count: int, *, ray: bool) -> None:
    control = measure([sys.executable, str(CHILDREN / "read_all.py"), str(fleet)], environment={})
    control = measure([sys.executable, str(CHILDREN / "read_all.py"), str(fleet)], environment={})  # warm
    rows = [("read the bytes once", control, 0)]
    scan = [str(program), "fleet", str(fleet), "-q", "-f", "json"]

    def run(name: str, cache: str, *more: str) -> Sample:
        sample = measure([*scan, *more], environment={"LORADIAG_CACHE": str(temporary / cache)}, accepted=(0, 1))
        rows.append((name, sample, count))
        return sample

    first = run("two workers", "a", "--workers", "2")
    again = run("the second time", "a")
    run("one worker", "b", "--workers", "1")
    name = "model.layers.0.self_attn.q_proj"
    run("all against all on one module", "a", "--overlap", name, "--overlap-folder", str(temporary / "out"))
    if ray:
        few = [
            str(program),
            "fleet",
            *map(str, sorted(fleet.glob("team00/*"))[:6]),
            "-q",
            "-f",
            "json",
            "--engine",
            "ray",
        ]
        begun = measure(few, environment={"LORADIAG_CACHE": str(temporary / "e")}, accepted=(0, 1)).wall
        one = run("Ray, one worker", "c", "--engine", "ray", "--workers", "1")
        two = run("Ray, two workers", "d", "--engine", "ray", "--workers", "2")
    print(f"# loradiag fleet, {count:,} adapters of 3.2 MB\n")
    print(
        markdown(
            ("", "wall", "CPU", "peak of a process", "adapters a second", "× control"),
            (_row(*row, control) for row in rows),
        )
    )
    print()
    print(_least("adapters a second", count / first.wall, LEAST_A_SECOND))
    print(_least("first over second time", first.wall / again.wall, LEAST_AGAIN))
    if ray:
        print(f"- Ray begins, and scans six, in {begun:.1f} s")
        print(_least("Ray: one worker over two, less that", (one.wall - begun) / (two.wall - begun), LEAST_RAY))
    print(met("peak of the scanning process", first.peak, 500, " MB"))
    print(json.dumps({name: sample.wall for name, sample, _ in rows}))


def _row(name: str, sample: Sample, count: int, control: Sample) -> list[str]:
    rate = f"{count / sample.wall:,.0f}" if count else ""
    return [
        name,
        f"{sample.wall:.2f} s",
        f"{sample.cpu:.2f} s",
        f"{sample.peak:.0f} MB",
        rate,
        f"{sample.wall / control.wall:.1f}",
    ]


def _least(what: str, value: float, limit: float) -> str:
    return f"- {what}: {value:.3g}, target at least {limit:g}: {'met' if value >= limit else 'MISSED'}"


if __name__ == "__main__":
    main()
