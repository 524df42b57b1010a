"""What ``loradiag merge-drift`` costs: outputs beside plain forward passes, weights beside the quantizer alone.

python benchmarks/merge.py [--only outputs|weights] [--base DIR --adapter DIR --prompts FILE] [--device cuda] [--cache DIR]
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402 - the path comes first
import json  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks.against import made_base, working_folder  # noqa: E402
from benchmarks.processes import Sample, measure  # noqa: E402
from benchmarks.rounds import interleave  # noqa: E402
from benchmarks.suites import CHILDREN, INSPECTED, ROOT, Bench  # noqa: E402
from benchmarks.tables import costs, markdown, met  # noqa: E402

ZOO = ROOT.parent / "shared"
PASSES = 1.3
"""Plain forward passes that each route, the base and the reference may take, all that is done beside them included."""

SECONDS = 300
BATCH = 4096
WEIGHT_ROUTES = ("bf16", "nf4")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the suites and print their tables."""
    options = _parser().parse_args(arguments)
    with working_folder(options.cache) as cache:
        bench = Bench(cache, options.loradiag)
        if options.only in (None, "outputs"):
            _outputs(bench, options)
        if options.only in (None, "weights"):
            _weights(bench, options)


def _outputs(bench: Bench, options: argparse.Namespace) -> None:
    """All routes, beside one plain pass before and one after."""
    report, timed = bench.cache / "merge.report.json", bench.cache / "forward.json"
    where = [str(options.base), str(options.prompts), str(options.limit), str(BATCH), options.device, str(timed)]
    forward = [sys.executable, str(CHILDREN / "forward.py"), *where]
    environment = {**bench.environment, "PYTHONPATH": str(ROOT), "LORADIAG_CACHE": str(bench.cache / "loradiag")}
    prompts = ["--prompts", str(options.prompts), "--limit", str(options.limit), "--batch-tokens", str(BATCH)]
    command = [str(bench.loradiag), "merge-drift", str(options.base), str(options.adapter), *prompts]
    command += ["--device", options.device, "-f", "json", "-o", str(report)]
    plain, samples = [], []
    for _ in range(options.repeat):
        for process, accepted in ((forward, (0,)), (command, INSPECTED), (forward, (0,))):
            sample = measure(process, environment=environment, accepted=accepted)
            if process is forward:
                plain.append(json.loads(timed.read_text())["seconds"])
            else:
                samples.append(sample)
    routes = len([row for row in _merge(report)["routes"] if row["status"] != "not-applicable"])
    tokens = _merge(report)["outputs"]["tokens"]
    one, whole = min(plain), min(sample.wall for sample in samples)
    print(f"# outputs: {routes} routes, {options.limit} samples, {tokens:,} tokens, {options.device}\n")
    print(markdown(("", "seconds"), [["one plain pass", f"{one:.1f}"], ["loradiag merge-drift", f"{whole:.1f}"]]), "\n")
    print(met("plain passes", whole / one, (routes + 2) * PASSES))
    print(met("wall", whole, SECONDS, " s"))
    print(met("peak", max(sample.peak for sample in samples), 8000, " MB"), "\n", flush=True)


def _weights(bench: Bench, options: argparse.Namespace) -> None:
    """One route at a time, beside reading and quantizing alone."""
    adapter, base = bench.adapter(options.shape), made_base(bench.cache, options.shape)
    size = sum(file.stat().st_size for file in base.glob("*.safetensors")) / 1e9
    print(f"# weights: {options.shape}, base of {size:.1f} GB in BF16, {options.device}\n")
    for route in WEIGHT_ROUTES:
        control = [sys.executable, str(CHILDREN / "quantize.py"), str(adapter), str(base), route, options.device]
        command = [str(bench.loradiag), "merge-drift", str(base), str(adapter), "--route", route, "--no-fit"]
        command += ["--device", options.device, "-q"]
        names = f"control: read, {route}", f"merge-drift --route {route}"

        def run(command: list[str], accepted: Sequence[int] = (0,)) -> Sample:
            return measure(command, environment=bench.environment, accepted=accepted)

        runs = {
            names[0]: lambda control=control: run(control),
            names[1]: lambda command=command: run(command, INSPECTED),
        }
        series = interleave(runs, options.repeat)
        print(costs(series.values(), series[names[0]]), "\n", flush=True)


def _merge(report: Path) -> dict:
    found: dict = json.loads(report.read_text())["measurements"]["merge"]
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=("outputs", "weights"))
    parser.add_argument("--base", type=Path, default=ZOO / "zoo" / "base")
    parser.add_argument("--adapter", type=Path, default=ZOO / "zoo" / "adapters" / "med_r16")
    parser.add_argument("--prompts", type=Path, default=ZOO / "data" / "text" / "med_test.jsonl")
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--shape", default="8b-eighth", choices=("tiny", "8b-eighth", "8b"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="keep what is generated here (default: a temporary folder)")
    default = Path(sys.executable).parent / "loradiag"
    parser.add_argument("--loradiag", type=Path, default=default, help=f"the program under test (default: {default})")
    return parser


if __name__ == "__main__":
    main()
