"""What ``loradiag inspect --base`` costs beside reading the base and computing the leading singular vectors by scipy alone.

python benchmarks/against.py [--shape 8b-eighth|8b] [--repeat N] [--json OUT] [--cache DIR]
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402 - the path comes first
import contextlib  # noqa: E402
import dataclasses  # noqa: E402
import json  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Callable, Iterator, Mapping, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks.processes import FailedError, Sample, measure  # noqa: E402
from benchmarks.rounds import Series, interleave  # noqa: E402
from benchmarks.shapes import SHAPES  # noqa: E402
from benchmarks.suites import CHILDREN, INSPECTED, ROOT, Bench  # noqa: E402
from benchmarks.tables import costs, met  # noqa: E402

CONTROL = "control: read, top k by scipy"
FULL = "inspect --base"
NO_SPECTRA = "inspect --base --no-spectra"
PEAK = 1500
"""MiB that the process may need at its peak."""

RATIO = 1.5
"""Times the control: reading and top-k products must remain most of the time."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison, print its table and write the samples."""
    options = _parser().parse_args(arguments)
    with working_folder(options.cache) as cache:
        bench = Bench(cache, options.loradiag)
        adapter, base = bench.adapter(options.shape), made_base(cache, options.shape)
        control = [sys.executable, str(CHILDREN / "top_k.py"), str(adapter), str(base)]
        runs = {
            CONTROL: lambda: measure(control, environment=bench.environment),
            FULL: lambda: _inspect(bench, adapter, base),
            NO_SPECTRA: lambda: _inspect(bench, adapter, base, "--no-spectra"),
        }
        # A first round of minutes would only warm the page cache, which the files overflow anyway.
        series = interleave(runs, options.repeat) if options.repeat > 1 else _once(runs)
        size = sum(file.stat().st_size for file in base.glob("*.safetensors")) / 1e9
        print(f"# {options.shape}: {len(SHAPES[options.shape].modules):,} modules, base of {size:.1f} GB in BF16\n")
        print(costs(series.values(), series[CONTROL]), "\n")
        print(met("wall over control", series[FULL].wall / series[CONTROL].wall, RATIO, "×"))
        print(met("peak", series[FULL].peak, PEAK, " MB"), flush=True)
        if options.json is not None:
            kept = {name: [dataclasses.asdict(sample) for sample in found.samples] for name, found in series.items()}
            options.json.write_text(json.dumps(kept, indent=2) + "\n")


def _once(runs: Mapping[str, Callable[[], Sample]]) -> dict[str, Series]:
    return {name: Series(name, (run(),)) for name, run in runs.items()}


def _inspect(bench: Bench, adapter: Path, base: Path, *more: str) -> Sample:
    report = bench.cache / "against.report.json"
    report.unlink(missing_ok=True)
    command = [
        str(bench.loradiag),
        "inspect",
        str(adapter),
        "--base",
        str(base),
        "-f",
        "json",
        "-o",
        str(report),
        *more,
    ]
    sample = measure(command, environment=bench.environment, accepted=INSPECTED)
    if not report.is_file():
        raise FailedError("no report was left")
    return sample


def made_base(cache: Path, key: str) -> Path:
    """Make the base unless it is there."""
    folder = cache / f"{key}-base"
    if not (folder / "model.safetensors.index.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "benchmarks.generate_base", key, str(folder.resolve())]
        subprocess.run(command, cwd=ROOT, check=True)
    return folder


@contextlib.contextmanager
def working_folder(cache: Path | None) -> Iterator[Path]:
    """Give the folder that keeps what is generated, or one that vanishes."""
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        yield cache
        return
    with tempfile.TemporaryDirectory(prefix="loradiag-bench-") as folder:
        yield Path(folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shape", default="8b-eighth", choices=("tiny", "8b-eighth", "8b"), help="default: 8b-eighth")
    parser.add_argument(
        "--repeat", type=int, default=3, help="runs of each process; 1: no first round either (default: 3)"
    )
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    parser.add_argument("--cache", type=Path, help="keep what is generated here (default: a temporary folder)")
    default = Path(sys.executable).parent / "loradiag"
    parser.add_argument("--loradiag", type=Path, default=default, help=f"the program under test (default: {default})")
    return parser


if __name__ == "__main__":
    main()
