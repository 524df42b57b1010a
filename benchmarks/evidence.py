"""What the thresholds beside a base rest on: sizes, intruders and evidence of fit against measured forgetting.

python benchmarks/evidence.py [--trials DIR]...

DIR holds ``base``, ``adapters`` and ``TRUTH.json`` as ``fixtures`` does (the default). Adapters whose truth gives the loss on
the base's own text before and after are correlated; all are listed, each on its own base and on a relabelled one.
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402 - the path comes first
import json  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Iterator, Mapping, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, NamedTuple  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks.tables import markdown  # noqa: E402
from loradiag.api import Against, inspect_all  # noqa: E402
from loradiag.bases.opening import open_base  # noqa: E402
from loradiag.core.report import Report  # noqa: E402

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
HEAD = ("adapter", "step", "Δ loss", "‖ΔW‖_F/‖W‖_F", "σ₁(ΔW)/σ₁(W)", "lost", "intruders", "z own", "z relabelled")


class Trial(NamedTuple):
    """One adapter on its own base and on a relabelled one. Sizes and intruders are medians and means over modules."""

    name: str
    step: int | None
    loss: float | None
    frobenius: float
    spectral: float
    lost: float | None
    intruders: float
    z: float | None
    relabelled: float | None

    def cells(self) -> list[str]:
        """A row of the table."""
        return [self.name, *("–" if value is None else f"{value:.3g}" for value in self[1:])]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table and the correlations for each folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=Path, action="append", metavar="DIR", help="default: fixtures")
    options = parser.parse_args(arguments)
    for folder in options.trials or [FIXTURES]:
        found = list(trials(folder))
        print(f"## {folder.name}\n")
        print(markdown(HEAD, (trial.cells() for trial in sorted(found, key=lambda trial: trial.frobenius))), "\n")
        known = [trial for trial in found if trial.loss is not None]
        for field in ("frobenius", "spectral", "intruders"):
            value = rank_correlation([getattr(trial, field) for trial in known], [trial.loss or 0.0 for trial in known])
            print(f"- rank correlation of Δ loss with {field} over {len(known)} adapters: {value:.2f}")
        print(flush=True)


def trials(folder: Path) -> Iterator[Trial]:
    """Measure every adapter of a folder that is an update of its base."""
    truth = losses(json.loads((folder / "TRUTH.json").read_text()))
    with tempfile.TemporaryDirectory() as temporary:
        other = relabelled(folder / "base", Path(temporary))
        for adapter in sorted((folder / "adapters").iterdir()):
            foreign = inspect_all(adapter, Against(base=other))
            for report, strange in zip(inspect_all(adapter, folder / "base"), foreign, strict=True):
                trial = _trial(adapter.name, report, strange, truth)
                if trial is not None:
                    yield trial


def _trial(name: str, report: Report, strange: Report, truth: Mapping[str, float]) -> Trial | None:
    measured = report.measurements
    rows = measured.relative.modules if measured.relative else []
    sizes = [row.relative_frobenius for row in rows if row.relative_frobenius is not None]
    if not sizes or measured.relative is None:
        return None
    spectral = [row.relative_spectral for row in rows if row.relative_spectral is not None]
    counts = [row.count for row in measured.intruders.modules if row.count is not None] if measured.intruders else []
    last = report.subject.step is None or report.subject.step == 800  # the truth is of the end of a series
    return Trial(
        name=name,
        step=report.subject.step,
        loss=truth.get(name) if last else None,
        frobenius=float(np.median(sizes)),
        spectral=float(np.median(spectral)) if spectral else 0.0,
        lost=measured.relative.swallowed_share,
        intruders=float(np.mean(counts)) if counts else 0.0,
        z=measured.fit.alignment_z if measured.fit else None,
        relabelled=strange.measurements.fit.alignment_z if strange.measurements.fit else None,
    )


def losses(truth: Mapping[str, Any]) -> dict[str, float]:
    """Rise of the loss on the base's own text, by adapter, from either form of TRUTH.json."""
    if "adapters" in truth:
        originals = {name: entry for name, entry in truth["adapters"].items() if "copy_of" not in entry}
        told = {name: entry.get("loss", {}).get("base") for name, entry in originals.items()}
        return {name: loss["after"] - loss["before"] for name, loss in told.items() if loss}
    return {name: entry["books"] - truth["base"]["books"] for name, entry in truth.items() if name != "base"}


def relabelled(folder: Path, target: Path, seed: int = 7) -> Path:
    """Write the same model with its hidden units in another order: equal in function, in spectra and in shapes."""
    from loradiag.linalg.widen import widen

    base = open_base(folder)
    width = int(base.setting("hidden_size"))
    order = np.random.default_rng(seed).permutation(width)
    entries: dict[str, Any] = {}
    blobs, offset = [], 0
    for name, weight in base.weights.items():
        values = widen(weight.read(0, weight.shape[0]), weight.dtype).astype(np.float32)
        leaf = name.removesuffix(".weight").rpartition(".")[2]
        if leaf in ("o_proj", "down_proj") or "norm" in leaf:
            values = values[order]
        elif values.shape[1] == width:
            values = values[:, order]
        shape = base.tensors[name].shape
        entries[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + values.nbytes]}
        blobs.append(np.ascontiguousarray(values).tobytes())
        offset += values.nbytes
    head = json.dumps(entries).encode()
    with (target / "model.safetensors").open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        file.writelines(blobs)
    (target / "config.json").write_text(json.dumps(dict(base.config)))
    return target


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's."""
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


if __name__ == "__main__":
    main()
