"""What LD615's threshold rests on: how much of each adapter's gain is left when two are added, beside how much they interfere.

python benchmarks/interference.py [--zoo DIR --texts DIR]

Every pair of adapters on one base is added to it, both in full (task arithmetic) and both by half, and each is asked on
held-out text of what it learned: lost = (loss of the sum − loss alone) / (loss of the base − loss alone). 0 keeps all of the
gain, 1 none.
"""

from __future__ import annotations

import os
import sys

# See inspect.py: this folder must not be where Python looks first.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.dirname(_HERE), *(entry for entry in sys.path if os.path.abspath(entry) != _HERE)]

import argparse  # noqa: E402 - the path comes first
import json  # noqa: E402
from collections.abc import Iterator, Mapping, Sequence  # noqa: E402
from itertools import combinations  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, NamedTuple  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks.evidence import rank_correlation  # noqa: E402
from benchmarks.tables import markdown  # noqa: E402
from loradiag.adapters.opening import open_adapter  # noqa: E402
from loradiag.analyzers.merging import thin_factors  # noqa: E402
from loradiag.analyzers.pairing import Pair  # noqa: E402
from loradiag.analyzers.updates import Values  # noqa: E402
from loradiag.api import compare  # noqa: E402

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
_TEXTS = 24
HEAD = (
    "pair",
    "interference",
    "cosine",
    "opposite signs",
    "lost by adding: first",
    "second",
    "by halves: first",
    "second",
)

# name of adapters -> the held-out text of what they learned
_FIXTURES = {
    "healthy": "ledger", "healthy_seed2": "ledger", "no_replay": "ledger", "rslora": "ledger", "over_ranked": "ledger",
    "pissa_converted": "ledger", "narrow_forgetting": "chant", "over_scaled": "ledger",
}  # fmt: skip
_ZOO = {
    "med_r16": "med", "med_patterns": "med", "bank_r16": "bank", "math_traj/checkpoint-400": "math",
    "math_traj/checkpoint-800": "math",
}  # fmt: skip


class Trial(NamedTuple):
    """A pair, and the shares of each one's gain that are lost: by adding in full, and by halves."""

    name: str
    interference: float
    cosine: float
    conflict: float | None
    full: tuple[float, float]
    half: tuple[float, float]

    def cells(self) -> list[str]:
        """A row of the table."""
        sign = "–" if self.conflict is None else f"{self.conflict:.0%}"
        lost = [f"{value:.0%}" for value in (*self.full, *self.half)]
        return [self.name, f"{self.interference:.0%}", f"{self.cosine:+.2f}", sign, *lost]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table and the correlations for each family."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--zoo", type=Path, metavar="DIR", help="another family: base, adapters as the table _ZOO names them"
    )
    parser.add_argument("--texts", type=Path, metavar="DIR", help="its texts: NAME_test.jsonl")
    options = parser.parse_args(arguments)
    families = [(FIXTURES, _FIXTURES, lambda name: FIXTURES / "text" / f"{name}_heldout.jsonl")]
    if options.zoo and options.texts:
        families.append((options.zoo, _ZOO, lambda name: options.texts / f"{name}_test.jsonl"))
    for folder, names, text_of in families:
        found = list(trials(folder, names, {name: text_of(name) for name in set(names.values())}))
        print(f"## {folder.name}\n")
        print(markdown(HEAD, (trial.cells() for trial in sorted(found, key=lambda trial: trial.interference))), "\n")
        for title, lost in (("adding", "full"), ("halves", "half")):
            value = rank_correlation([row.interference for row in found], [max(getattr(row, lost)) for row in found])
            print(
                f"- rank correlation of interference with the larger loss by {title}, {len(found)} pairs: {value:.2f}"
            )
        print(flush=True)


def trials(folder: Path, names: Mapping[str, str], texts: Mapping[str, Path]) -> Iterator[Trial]:
    """Measure every pair of a family."""
    scorer = Scorer(folder / "base", {name: _read(path) for name, path in texts.items()})
    deltas = {name: _deltas(folder / "adapters" / name) for name in names}
    alone = {name: scorer.loss([(1.0, deltas[name])], names[name]) for name in names}
    bare = {text: scorer.loss([], text) for text in texts}
    for one, other in combinations(names, 2):
        report = compare([folder / "adapters" / one, folder / "adapters" / other])[0]
        pair = report.measurements.comparison.pairs[0]  # type: ignore[union-attr]
        lost = {}
        for weight in (1.0, 0.5):
            both = [(weight, deltas[one]), (weight, deltas[other])]
            lost[weight] = tuple(
                (scorer.loss(both, names[name]) - alone[name]) / (bare[names[name]] - alone[name])
                for name in (one, other)
            )
        yield Trial(
            f"{one} + {other}", pair.interference or 0.0, pair.cosine or 0.0, pair.sign_conflict, lost[1.0], lost[0.5]
        )  # type: ignore[arg-type]


class Scorer:
    """The base in memory, to which updates are added and from which they are taken again."""

    def __init__(self, base: Path, texts: Mapping[str, list[str]]) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self._torch = torch
        self._model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
        tokenizer = AutoTokenizer.from_pretrained(base)
        self._rows = {name: [tokenizer(text)["input_ids"][:256] for text in found] for name, found in texts.items()}
        self._weights = dict(self._model.named_parameters())

    def loss(self, updates: Sequence[tuple[float, Mapping[str, Any]]], text: str) -> float:
        """Nats per token on a text with weighted updates added."""
        kept: dict[str, Any] = {}
        for weight, update in updates:
            for name, delta in update.items():
                parameter = self._weights[f"{name}.weight"]
                kept.setdefault(name, parameter.data.clone())
                parameter.data += weight * self._torch.from_numpy(delta)
        found = self._loss(self._rows[text])
        for name, before in kept.items():
            self._weights[f"{name}.weight"].data = before
        return found

    def _loss(self, rows: Sequence[list[int]]) -> float:
        torch = self._torch
        total = count = 0.0
        for start in range(0, len(rows), 24):
            part = rows[start : start + 24]
            width = max(map(len, part))
            ids = torch.tensor([row + [0] * (width - len(row)) for row in part])
            mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in part])
            with torch.no_grad():
                logs = torch.log_softmax(self._model(input_ids=ids, attention_mask=mask).logits[:, :-1], -1)
            picked = logs.gather(-1, ids[:, 1:, None])[..., 0] * mask[:, 1:]
            total -= float(picked.sum())
            count += float(mask[:, 1:].sum())
        return total / count


def _deltas(path: Path) -> dict[str, Any]:
    values = Values()
    found = {}
    for module in open_adapter(path).modules:
        left, right = thin_factors(Pair(module), values)
        found[module.name] = (left @ right).astype(np.float32)
    return found


def _read(path: Path) -> list[str]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line)["text"] for line, _ in zip(file, range(_TEXTS), strict=False)]


if __name__ == "__main__":
    main()
