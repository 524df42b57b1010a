"""How often ``loradiag drift check`` cries wolf and how often it sees drift, on real requests, beside what others use.

python benchmarks/drift.py --encoder DIR --traffic DIR [--trials N] [--window N] [--peers-python PYTHON]

``--traffic`` has banking77_train.jsonl, banking77_test.jsonl, clinc150_out_of_scope.jsonl and medquad_questions.jsonl.
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
from collections.abc import Callable, Mapping, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks.suites import CHILDREN, ROOT  # noqa: E402
from loradiag.analyzers.drift.check import adjusted, check  # noqa: E402
from loradiag.analyzers.drift.wanted import Wanted, window_of  # noqa: E402
from loradiag.api.judging import default_policy  # noqa: E402
from loradiag.baselines.building import Recipe, build_baseline  # noqa: E402
from loradiag.baselines.reading import Baseline, open_baseline  # noqa: E402
from loradiag.core.drift import DriftWindow  # noqa: E402
from loradiag.core.windows import settle  # noqa: E402
from loradiag.embeddings.encoder import Encoder, load_encoder  # noqa: E402
from loradiag.statistics.shares import share_interval  # noqa: E402
from loradiag.traffic.reading import Lake  # noqa: E402
from loradiag.traffic.vectors import write_vectors  # noqa: E402

SHARED = ROOT.parent / "shared"
Draw = Callable[[np.random.Generator], Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Make baselines, draw windows, and print how many of them were called what."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoder = load_encoder(str(options.encoder))
        known = {
            served: _baseline(folder, served, options.traffic / f"{file}.jsonl", encoder, options.seed)
            for served, file in (("banking", "banking77_train"), ("medical", "medquad_questions"))
        }
        scenarios = _scenarios(options, encoder)
        print(f"# {options.trials} windows of {options.window} requests, beside banking77's training part\n")
        print("| window | any alarm | novel | mix | median novel share | routed to medical |")
        print("|---|---|---|---|---|---|")
        drawn: dict[str, list[Any]] = {}
        for scenario, draw in scenarios.items():
            generator = np.random.default_rng(options.seed)
            drawn[scenario] = [draw(generator) for _ in range(options.trials)]
            found = [
                _checked(folder / f"{scenario}-{number}", window, known, options.tolerance)
                for number, window in enumerate(drawn[scenario])
            ]
            print(_line(scenario, found), flush=True)
        _peers(options, folder, known["banking"], drawn)


def _baseline(folder: Path, name: str, data: Path, encoder: Encoder, seed: int) -> Baseline:
    recipe = Recipe(name=name, adapter=str(folder / "none"), adapter_sha256="", seed=seed)
    build_baseline(data, folder / name, encoder, recipe, progress=lambda *_: None)
    return open_baseline(folder / name)


def _scenarios(options: argparse.Namespace, encoder: Encoder) -> Mapping[str, Draw]:
    def read(name: str) -> tuple[Any, Any]:
        rows = [json.loads(line) for line in (options.traffic / name).read_text().splitlines()]
        return encoder.encode([row["text"] for row in rows]), np.array([row.get("label", "") for row in rows])

    test, labels = read("banking77_test.jsonl")
    foreign, _ = read("clinc150_out_of_scope.jsonl")
    medical, _ = read("medquad_questions.jsonl")
    size = options.window

    def mixed(other: Any, share: float) -> Draw:
        def draw(rng: np.random.Generator) -> Any:
            count = round(size * share)
            own = test[rng.permutation(len(test))[: size - count]]
            return np.concatenate([own, other[rng.permutation(len(other))[:count]]])

        return draw

    def shifted(intents: int, share: float) -> Draw:
        def draw(rng: np.random.Generator) -> Any:
            inside = np.isin(labels, rng.permutation(np.unique(labels))[:intents])
            count = min(round(size * share), int(inside.sum()))
            sides = (np.flatnonzero(inside), count), (np.flatnonzero(~inside), size - count)
            return test[np.concatenate([rng.permutation(rows)[:number] for rows, number in sides])]

        return draw

    return {
        "none": mixed(foreign, 0.0),
        "10% out of scope": mixed(foreign, 0.1),
        "20% out of scope": mixed(foreign, 0.2),
        "5 of 77 intents make half": shifted(5, 0.5),
        "10 of 77 intents make half": shifted(10, 0.5),
        "another adapter's requests": mixed(medical, 1.0),
    }


def _checked(lake: Path, window: Any, known: Mapping[str, Baseline], tolerance: float) -> DriftWindow:
    baseline = known["banking"]
    write_vectors(lake, baseline.name, window, baseline.manifest.encoder.sha256)
    wanted = Wanted(window=window_of("all"), tolerance=tolerance, exemplars=0)
    found = check(Lake(lake), baseline.name, baseline, list(known.values()), wanted, lambda *_: None)
    return settle(adjusted([found])[0], default_policy().thresholds).windows[0]


def _line(scenario: str, found: Sequence[DriftWindow]) -> str:
    def rate(*statuses: str) -> str:
        return _rate(sum(row.status in statuses for row in found), len(found))

    routed = sum(row.recommended_route == "medical" for row in found)
    novel = float(np.median([row.novelty_share or 0.0 for row in found]))
    both = "novel+shifted"
    return (
        f"| {scenario} | {rate('novel', 'shifted', both)} | {rate('novel', both)} | {rate('shifted', both)} | {novel:.3f} "
        f"| {_rate(routed, len(found))} |"
    )


def _rate(count: int, n: int) -> str:
    low, high = share_interval(count, n)
    return f"{count / n:.3f} ({low:.3f}–{high:.3f})"


def _peers(options: argparse.Namespace, folder: Path, baseline: Baseline, drawn: Mapping[str, Any]) -> None:
    """The same windows through what others use, in an interpreter that has it; with no trials, nothing."""
    if not options.peer_trials:
        return
    few = {name: np.stack(windows[: options.peer_trials]) for name, windows in drawn.items()}
    data = folder / "windows.npz"
    held = np.random.default_rng(options.seed).permutation(baseline.calibration)  # they lie in the order of the data
    numbered = {f"w{number}": windows for number, windows in enumerate(few.values())}
    np.savez(data, index=baseline.index, held=held, names=list(few), **numbered)
    subprocess.run([str(options.peers_python), str(CHILDREN / "ask_detectors.py"), str(data)], check=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--encoder", type=Path, default=SHARED / "encoder" / "m2v-bge-64")
    parser.add_argument("--traffic", type=Path, default=SHARED / "data" / "traffic")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--window", type=int, default=200)
    parser.add_argument("--tolerance", type=float, default=Wanted(window=window_of("all")).tolerance)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers-python", type=Path, default=Path(sys.executable))
    parser.add_argument("--peer-trials", type=int, default=50)
    return parser


if __name__ == "__main__":
    main()
