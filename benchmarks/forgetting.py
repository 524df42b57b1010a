"""What ``loradiag forgetting`` costs: base and adapter beside one run of lm-evaluation-harness of the same model and tasks.

python benchmarks/forgetting.py [--base DIR --adapter DIR --include-path DIR --tasks A,B --limit N] [--device cuda] [--repeat N]
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402 - the path comes first
import shutil  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks.against import working_folder  # noqa: E402
from benchmarks.processes import Sample, measure  # noqa: E402
from benchmarks.rounds import interleave  # noqa: E402
from benchmarks.suites import CHILDREN, INSPECTED, ROOT, Bench  # noqa: E402
from benchmarks.tables import costs, met  # noqa: E402

SHARED = ROOT.parent / "shared"
COLD, WARM = 2.1, 1.1
"""Runs of lm-eval that base and adapter may take, without and with the base's answers in the cache."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the suite and print its table."""
    options = _parser().parse_args(arguments)
    with working_folder(options.cache) as folder:
        bench = Bench(folder, options.loradiag)
        store = folder / "answers"
        environment = {**bench.environment, "PYTHONPATH": str(ROOT), "LORADIAG_CACHE": str(store)}
        tasks = options.tasks or ",".join(sorted(path.stem for path in options.include_path.glob("blimp_*.yaml")))

        def alone(adapter: str) -> Sample:
            child = [
                sys.executable,
                str(CHILDREN / "harness.py"),
                str(options.base),
                adapter,
                str(options.include_path),
            ]
            return measure(
                [*child, tasks, str(options.limit), options.device, str(options.batch)], environment=environment
            )

        def ours(*, warm: bool) -> Sample:
            if not warm:
                shutil.rmtree(store / "scores", ignore_errors=True)
            command = [str(bench.loradiag), "forgetting", str(options.base), str(options.adapter), "--tasks", tasks]
            command += ["--include-path", str(options.include_path), "--batch", str(options.batch)]
            command += ["--device", options.device, "--compute", "fp32", "-q"]
            command += ["--limit", str(options.limit)] if options.limit else []
            return measure(command, environment=environment, accepted=INSPECTED)

        base, adapter = "lm-eval alone, base", "lm-eval alone, adapter"
        cold, warm = "loradiag forgetting, both", "the same, base remembered"
        runs = {
            base: lambda: alone("-"),
            adapter: lambda: alone(str(options.adapter)),
            cold: lambda: ours(warm=False),
            warm: lambda: ours(warm=True),
        }
        series = interleave(runs, options.repeat)
        print(f"# {tasks.count(',') + 1} tasks, {options.limit or 'all'} documents of each, {options.device}\n")
        print(costs(series.values(), series[adapter]), "\n")
        one = min(sample.wall for sample in series[adapter].samples)
        print(met("base and adapter", min(sample.wall for sample in series[cold].samples) / one, COLD, " runs"))
        print(met("with the base remembered", min(sample.wall for sample in series[warm].samples) / one, WARM, " runs"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base", type=Path, default=SHARED / "zoo" / "base")
    parser.add_argument("--adapter", type=Path, default=SHARED / "zoo" / "adapters" / "bank_forget")
    parser.add_argument("--include-path", type=Path, default=SHARED / "data" / "tasks")
    parser.add_argument("--tasks", help="names with commas (default: the BLiMP tasks of the folder)")
    parser.add_argument("--limit", type=int, default=0, help="documents of each task (default: all)")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="keep what is generated here (default: a temporary folder)")
    default = Path(sys.executable).parent / "loradiag"
    parser.add_argument("--loradiag", type=Path, default=default, help=f"the program under test (default: {default})")
    return parser


if __name__ == "__main__":
    main()
