"""Keep the reports of the trained adapters and what came of each: ``trials.json.gz`` and its like.

python -m benchmarks.validity.measure DIR [--group held-out]

DIR is what :mod:`benchmarks.validity.train` wrote. Singular values are left out, what derives
from them stays: rules can judge it again.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.validity.cases import FIXTURES, Case
from benchmarks.validity.expected import Expected
from benchmarks.validity.outcomes import expected_of, label_of
from loradiag.core.report import Report

FILES = {
    "trial": Path(__file__).with_name("trials.json.gz"),
    "held-out": Path(__file__).with_name("held_out.json.gz"),
    "larger": Path(__file__).with_name("larger.json.gz"),
}
"""Thresholds were set with the first in sight, and never with the others. What is not there was not measured yet."""


class Trial(msgspec.Struct, frozen=True):
    """One trained adapter: how, what came of it, and what loradiag measured."""

    condition: dict[str, Any]
    loss: dict[str, float | None]
    accuracy: dict[str, float]
    report: Report


class Trials(msgspec.Struct, frozen=True):
    """All of them, and the base's own losses and accuracies."""

    base: dict[str, dict[str, float]]
    trials: list[Trial]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--group", choices=FILES, default="trial", help="they were trained so")
    parser.add_argument("--base", type=Path, default=FIXTURES / "base")
    parser.add_argument("--device", default="cpu", help="where products with the base's weights are computed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, help="write this file instead")
    options = parser.parse_args(arguments)
    folders = sorted((options.source / "adapters").iterdir())
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(partial(measured, base=options.base, device=options.device), folders))
    kept = msgspec.to_builtins(Trials(json.loads((options.source / "base.json").read_text()), found))
    target = options.output or FILES[options.group]
    target.write_bytes(gzip.compress(msgspec.json.encode(_short(kept)), mtime=0))


def measured(folder: Path, base: Path, device: str) -> Trial:
    """Inspect one trained adapter beside its base."""
    from loradiag.api import Against, inspect

    truth = json.loads((folder / "truth.json").read_text())
    report = _slim(inspect(folder, Against(base=base, device=device)), folder.name)
    print(folder.name, flush=True)
    return Trial(truth["condition"], truth["loss"], truth["accuracy"], report)


def _short(value: Any) -> Any:
    """The same with five digits of every number."""
    if isinstance(value, dict):
        return {key: _short(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_short(each) for each in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _slim(report: Report, name: str) -> Report:
    measured = report.measurements
    if measured.spectrum is not None:
        rows = [msgspec.structs.replace(row, sigma=[]) for row in measured.spectrum.modules]
        measured = msgspec.structs.replace(measured, spectrum=msgspec.structs.replace(measured.spectrum, modules=rows))
    if measured.intruders is not None:
        counts = [msgspec.structs.replace(row, matches=[]) for row in measured.intruders.modules]
        measured = msgspec.structs.replace(
            measured, intruders=msgspec.structs.replace(measured.intruders, modules=counts)
        )
    subject = msgspec.structs.replace(report.subject, path=name)
    return msgspec.structs.replace(report, subject=subject, measurements=measured, findings=[])


def trials() -> Iterator[tuple[Case, Report]]:
    """The kept trials as labelled cases, each with its report, judged by the rules of today."""
    from loradiag.api import judge

    for group, file in ((group, file) for group, file in FILES.items() if file.exists()):
        kept = msgspec.json.decode(gzip.decompress(file.read_bytes()), type=Trials)
        yield from ((case, judge(report)) for case, report in _cases(group, kept))


def _cases(group: str, kept: Trials) -> Iterator[tuple[Case, Report]]:
    for trial in kept.trials:
        own = trial.condition["domain"]
        truth = {
            "own": own,
            "copy": False,
            "loss": {key: {"before": kept.base["loss"][key], "after": trial.loss[key]} for key in trial.loss},
            "accuracy": {
                key: {"before": kept.base["accuracy"][key], "after": trial.accuracy[key]} for key in trial.accuracy
            },
        }
        label, expected = label_of(truth), expected_of(truth, trial.condition)
        case = Case(
            name=f"{group}/{trial.condition['name']}",
            group=group,
            label=label,
            path=Path(trial.condition["name"]),
            sound=expected == Expected() and label == "learned",
            expected=expected,
            truth=truth,
        )
        yield case, trial.report


if __name__ == "__main__":
    main()
